/** Every placement that a yard can have: what holds for one holds for all. */
import { PLACEMENTS, type Placement } from "@jailyard/host/yard";

export const placements: readonly Placement[] = PLACEMENTS;
