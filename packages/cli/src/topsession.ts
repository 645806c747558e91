/** `jailyard top` on a terminal: looks at intervals, keys in between, until somebody quits. */
import { setTimeout as delay } from "node:timers/promises";
import type { YardSample } from "@jailyard/abi/yardsample";
import { type Look, lookAt } from "@jailyard/lab/top/look";
import { interrupted } from "./interrupt.ts";
import { type Key, pressed, type TopState } from "./topkeys.ts";
import { type Canvas, pageOf, screen } from "./topscreen.ts";
import { Screen } from "./topterminal.ts";
import { AbsentError } from "./usage.ts";
import { askSample, NotUpError } from "./yardclient.ts";

/** The second look comes soon, so that figures are of now and not of all time. */
const FIRST_SECONDS = 0.5;

export class TopSession {
  readonly #yard: string | undefined;
  readonly #screen: Screen;
  readonly #over = new AbortController();
  /** Ends a pause between two looks. */
  #nap = new AbortController();
  /** A look was asked for, also while it pauses. */
  #isWanted = false;
  #state: TopState;
  #before: YardSample | null = null;
  #now: YardSample;
  #look: Look;
  /** Why there is nothing new; null: there is. */
  #gone: string | null = null;

  constructor(yard: string | undefined, first: YardSample, state: TopState) {
    this.#yard = yard;
    this.#now = first;
    this.#state = state;
    this.#look = lookAt(first, null, state.span);
    this.#screen = new Screen({
      key: (key) => this.#pressed(key),
      redraw: () => this.#draw(),
      gone: () => this.#over.abort(),
    });
  }

  /** Until a key quits, or a signal comes. The terminal is as before then. */
  async run(): Promise<void> {
    const end = AbortSignal.any([interrupted, this.#over.signal]);
    this.#screen.open();
    try {
      this.#draw();
      await this.#sleep(Math.min(FIRST_SECONDS, this.#state.seconds), end);
      while (!end.aborted) {
        if (!this.#state.paused || this.#isWanted) await this.#sample(end);
        this.#isWanted = false;
        this.#draw();
        await this.#sleep(this.#state.seconds, end);
      }
    } finally {
      this.#screen.close();
    }
  }

  async #sleep(seconds: number, end: AbortSignal): Promise<void> {
    this.#nap = new AbortController();
    const signal = AbortSignal.any([end, this.#nap.signal]);
    await delay(seconds * 1000, null, { signal }).catch(() => {});
  }

  /** Of the yard that was there before, or once that is gone of another that is meant. */
  async #sample(end: AbortSignal): Promise<void> {
    try {
      const name = this.#gone === null ? (this.#yard ?? this.#now.yard) : this.#yard;
      const now = await askSample(name, end);
      this.#before = this.#now;
      this.#now = now;
      this.#gone = null;
      this.#look = lookAt(now, this.#before, this.#state.span);
    } catch (error) {
      if (end.aborted) return;
      if (!(error instanceof AbsentError)) throw error;
      const isComing = error instanceof NotUpError;
      this.#gone ??= isComing
        ? `yard ${this.#now.yard} is not up`
        : `yard ${this.#now.yard} is down`;
    }
  }

  #pressed(key: Key): void {
    const page = pageOf(this.#look, this.#state, this.#screen.size);
    const [state, effect] = pressed(this.#state, key, page);
    const { span, seconds, paused } = this.#state;
    this.#state = state;
    if (state.span !== span) this.#look = lookAt(this.#now, this.#before, state.span);
    if (effect === "quit") return this.#over.abort();
    if (effect === "suspend") return this.#screen.suspend();
    if (effect === "redraw") this.#screen.forget();
    const isNew = state.seconds !== seconds || (paused && !state.paused);
    if (effect === "look") this.#isWanted = true;
    if (effect === "look" || isNew) this.#nap.abort();
    this.#draw();
  }

  #draw(): void {
    const { size } = this.#screen;
    const colour = process.stdout.hasColors?.() === true;
    const clock = new Date().toTimeString().slice(0, 8);
    const canvas: Canvas = { ...size, ink: colour ? "colour" : "mono", clock };
    this.#screen.draw(screen(this.#look, this.#state, canvas, this.#gone));
  }
}
