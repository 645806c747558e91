/** The manner of a yard: what it does is the same in all of them, who waits for whom is not. */
import { STATS, type Stats } from "@jailyard/abi/contention";
import { PLACEMENTS, type Placement } from "@jailyard/host/placement";
import { LOCKINGS, type Locking, WAKES, type Wake } from "@jailyard/kernel/site";

export interface Manner {
  /** Where calls that one page decides run. */
  readonly placement: Placement;
  /** Who goes on when an object changes. */
  readonly wake: Wake;
  /** What a lock covers. */
  readonly locks: Locking;
  /** What is measured of locks. */
  readonly stats: Stats;
}

/** What there is of each, by name. */
export const MANNERS = {
  placement: PLACEMENTS,
  wake: WAKES,
  locks: LOCKINGS,
  stats: STATS,
} as const;

/** What a yard does that is told nothing: as `boot` has it. */
export const USUAL: Manner = {
  placement: "direct",
  wake: "herd",
  locks: "object",
  stats: "contended",
};
