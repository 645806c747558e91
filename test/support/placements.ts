/** The manners of a yard whose threads may die at any instruction: placement, wake and locks. */
import { LOCKINGS, PLACEMENTS, type Placement, WAKES, type YardConfig } from "@jailyard/host/yard";

export const placements: readonly Placement[] = PLACEMENTS;

export const manners: readonly YardConfig[] = [
  ...PLACEMENTS.map((placement) => ({ placement, wake: WAKES[0], locks: LOCKINGS[0] })),
  { placement: "direct", wake: "handoff", locks: "freebsd" },
];
