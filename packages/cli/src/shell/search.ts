/**
 * Ctrl-R: looking for a line of the history while it is typed, which node:readline does not have.
 * Keys go here and not to readline as long as a search goes on.
 */

export interface Found {
  /** What the line is to be. */
  readonly line: string;
  /** A key that ended the search and means something to readline; empty if none does. */
  readonly key: string;
}

const ERASE = new Set(["\x7f", "\b"]);
const GIVE_UP = new Set(["\x07", "\x03"]);

export class Search {
  readonly #lines: readonly string[];
  readonly #before: string;
  #wanted = "";
  /** Where in the lines the match is; their number while nothing is wanted. */
  #at: number;
  #failed = false;

  /** `lines` oldest first; `before`: what stands in the line that is edited. */
  constructor(lines: readonly string[], before: string) {
    this.#lines = lines;
    this.#before = before;
    this.#at = lines.length;
  }

  /** What stands in place of the prompt and the line. */
  get shown(): string {
    const label = this.#failed ? "failed reverse-i-search" : "reverse-i-search";
    return `(${label})\`${this.#wanted}': ${this.#found}`;
  }

  get #found(): string {
    return this.#lines[this.#at] ?? this.#before;
  }

  /** @returns what comes of the search, once this key ends it */
  key(key: string): Found | null {
    if (GIVE_UP.has(key)) return { line: this.#before, key: "" };
    if (key === "\x12") this.#look(this.#at - 1);
    else if (ERASE.has(key)) {
      this.#wanted = this.#wanted.slice(0, -1);
      this.#look(this.#lines.length - 1);
    } else if (/^\P{Cc}+$/u.test(key)) {
      this.#wanted += key;
      this.#look(Math.min(this.#at, this.#lines.length - 1));
    } else return { line: this.#found, key: key === "\x1b" ? "" : key };
    return null;
  }

  /** The match at `from` or before it; if there is none, what was found stays. */
  #look(from: number): void {
    if (this.#wanted === "") return;
    const at = this.#lines.findLastIndex((line, i) => i <= from && line.includes(this.#wanted));
    this.#failed = at === -1;
    if (at !== -1) this.#at = at;
  }
}
