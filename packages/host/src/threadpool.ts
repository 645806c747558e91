/**
 * Threads, each for one task at a time, in pools of a few: for every task piscina looks at all threads
 * of its pool, twice, which of a thousand takes 5 ms.
 */
import { Piscina } from "piscina";

const POOL_THREADS = 32;

type Options = NonNullable<ConstructorParameters<typeof Piscina>[0]>;
type RunOptions = Parameters<Piscina["run"]>[1];

interface Pool {
  readonly piscina: Piscina;
  tasks: number;
}

export class ThreadPool {
  readonly #options: Options;
  readonly #failed: (error: unknown) => void;
  readonly #pools: Pool[] = [];
  #over = false;

  /** `failed` is told of a thread's error that no task has. */
  constructor(options: Options, failed: (error: unknown) => void) {
    this.#options = options;
    this.#failed = failed;
    this.#add();
  }

  #add(): Pool {
    const piscina = new Piscina(this.#options);
    piscina.on("error", this.#failed);
    const pool: Pool = { piscina, tasks: 0 };
    this.#pools.push(pool);
    return pool;
  }

  /** The first one that has room, where an idle thread may be. */
  #withRoom(): Pool {
    if (this.#over) return this.#pools[0]; // which refuses
    return this.#pools.find(({ tasks }) => tasks < POOL_THREADS) ?? this.#add();
  }

  async run(task: unknown, options: RunOptions): Promise<unknown> {
    const pool = this.#withRoom();
    pool.tasks++;
    try {
      return await pool.piscina.run(task, options);
    } finally {
      pool.tasks--;
    }
  }

  get threads(): Piscina["threads"] {
    return this.#pools.flatMap(({ piscina }) => piscina.threads);
  }

  async destroy(): Promise<void> {
    this.#over = true;
    await Promise.all(this.#pools.map(({ piscina }) => piscina.destroy()));
  }
}
