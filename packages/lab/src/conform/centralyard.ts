/**
 * Placements `central` and `direct`: the jails and processes of a case in a yard with real threads.
 *
 * One yard serves all cases: it starts over for each, as a kernel's thread and warm jail threads
 * are much dearer than a kernel. A jail has a thread once a process is started in it; a process
 * that enters another jail stays on its thread.
 */
import { errnoName, OK } from "@jailyard/abi/errno";
import type { JailParams } from "@jailyard/abi/jail";
import type { SignalName } from "@jailyard/abi/signal";
import { FACILITIES, type Jid, type Pid } from "@jailyard/abi/types";
import { Jail } from "@jailyard/host/jail";
import type { ProcessHandle } from "@jailyard/host/processhandle";
import { boot, type Placement, type Yard } from "@jailyard/host/yard";
import type { AgentArg } from "./agentcalls.ts";
import type { ConformCase, JailSpec, ProcSpec } from "./case.ts";
import { BOXES, boxMemory, Mailbox } from "./mailbox.ts";
import { fullNameOf, jailParams, type StageJail, spelledOut } from "./stage.ts";
import { uidT } from "./structs.ts";
import type { Ending } from "./target.ts";

/** Which libc a process uses: it is a coroutine, or owns its thread. */
export type Libc = "awaited" | "blocking";

/** A process of the case. */
export interface Proc {
  readonly name: string;
  readonly pid: Pid;
  readonly mail: Mailbox;
  /** Where it was started: the jail whose thread it may be on. */
  readonly home: Jail;
  /** The jail it is in, by the script's name. */
  jail: string;
  /** The step whose call it sleeps in; null while it does not sleep. */
  asleep: number | null;
  ended: boolean;
}

const MAXPROC = 2000;
/** Coroutines of a jail's thread. */
const SLOTS = 256;
/** A process that has not answered by then never will. */
export const PATIENCE_MS = 60_000;

const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
const agent = (name: string): URL => new URL(`./${name}.program.${extension}`, import.meta.url);
const MODULES: Readonly<Record<Libc, URL>> = {
  awaited: agent("agent"),
  blocking: agent("blockingagent"),
};

export class CentralYard {
  readonly jails = new Map<string, StageJail>();
  readonly procs = new Map<string, Proc>();
  readonly #pidNames = new Map<number, string>();
  readonly #homes = new Map<string, Jail>();
  readonly #handles: ProcessHandle[] = [];
  readonly #memory = boxMemory();
  #boxes = 0;
  #signals: readonly SignalName[] = [];
  #yard: Yard | null = null;
  readonly #placement: Placement;

  constructor(placement: Placement) {
    this.#placement = placement;
  }

