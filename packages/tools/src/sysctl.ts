/**
 * sysctl(8): kern.ipc.*, security.jail.* and their like. [TOOL-43] to [TOOL-45]
 *
 * Ours are --boot, which shows what can be set at boot only, and --json. The opaque listings
 * (kern.ipc.sema and its like) are those of ipcs(1).
 */
import { ENOENT } from "@jailyard/abi/errno";
import { limitNamed } from "@jailyard/abi/limits";
import type { Process } from "@jailyard/trap/process";
import type { SysctlAbout } from "@jailyard/trap/records";
import { getopt, type Options } from "./getopt.ts";
import { attempt, failed, reasonOf, tool, usage } from "./tool.ts";
import { jsonLine } from "./vis.ts";
import { complain, warnx } from "./warn.ts";

const USAGE = [
  "usage: sysctl [-deiNnqTtW] [--boot] [--json] name[=value] ...",
  "       sysctl [-deNnqTtW] [--boot] [--json] -a",
];
const HINT = "sysctl: Tunable values are set in /boot/loader.conf";

interface Node extends SysctlAbout {
  readonly name: string;
  readonly value: number | string;
}

export default tool("sysctl", async (p) => {
  const parsed = getopt(p.args, "adeiNnqTtWAo", { boot: false, json: false });
  if (typeof parsed === "string") return usage(p, USAGE, parsed);
  const letters = new Set(parsed.options.map(({ letter }) => letter));
  const all = letters.has("a") || letters.has("A");
  if (all === parsed.operands.length > 0) return usage(p, USAGE);
  const run = new Run(p, letters);
  if (all) await run.show(await p.sysctlnames());
  else await run.each(parsed);
  if (letters.has("json")) p.print(jsonLine({ sysctl: run.found }));
  return run.status;
});

/** One command: what was found, and whether anything failed. */
class Run {
  readonly found: Node[] = [];
  status = 0;
  readonly #p: Process;
  readonly #letters: ReadonlySet<string>;

  constructor(p: Process, letters: ReadonlySet<string>) {
    this.#p = p;
    this.#letters = letters;
  }

  async each({ operands }: Options): Promise<void> {
    const names = await this.#p.sysctlnames();
    for (const operand of operands) {
      const equals = operand.indexOf("=");
      const name = equals === -1 ? operand : operand.slice(0, equals);
      const below = namesBelow(names, name);
      if (below.length === 0) this.#unknown(name);
      else if (equals === -1) await this.show(below);
      else if (below[0] !== name) this.#fail(`oid '${name}' isn't a leaf node`);
      else await this.#write(name, operand.slice(equals + 1));
    }
  }

  /** Print every name that the options let through. */
  async show(names: readonly string[]): Promise<void> {
    for (const name of names) {
      const node = await this.#read(name);
      if (node === null || !this.#isWanted(node)) continue;
      this.found.push(node);
      if (!this.#letters.has("json")) this.#p.print(this.#line(node));
    }
  }

  /** Null: it went away meanwhile, with its module. */
  async #read(name: string): Promise<Node | null> {
    const value = await attempt(this.#p.sysctl(name));
    const about = failed(value) ? value : await attempt(this.#p.sysctlabout(name));
    if (failed(value) || failed(about)) return null;
    return { name, value, kind: about.kind, about: about.about };
  }

  /** -W what can be written now, -T what the loader can set, --boot what it alone can set. */
  #isWanted({ name, kind }: Node): boolean {
    const tunable = kind === "boot" || (kind === "run" && limitNamed(name) !== undefined);
    if (this.#letters.has("W") && kind !== "run") return false;
    if (this.#letters.has("T") && !tunable) return false;
    return !this.#letters.has("boot") || kind === "boot";
  }

  #line({ name, value, about }: Node): string {
    const shown = this.#letters.has("d") ? about : this.#typeOr(value);
    if (this.#letters.has("N")) return name;
    if (this.#letters.has("n")) return shown;
    return `${name}${this.#letters.has("e") ? "=" : ": "}${shown}`;
  }

  #typeOr(value: number | string): string {
    if (!this.#letters.has("t")) return String(value);
    return typeof value === "string" ? "string" : "integer";
  }

  async #write(name: string, text: string): Promise<void> {
    const about = await attempt(this.#p.sysctlabout(name));
    if (failed(about)) return this.#unknown(name);
    if (about.kind === "read") return this.#fail(`oid '${name}' is read only`);
    if (about.kind === "boot") {
      this.#fail(`oid '${name}' is a read only tunable`);
      return complain(this.#p, HINT);
    }
    if (text.trim() === "") return this.#fail("empty numeric value");
    const value = integerOf(text);
    if (value === null) return this.#fail(`invalid integer '${text}'`);
    const old = await attempt(this.#p.sysctl(name, value));
    if (failed(old)) {
      if (old.errno === ENOENT) return this.#unknown(name);
      return this.#fail(`${name}=${text}: ${reasonOf(old)}`);
    }
    const now = await this.#p.sysctl(name);
    this.found.push({ name, value: now, ...about });
    if (!this.#letters.has("json")) this.#changed(name, `${old} -> ${now}`);
  }

  #changed(name: string, change: string): void {
    if (this.#letters.has("q")) return;
    const sign = this.#letters.has("e") ? "=" : ": ";
    this.#p.print(this.#letters.has("n") ? change : `${name}${sign}${change}`);
  }

  #unknown(name: string): void {
    if (!this.#letters.has("i")) this.#fail(`unknown oid '${name}'`);
  }

  #fail(why: string): void {
    warnx(this.#p, why);
    this.status = 1;
  }
}

/** The name itself, or all names below it. */
function namesBelow(names: readonly string[], name: string): string[] {
  if (names.includes(name)) return [name];
  const prefix = name.endsWith(".") ? name : `${name}.`;
  return name === "" ? [] : names.filter((one) => one.startsWith(prefix));
}

/** Decimal, octal or hexadecimal, as strtoimax(3) with base 0. */
function integerOf(text: string): number | null {
  const [, sign, digits] = /^\s*([+-]?)(0x[0-9a-f]+|\d+)\s*$/i.exec(text) ?? [];
  if (digits === undefined) return null;
  const isOctal = /^0\d/.test(digits);
  if (isOctal && /[89]/.test(digits)) return null;
  const value = isOctal ? Number.parseInt(digits, 8) : Number(digits);
  if (!Number.isSafeInteger(value)) return null;
  return sign === "-" ? -value : value;
}
