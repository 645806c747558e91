/** Where semop, msgsnd, msgrcv and reads run: in the kernel's thread, or in the caller's own. */
export const PLACEMENTS = ["central", "direct"] as const;
export type Placement = (typeof PLACEMENTS)[number];