  get yard(): Yard {
    if (this.#yard === null) throw new Error("there is no yard before the first case");
    return this.#yard;
  }

  /** Limits, then jails, then processes. @throws Error if the case cannot be set up */
  async begin(conform: ConformCase, libc: Libc): Promise<void> {
    const { limits = {}, jails = {}, procs, steps } = conform;
    const placement = this.#placement;
    const settings = { virtualClock: true, slots: SLOTS, maxproc: MAXPROC, placement };
    // The agents keep nothing: their threads serve case after case.
    this.#yard ??= await boot({ ...settings, reuseThreads: true, log: "silent" });
    await this.#yard.reset(limits);
    const signals = steps.flatMap((step) => (step.call === "signal" ? [step.args.sig] : []));
    this.#signals = [...new Set(signals)]
      .filter(isCaught)
      .map((sig): SignalName => `SIG${sig}` as SignalName);
    this.jails.set("host", { jid: 0 as Jid, fullName: "", awaited: false });
    for (const [name, spec] of Object.entries(jails)) await this.#makeJail(name, spec);
    for (const [name, spec] of Object.entries(procs)) await this.#makeProc(name, spec, libc);
    for (const { jail } of this.procs.values()) await this.dropPersist(jail);
  }

  /** Every process, jail and thread's task of the case is over. */
  async end(): Promise<void> {
    if (this.#yard === null) return;
    await this.#yard.control.killAll();
    for (const proc of this.procs.values()) this.dismiss(proc);
    await Promise.all([...this.#homes.values()].map((home) => home.end()));
    await Promise.all(this.#handles.map(({ exited }) => exited));
    for (const map of [this.jails, this.procs, this.#pidNames, this.#homes]) map.clear();
    this.#handles.length = 0;
    this.#boxes = 0;
  }

  async close(): Promise<void> {
    await this.end();
    await this.#yard?.shutdown();
    this.#yard = null;
  }

  async #makeJail(name: string, spec: JailSpec): Promise<void> {
    const fullName = fullNameOf(this.jails, name, spec.parent);
    const has = await this.#facilitiesOf(this.jails.get(spec.parent)!.jid);
    let problem = "";
    for (const settings of [spec, spelledOut(spec, (f) => has.has(f))]) {
      const params: JailParams = { name: fullName, persist: true, ...jailParams(settings) };
      const { error, errmsg, jid } = await this.yard.control.jailSet(params, true);
      problem = `${errnoName(error)} ${errmsg}`;
      if (error !== OK) continue;
      this.jails.set(name, { jid, fullName, awaited: spec.persist === false });
      return;
    }
    throw new Error(`jail ${name}: ${problem}`);
  }

  /** What a jail has to give to one below it. */
  async #facilitiesOf(jid: Jid): Promise<Set<string>> {
    if (jid === 0) return new Set(FACILITIES);
    const { info } = await this.yard.control.jailGet({ jid });
    return new Set(FACILITIES.filter((f) => info?.[`sysv${f}`] !== "disable"));
  }

  /** A jail that is not to persist has had its first process: from now on it may die. */
  async dropPersist(name: string): Promise<void> {
    const jail = this.jails.get(name)!;
    if (!jail.awaited) return;
    jail.awaited = false;
    await this.yard.control.jailSet({ jid: jail.jid, persist: false }, false);
  }

  async #makeProc(name: string, spec: ProcSpec, libc: Libc): Promise<void> {
    const { uid, gid, groups = [], jail = "host" } = spec;
    const home = await this.#home(jail);
    const box = this.takeBox();
    const arg: AgentArg = { memory: this.#memory, box, signals: this.#signals, greeting: {} };
    const ids = { uid: uidT(uid), gid: uidT(gid), groups: groups.map(uidT) };
    const handle = await home.spawn({ module: MODULES[libc], arg, ...ids });
    this.#handles.push(handle);
    await this.addProc({ name, pid: handle.pid, home, jail }, box);
  }

  /** The thread of a jail. */
  async #home(name: string): Promise<Jail> {
    const started = this.#homes.get(name);
    if (started !== undefined) return started;
    const { jid, fullName } = this.jails.get(name)!;
    const home = await Jail.start(this.yard, jid, fullName || "0");
    this.#homes.set(name, home);
    return home;
  }

  /** A box for a process that is to be. */
  takeBox(): number {
    if (this.#boxes === BOXES) throw new Error(`a case can have ${BOXES} processes here`);
    const box = this.#boxes++;
    new Mailbox(this.#memory, box).clear();
    return box;
  }

  /** A process that was started or forked; resolves once it takes orders. */
  async addProc(made: Pick<Proc, "name" | "pid" | "home" | "jail">, box: number): Promise<void> {
    const mail = new Mailbox(this.#memory, box);
    this.procs.set(made.name, { ...made, mail, asleep: null, ended: false });
    this.#pidNames.set(made.pid, made.name);
    await mail.reply(PATIENCE_MS);
  }

  /** Have a process carry out an order. */
  order({ mail, home }: Proc, order: unknown): void {
    mail.order(order);
    home.ring();
  }

  /** A process has ended: its program is to leave, if it waits for an order still. */
  dismiss(proc: Proc): void {
    if (proc.asleep === null) this.order(proc, { call: "quit", args: {} });
  }

  /** Pids of the processes that live; true for those asleep. */
  async states(): Promise<Map<Pid, boolean>> {
    const states = await this.yard.control.processes();
    return new Map(states.map(({ pid, asleep }) => [pid, asleep]));
  }

  /** A pid as a script names it; null for 0. */
  pidName(pid: number): string | null {
    return pid === 0 ? null : (this.#pidNames.get(pid) ?? `pid ${pid}`);
  }
}

/** The signals that can have a handler. */
const isCaught = (sig: string): boolean => sig !== "KILL" && sig !== "STOP";

const PIDS = ["sempid", "lspid", "lrpid", "lpid", "cpid"];

/** An ending with names in place of pids. */
export function withNames(ending: Ending, nameOf: (pid: number) => string | null): Ending {
  const { out } = ending;
  if (out === undefined) return ending;
  const named = { ...out };
  for (const field of PIDS) {
    if (typeof named[field] === "number") named[field] = nameOf(named[field]);
  }
  return { ...ending, out: named };
}
