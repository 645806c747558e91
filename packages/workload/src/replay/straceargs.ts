/**
 * The arguments of a call as strace prints them: words, strings, `[lists]` and `{structures}`.
 *
 * A word keeps its text (`IPC_CREAT|0600`, `0x7f…`, `NULL`, `-1`), a comment is skipped, and the
 * `...` that stands for what strace left out is dropped.
 */

/** A string in quotes, apart from a word. */
export interface Quoted {
  readonly text: string;
}
/** A structure: members by name; members without a name are numbered. */
export interface Struct {
  readonly members: ReadonlyMap<string, Value>;
}
export type Value = string | Quoted | Struct | readonly Value[];

/** Arguments between the parentheses of a call, and what follows the closing one. */
export interface Arguments {
  readonly values: readonly Value[];
  readonly rest: string;
}

/** `text` begins after the opening parenthesis. null if the closing one is missing. */
export function parseArguments(text: string): Arguments | null {
  const scanner = new Scanner(text);
  const values = scanner.list(")");
  return values === null ? null : { values, rest: scanner.rest() };
}

export const isQuoted = (v: Value | undefined): v is Quoted => typeof v === "object" && "text" in v;
export const isStruct = (v: Value | undefined): v is Struct =>
  typeof v === "object" && "members" in v;
export const isList = (v: Value | undefined): v is readonly Value[] => Array.isArray(v);

const SPACE = /[\s,]/;
const WORD_END = /[\s,)\]}]/;
/** strace prints a changed structure as `{before} => {after}`. */
const ARROW = "=>";

class Scanner {
  readonly #text: string;
  #at = 0;
  constructor(text: string) {
    this.#text = text;
  }

  rest(): string {
    return this.#text.slice(this.#at);
  }

  /** Values up to `close`, which is taken too; null if the text ends before. */
  list(close: string): Value[] | null {
    const values: Value[] = [];
    for (;;) {
      this.#skip();
      if (this.#at >= this.#text.length) return null;
      if (this.#text[this.#at] === close) {
        this.#at++;
        return values;
      }
      const value = this.#value();
      if (value === null) return null;
      if (value !== "..." && value !== ARROW) values.push(value);
    }
  }

  #skip(): void {
    for (;;) {
      while (SPACE.test(this.#text[this.#at] ?? "")) this.#at++;
      if (!this.#text.startsWith("/*", this.#at)) return;
      const end = this.#text.indexOf("*/", this.#at);
      this.#at = end < 0 ? this.#text.length : end + 2;
    }
  }

  #value(): Value | null {
    const c = this.#text[this.#at];
    if (c === '"') return this.#quoted();
    if (c === "[") {
      this.#at++;
      return this.list("]");
    }
    if (c === "{") return this.#struct();
    return this.#word();
  }

  #word(): string {
    const start = this.#at++;
    while (this.#at < this.#text.length && !WORD_END.test(this.#text[this.#at])) {
      if (this.#text[this.#at] === "(") this.#at = this.#closing();
      else this.#at++;
    }
    return this.#text.slice(start, this.#at);
  }

  /** Past the parenthesis that closes the one here: `makedev(0x8, 0x1)`. */
  #closing(): number {
    const end = this.#text.indexOf(")", this.#at);
    return end < 0 ? this.#text.length : end + 1;
  }

  #quoted(): Quoted | null {
    const start = ++this.#at;
    for (; this.#at < this.#text.length; this.#at++) {
      const c = this.#text[this.#at];
      if (c === "\\") this.#at++;
      else if (c === '"') {
        const text = this.#text.slice(start, this.#at++);
        if (this.#text.startsWith("...", this.#at)) this.#at += 3;
        return { text };
      }
    }
    return null;
  }

  #struct(): Struct | null {
    this.#at++;
    const members = new Map<string, Value>();
    for (;;) {
      this.#skip();
      if (this.#at >= this.#text.length) return null;
      if (this.#text[this.#at] === "}") {
        this.#at++;
        return { members };
      }
      const name = /^(\w+)=/.exec(this.#text.slice(this.#at, this.#at + 64))?.[1];
      if (name !== undefined) this.#at += name.length + 1;
      const value = this.#value();
      if (value === null) return null;
      if (value !== "...") members.set(name ?? String(members.size), value);
    }
  }
}
