/** Lines from a terminal, with editing, completion, history and Ctrl-R. */
import { clearScreenDown, createInterface, cursorTo, type Interface } from "node:readline";
import { PassThrough } from "node:stream";
import { Search } from "./search.ts";

const CTRL_D = "\x04";
const CTRL_R = "\x12";

export interface EditorOptions {
  /** Oldest first. */
  readonly history: readonly string[];
  complete(line: string): Promise<readonly [matches: readonly string[], current: string]>;
  /** Ctrl-C: true if a command took it. */
  interrupt(): boolean;
}

/** What a terminal is as far as readline asks. */
class Keys extends PassThrough {
  readonly isTTY = true;
  setRawMode(raw: boolean): this {
    process.stdin.setRawMode(raw);
    return this;
  }
}

export class LineEditor {
  readonly #keys = new Keys();
  readonly #rl: Interface;
  readonly #options: EditorOptions;
  readonly #lines: string[] = [];
  #take: ((line: string | null) => void) | null = null;
  #search: Search | null = null;
  readonly #onKeys = (chunk: Buffer): void => this.#key(chunk.toString());

  constructor(options: EditorOptions) {
    this.#options = options;
    this.#rl = createInterface({
      input: this.#keys,
      output: process.stdout,
      terminal: true,
      history: options.history.toReversed(),
      historySize: options.history.length + 1000,
      removeHistoryDuplicates: false,
      completer: (line: string, done: (error: null, result: [string[], string]) => void) =>
        void options.complete(line).then(([matches, word]) => done(null, [[...matches], word])),
    });
    this.#rl.on("line", (line) => this.#line(line));
    this.#rl.on("SIGINT", () => this.#interrupted());
    process.stdin.on("data", this.#onKeys);
  }

  /**
   * The next line, or null for Ctrl-C; what was typed while no line was asked for comes first.
   */
  read(prompt: string): Promise<string | null> {
    this.#rl.setPrompt(prompt);
    const typed = this.#lines.shift();
    if (typed !== undefined) {
      process.stdout.write(`${prompt}${typed}\n`);
      return Promise.resolve(typed);
    }
    this.#rl.prompt();
    return new Promise((resolve) => {
      this.#take = resolve;
    });
  }

  /** Text beside the line that is edited. */
  say(text: string): void {
    if (this.#take === null) return void process.stdout.write(`${text}\n`);
    cursorTo(process.stdout, 0);
    clearScreenDown(process.stdout);
    process.stdout.write(`${text}\n`);
    this.#rl.prompt(true);
  }

  /** The terminal is another's while `work` lasts. */
  async lend<T>(work: () => Promise<T>): Promise<T> {
    process.stdin.off("data", this.#onKeys);
    process.stdin.pause();
    process.stdin.setRawMode(false);
    try {
      return await work();
    } finally {
      process.stdin.setRawMode(true);
      process.stdin.on("data", this.#onKeys);
      process.stdin.resume();
    }
  }

  close(): void {
    process.stdin.off("data", this.#onKeys);
    process.stdin.pause();
    this.#rl.close();
  }

  #line(line: string): void {
    const take = this.#take;
    this.#take = null;
    if (take === null) this.#lines.push(line);
    else take(line);
  }

  #interrupted(): void {
    if (this.#options.interrupt()) return void process.stdout.write("^C\n");
    process.stdout.write("^C\n");
    this.#rl.write(null, { ctrl: true, name: "e" });
    this.#rl.write(null, { ctrl: true, name: "u" });
    const take = this.#take;
    this.#take = null;
    take?.(null);
  }

  #key(key: string): void {
    if (this.#search !== null) return this.#searching(this.#search, key);
    if (key === CTRL_R && this.#take !== null) {
      this.#search = new Search(this.#options.history, this.#rl.line);
      return this.#show(this.#search.shown);
    }
    // Out of the jail, or out of the shell: as if it had been typed.
    const leaves = key === CTRL_D && this.#rl.line === "" && this.#take !== null;
    this.#keys.write(leaves ? "exit\r" : key);
  }

  #searching(search: Search, key: string): void {
    const found = search.key(key);
    if (found === null) return this.#show(search.shown);
    this.#search = null;
    this.#show("");
    this.#rl.write(null, { ctrl: true, name: "e" });
    this.#rl.write(null, { ctrl: true, name: "u" });
    this.#rl.write(found.line);
    this.#rl.prompt(true);
    if (found.key !== "") this.#keys.write(found.key);
  }

  #show(text: string): void {
    cursorTo(process.stdout, 0);
    clearScreenDown(process.stdout);
    process.stdout.write(text);
  }
}
