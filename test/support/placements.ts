/** The manners of a yard whose threads may die at any instruction: placement, wake and locks. */
import { PLACEMENTS, type Placement, type YardConfig } from "@jailyard/host/yard";

export const placements: readonly Placement[] = PLACEMENTS;

export const manners: readonly YardConfig[] = [
  ...PLACEMENTS.map((placement) => ({ placement })),
  { placement: "direct", wake: "handoff", locks: "freebsd" },
];
