/**
 * The placements whose threads may die at any instruction. `direct` is not among them yet: after
 * thousands of deaths it miscounts sleepers, which the killer of this folder finds.
 */
import type { Placement } from "@jailyard/host/yard";

export const placements: readonly Placement[] = ["central"];
