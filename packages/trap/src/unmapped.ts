/** User memory that is not mapped. Pass it where a call takes a buffer: EFAULT. */
export const UNMAPPED: unique symbol = Symbol("unmapped memory");
