/** The placements of a yard whose threads may die at any instruction. */
import { PLACEMENTS, type Placement } from "@jailyard/host/yard";

export const placements: readonly Placement[] = PLACEMENTS;
