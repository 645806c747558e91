/**
 * A command on a terminal of its own, as script(1) of every Debian makes one, and the screen that it
 * draws: what `jailyard top` uses of a terminal's language, and no more.
 */
import { execFileSync, spawn } from "node:child_process";
import { until } from "./yard.ts";

const ESC = "\u001b";
const SEQUENCE = new RegExp(`${ESC}(?:\\[([?<>=]?)([\\d;]*)([A-Za-z])|[()].|[=>78])`, "y");

/** Below the time that a test has, so that one which waits in vain says what it sees. */
const PATIENCE_MS = 40_000;

/** Lines of text and where the cursor is. */
class Display {
  lines: string[] = [];
  /** On the other screen, and is there a cursor? */
  alternate = false;
  cursor = true;
  #row = 0;
  #column = 0;
  #rest = "";

  write(text: string): void {
    let all = this.#rest + text;
    this.#rest = "";
    const open = all.lastIndexOf(ESC);
    SEQUENCE.lastIndex = open;
    if (open !== -1 && !SEQUENCE.test(all)) {
      this.#rest = all.slice(open);
      all = all.slice(0, open);
    }
    for (let at = 0; at < all.length; ) {
      SEQUENCE.lastIndex = at;
      const found = SEQUENCE.exec(all);
      if (found !== null) this.#sequence(found[1] ?? "", found[2] ?? "", found[3] ?? "");
      else this.#put(all[at]);
      at += found?.[0].length ?? 1;
    }
  }

  #put(char: string): void {
    if (char === "\r") this.#column = 0;
    else if (char === "\n") this.#row++;
    else {
      const line = (this.lines[this.#row] ?? "").padEnd(this.#column);
      this.lines[this.#row] = line.slice(0, this.#column) + char + line.slice(this.#column + 1);
      this.#column++;
    }
  }

  #sequence(mark: string, numbers: string, name: string): void {
    const [first = 0, second = 0] = numbers.split(";").map(Number);
    if (name === "H") [this.#row, this.#column] = [Math.max(0, first - 1), Math.max(0, second - 1)];
    else if (name === "K") this.#erase();
    else if (name === "J") this.lines = first === 0 ? this.lines.slice(0, this.#row) : [];
    else if (mark === "?" && numbers === "1049") [this.alternate, this.lines] = [name === "h", []];
    else if (mark === "?" && numbers === "25") this.cursor = name === "h";
  }

  #erase(): void {
    this.lines[this.#row] = (this.lines[this.#row] ?? "").slice(0, this.#column);
  }
}

export class Terminal {
  readonly display = new Display();
  /** All that was written. */
  raw = "";
  readonly ended: Promise<number | null>;
  readonly #script;

  /** Run a line of sh; `env` beside that of the test. */
  constructor(line: string, env: NodeJS.ProcessEnv, { columns = 100, rows = 30 } = {}) {
    const inner = `stty rows ${rows} cols ${columns}; echo "tty=$(tty) pid=$$"; ${line}`;
    this.#script = spawn("script", ["-qefc", inner, "/dev/null"], {
      env: { ...process.env, TERM: "xterm-256color", SHELL: "/bin/sh", ...env },
    });
    this.#script.stdout.on("data", (data) => {
      this.raw += data;
      this.display.write(String(data));
    });
    this.ended = new Promise((resolve) => this.#script.on("close", resolve));
  }

  get text(): string {
    return this.display.lines.map((line) => line ?? "").join("\n");
  }

  press(keys: string): void {
    this.#script.stdin.write(keys);
  }

  /** Wait until the screen has it. @throws Error that has the screen, if that takes too long */
  async shows(what: RegExp): Promise<void> {
    const late = performance.now() + PATIENCE_MS;
    await until(() => what.test(this.text) || performance.now() > late);
    if (!what.test(this.text)) throw new Error(`no ${what} in:\n${this.text}`);
  }

  /** Another size, as a window has when it is pulled. */
  resize(columns: number, rows: number): void {
    const tty = /tty=(\S+)/.exec(this.raw)![1];
    execFileSync("stty", ["-F", tty, "rows", String(rows), "cols", String(columns)]);
  }

  /** End what still runs. */
  async close(): Promise<void> {
    this.#script.kill("SIGKILL");
    await this.ended;
  }
}
