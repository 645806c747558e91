/**
 * The same work by C programs on the real kernel of this machine. They are compiled when a bench
 * begins; where there is no compiler, or no System V IPC, their column stays empty and says why.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Contender } from "./race.ts";

const SOURCES = join(import.meta.dirname, "native");
export type NativeName = "semop" | "pingpong" | "msg" | "shm" | "contended";

/** Talks to a program in lines: milliseconds in, numbers out. */
export class LineProgram implements Contender {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(file: string, args: readonly string[]) {
    this.#child = spawn(file, args, { stdio: ["pipe", "pipe", "inherit"] });
    this.#child.stdin!.on("error", () => {}); // it died: the missing line tells
    this.#child.on("error", () => {});
    this.#lines = createInterface({ input: this.#child.stdout! })[Symbol.asyncIterator]();
  }

  async round(ms: number): Promise<number[]> {
    this.#child.stdin!.write(`${ms}\n`);
    const { value, done } = await this.#lines.next();
    if (done === true) throw new Error(`${this.#child.spawnargs.join(" ")} ended in a round`);
    return String(value).trim().split(" ").map(Number);
  }

  /** Close its input and wait for its end. */
  async close(): Promise<void> {
    const ended = new Promise<void>((resolve) => this.#child.once("close", () => resolve()));
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.stdin!.end();
    await ended;
  }
}

export class Native {
  /** Why there are no native programs; "" if there are. */
  readonly missing: string;
  readonly #folder: string;
  readonly #compiled = new Set<NativeName>();

  constructor() {
    this.#folder = mkdtempSync(join(tmpdir(), "jailyard-bench-"));
    this.missing = this.#problem();
  }

  #problem(): string {
    try {
      this.#compile("semop");
    } catch (error) {
      const { code, stderr } = error as { code?: string; stderr?: Buffer };
      if (code === "ENOENT") return "no C compiler (cc) on this machine";
      return `cc fails: ${String(stderr).split("\n")[0]}`;
    }
    try {
      execFileSync(join(this.#folder, "semop"), { input: "1\n", stdio: "pipe" });
      return "";
    } catch (error) {
      return `no System V IPC: ${String((error as { stderr?: Buffer }).stderr).trim()}`;
    }
  }

  #compile(name: NativeName): string {
    const file = join(this.#folder, name);
    if (this.#compiled.has(name)) return file;
    const source = join(SOURCES, `${name}.c`);
    execFileSync("cc", ["-O2", "-o", file, source], { stdio: "pipe" });
    this.#compiled.add(name);
    return file;
  }

  /** A program that ends with `stack`, as `native` among contenders; none where there is none. */
  start(
    stack: AsyncDisposableStack,
    name: NativeName,
    ...args: readonly (string | number)[]
  ): { native?: LineProgram } {
    if (this.missing !== "") return {};
    const native = new LineProgram(this.#compile(name), args.map(String));
    stack.defer(() => native.close());
    return { native };
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
