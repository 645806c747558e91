/** The postmaster's list of its children: starting, signalling, and how they ended. */
import type { SignalName } from "@jailyard/abi/signal";
import type { Process, WaitResult } from "@jailyard/trap/process";
import { BODIES, ROLES } from "./auxiliary.ts";
import { type Client, serve } from "./backend.ts";
import {
  CHILD_ACTIVE,
  CHILD_ASSIGNED,
  CHILD_UNUSED,
  type ChildSpec,
  runChild,
  runDetached,
  SignalMask,
} from "./child.ts";
import type { Cluster } from "./cluster.ts";
import type { DataDirectory } from "./lockfile.ts";
import type { Counters } from "./records.ts";
import { attempt } from "./report.ts";
import type { Kind } from "./version.ts";

export interface Child {
  readonly pid: number;
  readonly kind: Kind;
  readonly client: Client | null;
  /** Word of its flag; -1 if it has none. */
  readonly flag: number;
  readonly mask: SignalMask;
}

/** How a child ended, as the postmaster judges it. */
export interface End {
  readonly child: Child;
  readonly status: number | null;
  readonly signal: number | null;
  /** Shared memory may be damaged. [PG-35] [PG-38] */
  readonly crash: boolean;
}

const FLAGGED: ReadonlySet<Kind> = new Set(["backend", "launcher", "vacuum", "logical"]);

export class Children {
  readonly #p: Process;
  readonly #directory: DataDirectory;
  /** Oldest first. */
  readonly #children = new Map<number, Child>();
  #forked = 0;

  constructor(p: Process, directory: DataDirectory) {
    this.#p = p;
    this.#directory = directory;
  }

  get size(): number {
    return this.#children.size;
  }

  /** Pids of all, or of one kind, oldest first. */
  pids(kind?: Kind): number[] {
    const all = [...this.#children.values()];
    return all.filter((child) => kind === undefined || child.kind === kind).map(({ pid }) => pid);
  }

  has(kinds: readonly Kind[]): boolean {
    return [...this.#children.values()].some(({ kind }) => kinds.includes(kind));
  }

  /** Fork an auxiliary process or a worker. */
  async start(cluster: Cluster, words: Int32Array, kind: Kind, counters: Counters): Promise<void> {
    if (kind === "stats") {
      const mask = new SignalMask();
      const pid = await this.#p.fork((p) => runDetached(p, cluster, mask));
      this.#children.set(pid, { pid, kind, client: null, flag: -1, mask });
      return;
    }
    const body = BODIES[kind]!;
    await this.#fork(cluster, words, kind, null, counters, (me) => body(me, this.#directory));
  }

  /** Fork a backend for a connection of `client`. */
  async connect(
    cluster: Cluster,
    words: Int32Array,
    client: Client,
    counters: Counters,
  ): Promise<void> {
    await this.#fork(cluster, words, "backend", client, counters, (me) => serve(me, client));
  }

  async #fork(
    cluster: Cluster,
    words: Int32Array,
    kind: Kind,
    client: Client | null,
    counters: Counters,
    body: ChildSpec["body"],
  ): Promise<void> {
    const { list, terminates } = ROLES[kind];
    const flag = FLAGGED.has(kind) ? assignFlag(cluster, words) : -1;
    const mask = new SignalMask();
    const ordinal = ++this.#forked;
    const title = `${cluster.settings.instance} ${titleOf(kind, client)}`;
    const spec = { mask, cluster, counters, ordinal, title, list, terminates, flag, body };
    const pid = await this.#p.fork((p) => runChild(p, spec));
    this.#children.set(pid, { pid, kind, client, flag, mask });
  }

  /** Strike a child that wait gave off the list; null if it is none of ours. */
  end({ pid, status, signal }: WaitResult, words: Int32Array): End | null {
    const child = this.#children.get(pid);
    if (child === undefined) return null;
    this.#children.delete(pid);
    const active = child.flag >= 0 && Atomics.load(words, child.flag) === CHILD_ACTIVE;
    if (child.flag >= 0) Atomics.store(words, child.flag, CHILD_UNUSED);
    const clean = status === 0 || (status === 1 && ROLES[child.kind].mayFail);
    return { child, status, signal, crash: (!clean || active) && child.kind !== "stats" };
  }

  /** Signal all children of these kinds, kind by kind, the newest first. [PG-34] */
  async signal(signal: SignalName, kinds?: readonly Kind[]): Promise<void> {
    const newest = [...this.#children.values()].reverse();
    const ordered = kinds?.flatMap((kind) => newest.filter((child) => child.kind === kind));
    for (const { pid, mask } of ordered ?? newest) {
      if (mask.passes(signal)) await attempt(this.#p.kill(pid, signal));
    }
  }
}

/** A process in one word or two: ROLES has what messages call it. */
function titleOf(kind: Kind, client: Client | null): string {
  if (client !== null) return `backend ${client.ix + 1}`;
  return kind === "vacuum" ? "autovacuum worker" : ROLES[kind].name.replace(/ process$/, "");
}

/** AssignPostmasterChildSlot. */
function assignFlag({ layout }: Cluster, words: Int32Array): number {
  const end = layout.childFlags + layout.children;
  for (let flag = layout.childFlags; flag < end; flag++) {
    if (Atomics.compareExchange(words, flag, CHILD_UNUSED, CHILD_ASSIGNED) === CHILD_UNUSED) {
      return flag;
    }
  }
  return -1;
}
