/** The bench's side of rounds: start one, wait until every player is done, take what they left. */
import {
  DONE,
  MILLIS,
  OVER,
  playerValues,
  ROUND,
  roundBytes,
  roundWords,
} from "./programs/player.ts";
import type { Contender } from "./race.ts";

/** What a round is worth, from the values that each player left. */
export type Judge = (players: readonly Float64Array[]) => readonly number[];

/** The first `count` values of the first player. */
export const firstValues =
  (count: number): Judge =>
  ([values]) => [...values.subarray(0, count)];

/** Calls a second of all players: what rate.ts leaves. */
export const callsPerSecond: Judge = (players) => {
  const began = Math.min(...players.map(([from]) => from));
  const ended = Math.max(...players.map(([, to]) => to));
  const calls = players.reduce((sum, values) => sum + values[2], 0);
  return [(calls * 1e9) / (ended - began)];
};

export class Rounds implements Contender {
  readonly memory: SharedArrayBuffer;
  readonly #words: Int32Array;
  readonly #values: readonly Float64Array[];
  readonly #judge: Judge;
  #round = 0;
  #failed: Promise<never> = new Promise(() => {});

  constructor(players: number, judge: Judge) {
    this.memory = new SharedArrayBuffer(roundBytes(players));
    this.#words = roundWords(this.memory);
    this.#values = Array.from({ length: players }, (_, i) => playerValues(this.memory, i));
    this.#judge = judge;
  }

  /** A player that ends before it is told to fails the round. */
  watch(early: readonly Promise<never>[]): void {
    this.#failed = Promise.race(early);
    this.#failed.catch(() => {}); // they also end when they are told to
  }

  async round(ms: number): Promise<readonly number[]> {
    Atomics.store(this.#words, DONE, 0);
    this.#words[MILLIS] = ms;
    this.#ring(++this.#round);
    await Promise.race([this.#done(), this.#failed]);
    return this.#judge(this.#values);
  }

  async #done(): Promise<void> {
    for (;;) {
      const done = Atomics.load(this.#words, DONE);
      if (done === this.#values.length) return;
      await Atomics.waitAsync(this.#words, DONE, done).value;
    }
  }

  #ring(round: number): void {
    Atomics.store(this.#words, ROUND, round);
    Atomics.notify(this.#words, ROUND);
  }

  over(): void {
    this.#ring(OVER);
  }
}
