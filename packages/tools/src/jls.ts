/**
 * jls(8): the jails below the caller's own. [TOOL-26] to [TOOL-32]
 *
 * A yard gives its jails no addresses, so that column is blank, and no sets of processors, so -v
 * shows the number that a first set would have. Ours are --json, and --effective: what the parameters
 * come to.
 */
import { JAIL_DYING, type JailInfo } from "@jailyard/abi/jail";
import { JAIL_PARAMS, jailParamNamed, negatedParam } from "@jailyard/abi/jailparam";
import type { Process } from "@jailyard/trap/process";
import { argumentOf, getopt } from "./getopt.ts";
import { allJails, jailNamed } from "./jails.ts";
import { effectiveLines, effectiveOf } from "./jlseffective.ts";
import { cut, left, most, right } from "./printf.ts";
import { tool } from "./tool.ts";
import { jsonLine } from "./vis.ts";
import { warnx } from "./warn.ts";

const USAGE = "usage: jls [-acdhNnqsv] [-j jail] [--json] [--effective] [param ...]";
const INDENT = " ".repeat(8);

interface Wanted {
  readonly letters: ReadonlySet<string>;
  readonly jail: string | null;
  /** Names of parameters; null for the table of columns. */
  readonly params: readonly string[] | null;
  readonly json: boolean;
  readonly effective: boolean;
}

export default tool("jls", async (p) => {
  const wanted = wantedOf(p.args);
  if (typeof wanted === "string") return refuse(p, wanted);
  const jails = await jailsOf(p, wanted);
  if (wanted.letters.has("c")) return typeof jails === "string" ? 1 : 0;
  if (typeof jails === "string") return refuse(p, jails);
  if (wanted.effective) {
    const rows = await effectiveOf(p, jails);
    for (const line of wanted.json ? [jsonLine({ jails: rows })] : effectiveLines(rows)) {
      p.print(line);
    }
    return 0;
  }
  const lines = linesOf(wanted, jails);
  if (typeof lines === "string") return refuse(p, lines);
  for (const line of lines) p.print(line);
  return 0;
});

function refuse(p: Process, why: string): number {
  warnx(p, why);
  return 1;
}

function wantedOf(args: readonly string[]): Wanted | string {
  const parsed = getopt(args, "acdhNnqsvj:", { json: false, effective: false });
  if (typeof parsed === "string") return USAGE;
  const { options, operands } = parsed;
  const letters = new Set(options.map(({ letter }) => letter));
  const unknown = operands.find((name) => jailParamNamed(name) === undefined && name !== "all");
  if (unknown !== undefined) return `unknown parameter: ${unknown}`;
  const all = operands.length === 0 || operands.includes("all");
  const byName = operands.length > 0 || ["h", "n", "s"].some((letter) => letters.has(letter));
  const names = all ? [...JAIL_PARAMS.keys()] : operands;
  const jail = argumentOf(parsed, "j") ?? null;
  const [json, effective] = [letters.has("json"), letters.has("effective")];
  if (letters.has("c") && jail === null) return USAGE;
  return { letters, jail, params: byName ? names : null, json, effective };
}

/** The jails that are asked for, or why there are none. [TOOL-27] */
async function jailsOf(p: Process, { letters, jail }: Wanted): Promise<JailInfo[] | string> {
  const flags = letters.has("d") || letters.has("a") ? JAIL_DYING : 0;
  if (jail === null) return allJails(p, flags);
  const found = await jailNamed(p, jail, flags);
  return typeof found === "string" ? found : [found];
}

function linesOf(wanted: Wanted, jails: readonly JailInfo[]): string[] | string {
  if (wanted.json) return [jsonLine({ jails })];
  if (wanted.params !== null) return paramLines(wanted, wanted.params, jails);
  if (wanted.letters.has("v")) return verboseLines(jails);
  return tableLines(jails, wanted.letters.has("N"));
}

/** With -N the name comes first, though the heading still says JID. [TOOL-28] [TOOL-29] */
function tableLines(jails: readonly JailInfo[], names: boolean): string[] {
  const first = (value: string | number): string =>
    names ? ` ${left(value, 15)} ` : `${right(value, 6)}  `;
  const rest = (address: string, hostname: string, path: string): string =>
    `${cut(address, 15)} ${cut(hostname, 29)} ${most(path, 74)}`;
  return [
    first("JID") + rest("IP Address", "Hostname", "Path"),
    ...jails.map((jail) => {
      const columns = rest("", jail["host.hostname"], jail.path);
      return first(names ? jail.name : jail.jid) + columns;
    }),
  ];
}

/** [TOOL-30] */
function verboseLines(jails: readonly JailInfo[]): string[] {
  const lines = [
    `${right("JID", 6)}  ${cut("Hostname", 29)} Path`,
    `${INDENT}${cut("Name", 29)} State`,
    `${INDENT}CPUSetID`,
    `${INDENT}IP Address(es)`,
  ];
  for (const jail of jails) {
    const { jid, path, name, dying } = jail;
    lines.push(`${right(jid, 6)}  ${cut(jail["host.hostname"], 29)} ${most(path, 74)}`);
    lines.push(`${INDENT}${cut(name, 29)} ${dying ? "DYING" : "ACTIVE"}`);
    lines.push(`${INDENT}${jid + 1}`);
  }
  return lines;
}

/** [TOOL-31] [TOOL-32]; a name whose module is absent is unknown to the kernel. */
function paramLines(
  { letters }: Wanted,
  names: readonly string[],
  jails: readonly JailInfo[],
): string[] | string {
  const settable = letters.has("s");
  const chosen = names.filter((name) => !settable || jailParamNamed(name)!.param.settable);
  const all = names.length === JAIL_PARAMS.size;
  const has = (jail: JailInfo, name: string): boolean =>
    (jail as unknown as Record<string, unknown>)[jailParamNamed(name)!.param.name] !== undefined;
  const absent = all ? undefined : chosen.find((name) => jails.some((jail) => !has(jail, name)));
  if (absent !== undefined) return `unknown parameter: ${absent}`;
  const present = chosen.filter((name) => jails.every((jail) => has(jail, name)));
  const lines = letters.has("h") && !settable ? [present.join(" ")] : [];
  for (const jail of jails)
    lines.push(present.map((name) => valueText(jail, name, letters)).join(" "));
  return lines;
}

function valueText(jail: JailInfo, name: string, letters: ReadonlySet<string>): string {
  const { param, negated } = jailParamNamed(name)!;
  const value = (jail as unknown as Record<string, string | number | boolean>)[param.name];
  const named = letters.has("n") || letters.has("s");
  if (typeof value === "boolean") {
    if (named) return value ? param.name : negatedParam(param.name);
    return String(value !== negated);
  }
  const quoting = letters.has("q") || letters.has("s");
  const text = quoted(String(value), quoting);
  return named ? `${param.name}=${text}` : text;
}

/** Empty strings always, values with blanks if they are to be read again by a shell. */
function quoted(text: string, quoting: boolean): string {
  if (text === "") return '""';
  if (!quoting || !/[\s"'\\]/.test(text)) return text;
  return `"${text.replace(/(["\\])/g, "\\$1")}"`;
}
