/** What boot() and its yard throw: apart from both, so that yard.ts and jail.ts need no cycle. */

/** A yard, jail or process that cannot be had; the message names it and the remedy. */
export class YardError extends Error {
  override readonly name = "YardError";
}
