/**
 * The terminal of a full-screen command: another screen and no cursor while it runs, and whatever
 * happens, the old screen and the cursor after it.
 */
import { emitKeypressEvents } from "node:readline";
import escapes from "ansi-escapes";
import type { Key } from "./topkeys.ts";
import type { Size } from "./topscreen.ts";

export interface Wishes {
  key(key: Key): void;
  /** Its size has changed, or it was taken from us and is back: draw all. */
  redraw(): void;
  /** Nobody is there any more. */
  gone(): void;
}

const SIZE: Size = { columns: 80, rows: 24 };

export class Screen {
  readonly #wishes: Wishes;
  #lines: string[] = [];
  #isOn = false;

  constructor(wishes: Wishes) {
    this.#wishes = wishes;
  }

  get size(): Size {
    const { columns, rows } = process.stdout;
    return { columns: columns || SIZE.columns, rows: rows || SIZE.rows };
  }

  open(): void {
    emitKeypressEvents(process.stdin);
    process.stdin.on("keypress", this.#key);
    process.stdin.on("end", this.#gone);
    process.stdout.on("resize", this.#resized);
    process.on("SIGCONT", this.#resumed);
    process.on("exit", this.#leave); // also where something throws
    this.#enter();
  }

  close(): void {
    this.#leave();
    process.off("exit", this.#leave);
    process.off("SIGCONT", this.#resumed);
    process.stdout.off("resize", this.#resized);
    process.stdin.off("end", this.#gone);
    process.stdin.off("keypress", this.#key);
    process.stdin.pause();
  }

  /** Lines that have changed, in one write. */
  draw(lines: readonly string[]): void {
    if (!this.#isOn) return;
    let text = "";
    for (const [row, line] of lines.entries()) {
      if (this.#lines[row] === line) continue;
      text += escapes.cursorTo(0, row) + line + escapes.eraseEndLine;
    }
    this.#lines = [...lines];
    if (text !== "") process.stdout.write(text);
  }

  /** Forget what is drawn, since something else may have been. */
  forget(): void {
    this.#lines = [];
    if (this.#isOn) process.stdout.write(escapes.clearViewport);
  }

  /** As Ctrl-Z does to others. */
  suspend(): void {
    this.#leave();
    process.kill(process.pid, "SIGTSTP");
  }

  #enter(): void {
    if (this.#isOn) return;
    process.stdin.setRawMode(true);
    process.stdin.resume();
    process.stdout.write(escapes.enterAlternativeScreen + escapes.cursorHide);
    this.#isOn = true;
    this.forget();
  }

  readonly #leave = (): void => {
    if (!this.#isOn) return;
    this.#isOn = false;
    process.stdout.write(escapes.cursorShow + escapes.exitAlternativeScreen);
    try {
      process.stdin.setRawMode(false);
    } catch {
      // The terminal is gone, and its mode with it.
    }
  };

  readonly #key = (_: string | undefined, key: Key): void => this.#wishes.key(key);
  readonly #gone = (): void => this.#wishes.gone();
  readonly #resized = (): void => {
    this.forget();
    this.#wishes.redraw();
  };
  readonly #resumed = (): void => {
    this.#isOn = false; // the shell has put the terminal back into its own mode
    this.#enter();
    this.#wishes.redraw();
  };
}
