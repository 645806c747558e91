/**
 * A server process as it knows itself: its slot in shared memory, what it holds, its signals, the
 * processor time it has used. PostgreSQL's MyProc and the variables around it.
 */
import { LABEL_MAX } from "@jailyard/abi/contention";
import type { SignalName } from "@jailyard/abi/signal";
import type { Process } from "@jailyard/trap/process";
import { spend } from "./clock.ts";
import { type Cluster, memoryOf, popFree, pushFree } from "./cluster.ts";
import { FREE_AUXILIARY, type Layout, S_HEAVY, S_LATCH, S_LW_WAITING, S_PID } from "./layout.ts";
import { NOT_WAITING } from "./lwmode.ts";
import { Running } from "./processor.ts";
import { type Random, random } from "./random.ts";
import type { Counters } from "./records.ts";
import { attempt, PgError } from "./report.ts";
import { resetSema, semaId, semaNum } from "./semas.ts";
import type { Profile } from "./version.ts";

/** Exit status after SIGQUIT. */
const QUICKDIE = 2;

export class Pgproc {
  readonly p: Process;
  readonly running: Running;
  readonly cluster: Cluster;
  readonly words: Int32Array;
  readonly layout: Layout;
  readonly profile: Profile;
  readonly counters: Counters;
  readonly rng: Random;
  /** -1 while it has none. */
  slot = -1;
  /** First word of the slot. */
  row = -1;
  /** Lightweight locks held, last taken last. */
  readonly held: number[] = [];
  /** Tags of the heavyweight locks it holds. */
  readonly heavy = new Set<string>();
  /** The WAL insertion lock that it tries first. */
  walInsertLock = -1;
  /** Depth of critical sections: an error in one is a PANIC. */
  critical = 0;
  /** SIGTERM has come; looked at between statements and while asleep on the latch. */
  dying = false;
  readonly requests = new Set<SignalName>();
  #quickdie = false;
  #sliceMicros: number;
  #owedMicros = 0;

  /** `ordinal`: how many children the server had before it. Pids differ from run to run. */
  constructor(p: Process, cluster: Cluster, counters: Counters, ordinal: number) {
    this.rng = random(cluster.settings.seed ^ Math.imul(ordinal, 0x9e3779b1));
    this.running = new Running(cluster.processors, this.rng);
    this.p = this.running.bind(p);
    this.cluster = cluster;
    this.words = memoryOf(p, cluster);
    this.layout = cluster.layout;
    this.profile = cluster.settings.profile;
    this.counters = counters;
    this.#sliceMicros = this.#slice();
  }

  /** SIGTERM asks to end, SIGQUIT ends, others only wake; what came is in `requests`. */
  async catchSignals(terminates: boolean): Promise<void> {
    const note = (signal: SignalName): void => {
      this.requests.add(signal);
      if (signal === "SIGQUIT") this.#quickdie = true;
      if (signal === "SIGTERM" && terminates) this.dying = true;
      if (this.slot >= 0) Atomics.store(this.words, this.row + S_LATCH, 1);
    };
    const wake = (): void => {};
    for (const signal of ["SIGTERM", "SIGQUIT", "SIGINT", "SIGUSR2"] as const) {
      await this.p.signal(signal, note);
    }
    for (const signal of ["SIGUSR1", "SIGURG", "SIGALRM"] as const) {
      await this.p.signal(signal, wake);
    }
  }

  /** What a handler of SIGQUIT does itself in the real server: end at once. */
  afterSignal(): void {
    if (this.#quickdie) this.p.exit(QUICKDIE);
  }

  /** Use processor time; at the end of a slice another process of the jail runs. */
  async cpu(micros: number): Promise<void> {
    this.#sliceMicros -= micros;
    this.#owedMicros += micros;
    if (this.#sliceMicros > 0) return;
    const { cpuShare } = this.cluster.settings;
    if (cpuShare > 0) spend(this.#owedMicros * cpuShare);
    this.#owedMicros = 0;
    this.#sliceMicros = this.#slice();
    await this.p.sleep(0);
    this.afterSignal();
  }

  #slice(): number {
    return this.cluster.settings.sliceMicros * (0.5 + this.rng());
  }

  /** InitProcess: take a free slot of the kind and reset its semaphore, which gets a name. [PG-28] [PG-30] */
  async takeSlot(list: number, title: string): Promise<void> {
    const slot = list === FREE_AUXILIARY ? this.#freeAuxiliary() : this.#pop(list);
    if (slot < 0) throw new PgError("FATAL", "sorry, too many clients already");
    this.slot = slot;
    this.row = this.layout.slot(slot);
    const { words, row } = this;
    Atomics.store(words, row + S_PID, this.p.pid);
    for (const word of [S_LW_WAITING, S_LATCH, S_HEAVY]) words[row + word] = 0;
    const { semas } = this.cluster;
    await resetSema(this.p, semas, slot, this.counters);
    const name = title.slice(0, LABEL_MAX);
    await attempt(this.p.label(semaId(semas, slot), semaNum(semas, slot), name));
  }

  #pop(list: number): number {
    return popFree(this.words, this.layout, list);
  }

  #freeAuxiliary(): number {
    const [first, count] = this.layout.range(FREE_AUXILIARY);
    for (let slot = first; slot < first + count; slot++) {
      if (Atomics.load(this.words, this.layout.slot(slot) + S_PID) === 0) return slot;
    }
    return -1;
  }

  /** ProcKill: the slot is free again, unless it is still linked into the wait list of a lock. */
  giveSlot(): void {
    if (this.slot < 0) return;
    const { words, layout, slot } = this;
    Atomics.store(words, this.row + S_PID, 0);
    const [auxiliary] = layout.range(FREE_AUXILIARY);
    const linked = words[this.row + S_LW_WAITING] !== NOT_WAITING;
    if (slot < auxiliary && !linked) pushFree(words, layout, this.cluster.settings, slot);
    this.slot = -1;
  }

  /** An error of this level; in a critical section it is a PANIC whatever it is. */
  error(level: "ERROR" | "FATAL" | "PANIC", text: string): PgError {
    return new PgError(this.critical > 0 ? "PANIC" : level, text);
  }
}
