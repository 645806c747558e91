/** Words between a test and a program in some thread, which either waits for without a call. */
export const COMMAND = 0; // from the test; 0: none
const ANSWER = 1;
export const RELEASED = 2; // 1: whoever stays at a point goes on
export const RESULTS = 8;
const WORDS = 64;

export class Board {
  readonly words: Int32Array<SharedArrayBuffer>;

  constructor(buffer = new SharedArrayBuffer(WORDS * 4)) {
    this.words = new Int32Array(buffer);
  }

  get buffer(): SharedArrayBuffer {
    return this.words.buffer;
  }

  load(at: number): number {
    return Atomics.load(this.words, at);
  }

  store(at: number, value: number): void {
    Atomics.store(this.words, at, value);
    Atomics.notify(this.words, at);
  }

  add(at: number): void {
    Atomics.add(this.words, at, 1);
  }

  /** The test: have the program do something; it is answered by `answered`. */
  command(command: number): void {
    Atomics.store(this.words, ANSWER, 0);
    this.store(COMMAND, command);
  }

  /** The program: block until there is a command, and take it. */
  take(): number {
    while (this.load(COMMAND) === 0) Atomics.wait(this.words, COMMAND, 0);
    return Atomics.exchange(this.words, COMMAND, 0);
  }

  answer(what: number): void {
    this.store(ANSWER, what);
  }

  /** What was answered last; 0: nothing yet. */
  get answered(): number {
    return this.load(ANSWER);
  }

  /** The test: wait until there is an answer other than `before`, at most `ms`. */
  async changed(before: number, ms = Number.POSITIVE_INFINITY): Promise<number> {
    const { value } = Atomics.waitAsync(this.words, ANSWER, before, ms);
    await value;
    return this.answered;
  }
}
