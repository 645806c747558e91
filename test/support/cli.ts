/** The `jailyard` command as a user runs it, in a process of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { main } from "../../packages/cli/src/main.ts";

/** Loaded first, so that SIGUSR2 kills the kernel's thread. */
const KILL_KERNEL = fileURLToPath(new URL("../cli/killkernel.ts", import.meta.url));
const ENTRY = fileURLToPath(new URL("../../packages/cli/src/jailyard.ts", import.meta.url));

export interface Ran {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

/** A place for sockets and files of one test file. */
export class Place {
  readonly path = mkdtempSync(join(tmpdir(), "jailyard-test-"));
  readonly #started: Started[] = [];

  file(name: string): string {
    return join(this.path, name);
  }

  /** End what still runs. @throws Error if anything did, or left its socket */
  async remove(): Promise<void> {
    const running = this.#started.filter(
      ({ child }) => child.exitCode === null && child.signalCode === null,
    );
    for (const { child } of running) child.kill("SIGKILL");
    await Promise.all(running.map(({ ended }) => ended));
    const sockets = this.#sockets();
    rmSync(this.path, { recursive: true, force: true });
    const left = [...running.map(({ child }) => child.spawnargs.join(" ")), ...sockets];
    if (left.length > 0) throw new Error(`left behind: ${left.join(", ")}`);
  }

  #sockets(): string[] {
    try {
      return readdirSync(join(this.path, "jailyard"));
    } catch {
      return [];
    }
  }

  /** Start the command. */
  start(...args: string[]): Started {
    const env = { ...process.env, XDG_RUNTIME_DIR: this.path, NO_COLOR: "1" };
    const node = ["--import", KILL_KERNEL, ENTRY];
    const child = spawn(process.execPath, [...node, ...args], { env, cwd: this.path });
    const started = new Started(child);
    this.#started.push(started);
    return started;
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

/** The same in this process, for what ends before there is a yard, and so in no time. */
export async function runHere(place: Place, args: readonly string[]): Promise<Ran> {
  process.env.XDG_RUNTIME_DIR = place.path;
  const [out, err] = [caught(process.stdout), caught(process.stderr)];
  try {
    return { status: await main(args), out: out.text(), err: err.text() };
  } finally {
    out.restore();
    err.restore();
  }
}

function caught(stream: NodeJS.WriteStream): { text(): string; restore(): void } {
  const write = stream.write;
  let text = "";
  stream.write = ((chunk: string) => {
    text += chunk;
    return true;
  }) as typeof stream.write;
  return {
    text: () => text,
    restore() {
      stream.write = write;
    },
  };
}
