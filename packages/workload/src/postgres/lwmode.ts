/** Modes of a lightweight lock, as the slot of a waiter carries them. */
export const EXCLUSIVE = 0;
export const SHARED = 1;
/** Waits until the lock is free, and does not take it. */
export const UNTIL_FREE = 2;
export type LwMode = typeof EXCLUSIVE | typeof SHARED;

/** Of a slot: waits in no list; in a list; taken out of it, and about to be woken. */
export const NOT_WAITING = 0;
export const WAITING = 1;
export const PENDING_WAKEUP = 2;
