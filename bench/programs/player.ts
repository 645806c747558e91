/**
 * Rounds of programs in jails, through memory that the bench hands to them as an argument: the
 * bench stores for how long and rings; every player works and stores what came of it.
 *
 *   words    round │ milliseconds │ players done
 *   values   VALUES numbers for each player
 */
export const ROUND = 0; // counts from 1; OVER: no more
export const MILLIS = 1;
export const DONE = 2;
const WORDS = 32;
export const OVER = -1;
/** Numbers that a player can leave. */
export const VALUES = 1032;

/** What a player gets as the argument of its program; programs add their own fields. */
export interface PlayerArg {
  readonly rounds: SharedArrayBuffer;
  readonly player: number;
}

export const roundBytes = (players: number): number => WORDS * 4 + players * VALUES * 8;
export const roundWords = (memory: SharedArrayBuffer): Int32Array =>
  new Int32Array(memory, 0, WORDS);
export const playerValues = (memory: SharedArrayBuffer, player: number): Float64Array =>
  new Float64Array(memory, WORDS * 4 + player * VALUES * 8, VALUES);

/** Nanoseconds of a clock that all threads share, as a number: exact for 104 days of uptime. */
export const nanos = (): number => Number(process.hrtime.bigint());

function done(words: Int32Array): void {
  Atomics.add(words, DONE, 1);
  Atomics.notify(words, DONE);
}

/** What a player does in a round of `ms` milliseconds. */
export type Work = (ms: number, values: Float64Array) => void;
export type AwaitedWork = (ms: number, values: Float64Array) => Promise<void>;

/** Play every round of a process that owns its thread. */
export function playBlocking({ rounds, player }: PlayerArg, work: Work): void {
  const words = roundWords(rounds);
  const values = playerValues(rounds, player);
  for (let seen = 0; ; ) {
    Atomics.wait(words, ROUND, seen);
    seen = Atomics.load(words, ROUND);
    if (seen === OVER) return;
    work(words[MILLIS], values);
    done(words);
  }
}

/** The same for a coroutine, which leaves its thread to others while it waits. */
export async function playAwaited({ rounds, player }: PlayerArg, work: AwaitedWork): Promise<void> {
  const words = roundWords(rounds);
  const values = playerValues(rounds, player);
  for (let seen = 0; ; ) {
    await Atomics.waitAsync(words, ROUND, seen).value;
    seen = Atomics.load(words, ROUND);
    if (seen === OVER) return;
    await work(words[MILLIS], values);
    done(words);
  }
}
