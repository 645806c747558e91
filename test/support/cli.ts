/** The `jailyard` command as a user runs it, in a process of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ENTRY = fileURLToPath(new URL("../../packages/cli/src/jailyard.ts", import.meta.url));

export interface Ran {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

/** A place for sockets and files of one test file; `remove` says what was left in it. */
export class Place {
  readonly path = mkdtempSync(join(tmpdir(), "jailyard-test-"));

  file(name: string): string {
    return join(this.path, name);
  }

  /** Sockets of yards that did not clean up. */
  get sockets(): string[] {
    try {
      return readdirSync(join(this.path, "jailyard"));
    } catch {
      return [];
    }
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }

  /** Start the command. */
  start(...args: string[]): Started {
    const env = { ...process.env, XDG_RUNTIME_DIR: this.path, NO_COLOR: "1" };
    return new Started(spawn(process.execPath, [ENTRY, ...args], { env, cwd: this.path }));
  }

  /** Run the command to its end. */
  run(...args: string[]): Promise<Ran> {
    return this.start(...args).ended;
  }
}

export class Started {
  readonly child: ChildProcess;
  readonly ended: Promise<Ran>;
  #out = "";
  #err = "";
  #look = (): void => {};

  constructor(child: ChildProcess) {
    this.child = child;
    child.stdout!.on("data", (text) => {
      this.#out += text;
      this.#look();
    });
    child.stderr!.on("data", (text) => {
      this.#err += text;
    });
    this.ended = new Promise((resolve) => {
      child.on("close", (status) => {
        this.#look();
        resolve({ status, out: this.#out, err: this.#err });
      });
    });
  }

  /** Wait until it has printed `text`. @throws Error if it ends without */
  printed(text: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#look = () => {
        if (this.#out.includes(text)) resolve();
        else if (this.child.exitCode !== null) {
          reject(new Error(`it ended before it printed ${text}: ${this.#out}${this.#err}`));
        }
      };
      this.#look();
    });
  }

  interrupt(signal: NodeJS.Signals = "SIGINT"): void {
    this.child.kill(signal);
  }
}
