/** Answers of a thread that may die: its death rejects all that are awaited, and later ones. */
export class Lifeline {
  readonly #pending = new Set<(cause: Error) => void>();
  #cause: Error | null = null;

  /** Why it was cut; null while the thread lives. */
  get cause(): Error | null {
    return this.#cause;
  }

  /** What settles as `answer` does, or is rejected once the line is cut. */
  guard<T>(answer: Promise<T>): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const settled = (): boolean => this.#pending.delete(reject);
    answer.then(
      (value) => {
        settled();
        resolve(value);
      },
      (error) => {
        settled();
        reject(error);
      },
    );
    if (this.#cause === null) this.#pending.add(reject);
    else reject(this.#cause);
    return promise;
  }

  /** The thread has died; the first cause counts. */
  cut(cause: Error): void {
    this.#cause ??= cause;
    for (const reject of this.#pending) reject(this.#cause);
    this.#pending.clear();
  }
}
