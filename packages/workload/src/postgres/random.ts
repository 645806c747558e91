/** mulberry32: a small seeded generator. The same seed gives the same run. */

/** Numbers in [0, 1). */
export type Random = () => number;

export function random(seed: number): Random {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** An integer in [0, below); the density falls with the power `skew`, so low ones come more often. */
export const randomSkewed = (rng: Random, below: number, skew: number): number =>
  Math.min(below - 1, Math.floor(below * rng() ** (1 / (1 - skew))));

/** An integer in [0, below). */
export const randomBelow = (rng: Random, below: number): number => Math.floor(rng() * below);
