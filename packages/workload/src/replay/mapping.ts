/**
 * From the numbers of the recorded machine to those of the yard: ids, pids, users. What was one
 * number there has to be one number here: a result that maps to two is a difference.
 */
export class Mapping {
  readonly #there = new Map<number, number>();
  readonly #here = new Map<number, number>();

  /** Recorded `there` is `here`. @returns false if either stands for something else already */
  put(there: number, here: number): boolean {
    const known = this.#there.get(there);
    if (known !== undefined) return known === here;
    if (this.#here.has(here)) return false;
    this.#there.set(there, here);
    this.#here.set(here, there);
    return true;
  }

  /** The same, but a number that was used before now stands for something new. */
  renew(there: number, here: number): void {
    const old = this.#there.get(there);
    if (old !== undefined) this.#here.delete(old);
    const stale = this.#here.get(here);
    if (stale !== undefined) this.#there.delete(stale);
    this.#there.set(there, here);
    this.#here.set(here, there);
  }

  here(there: number): number | undefined {
    return this.#there.get(there);
  }

  there(here: number): number | undefined {
    return this.#here.get(here);
  }

  /** An id for a call: one that the recording never got from a call stays a stranger here. */
  id(there: number): number {
    return this.#there.get(there) ?? (this.#here.has(there) ? -1 : there);
  }
}
