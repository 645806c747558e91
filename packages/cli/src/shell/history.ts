/** What was typed into `jailyard sh`, kept for the next time: a line each, for its owner's eyes. */
import { appendFileSync, chmodSync, mkdirSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { writeWhole } from "../safewrite.ts";

/** Lines that are kept. */
export const HISTORY_MAX = 1000;
const MODE = 0o600;

/** `$XDG_STATE_HOME/jailyard/history`, below ~/.local/state if that is not set. */
export function historyFile(): string {
  const state = process.env.XDG_STATE_HOME || join(homedir(), ".local", "state");
  return join(state, "jailyard", "history");
}

export class History {
  /** Oldest first. */
  readonly lines: string[] = [];
  readonly #file: string;
  /** Why nothing is kept; null while it is. */
  problem: string | null = null;

  constructor(file = historyFile()) {
    this.#file = file;
    this.#try(() => {
      mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
      appendFileSync(file, "", { mode: MODE });
      chmodSync(file, MODE);
      const lines = readFileSync(file, "utf8").split("\n").slice(0, -1);
      this.lines.push(...lines.slice(-HISTORY_MAX));
      if (lines.length > 2 * HISTORY_MAX) this.#shorten();
    });
  }

  /** As in other shells: not what begins with a blank, nor the same again. */
  add(typed: string): void {
    const line = typed.trimEnd();
    if (line === "" || /^\s/.test(line) || line === this.lines.at(-1)) return;
    this.lines.push(line);
    if (this.lines.length > HISTORY_MAX) this.lines.shift();
    // One write, at the end of the file: shells that run at once do not mix their lines.
    if (this.problem === null) this.#try(() => appendFileSync(this.#file, `${line}\n`));
  }

  #shorten(): void {
    writeWhole(this.#file, `${this.lines.join("\n")}\n`);
    chmodSync(this.#file, MODE);
  }

  #try(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.problem = (error as Error).message;
    }
  }
}
