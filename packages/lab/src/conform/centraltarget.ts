/**
 * Placements `central` and `direct`: real threads. The driver gives an order to the process of a step
 * and then asks the kernel's thread who sleeps, until the caller has answered or sleeps.
 *
 * In `central` the kernel carries a call out with all that it wakes before it looks at anything
 * else: a process that slept before and does not any more has its answer. In `direct` processes are
 * woken, look again and perhaps sleep again in threads of their own: each that was seen awake is
 * waited for until it has answered or sleeps, and then all are asked once more.
 */
import { type Errno, errnoName, OK } from "@jailyard/abi/errno";
import { JAIL_CREATE, JAIL_UPDATE, type JailParams } from "@jailyard/abi/jail";
import { SIGNALS, type SignalName } from "@jailyard/abi/signal";
import type { Jid, Pid } from "@jailyard/abi/types";
import type { Placement } from "@jailyard/host/yard";
import type { Order, Reply } from "./agentcalls.ts";
import type { Call, CallName, ConformCase, JailSetArgs } from "./case.ts";
import { CentralYard, type Libc, PATIENCE_MS, type Proc, withNames } from "./centralyard.ts";
import { fullNameOf, jailParams, nameSeenIn } from "./stage.ts";
import { uidT } from "./structs.ts";
import type { Called, Completion, ConformTarget, Ending, Outcome } from "./target.ts";

export interface CentralOptions {
  /** Which libc the processes use; `mixed`, the default, gives one case this and one that. */
  readonly libc?: Libc | "mixed";
  /** `central` if absent. */
  readonly placement?: Placement;
}

/** Calls after which there may be no answer: the kernel is asked at once. */
const MAY_SLEEP: ReadonlySet<string> = new Set(["semop", "msgsnd", "msgrcv", "exit"]);
/** How long the others are waited for before the kernel is asked whether the caller still lives. */
const WORTH_MS = 200;
/** A jid that no jail has. */
const NO_JID = 999_999 as Jid;

export function centralTarget(
  options: CentralOptions = {},
): ConformTarget & { close(): Promise<void> } {
  return new CentralTarget(options.libc ?? "mixed", options.placement ?? "central");
}

class CentralTarget implements ConformTarget {
  readonly placement: Placement;
  readonly #libc: Libc | "mixed";
  readonly #yard: CentralYard;
  #cases = 0;

  constructor(libc: Libc | "mixed", placement: Placement) {
    this.#libc = libc;
    this.placement = placement;
    this.#yard = new CentralYard(placement);
  }

  begin(conform: ConformCase): Promise<void> {
    const turn: Libc = this.#cases++ % 2 === 0 ? "awaited" : "blocking";
    return this.#yard.begin(conform, this.#libc === "mixed" ? turn : this.#libc);
  }

  async call({ of, proc: name, call }: Called): Promise<Outcome> {
    const proc = name === undefined ? null : this.#caller(name, call.call);
    const { ending, states } = await this.#carry(proc, of, call);
    if (states === undefined && !this.#touchesOthers(call.call)) return { ending, completed: [] };
    const completed = await this.#completed(states ?? (await this.#yard.states()));
    return { ending, completed };
  }

  end(): Promise<void> {
    return this.#yard.end();
  }

  /** The threads end. */
  close(): Promise<void> {
    return this.#yard.close();
  }

  /** Who calls, or whom a signal is for. @throws Error for the dead, and for a caller asleep */
  #caller(name: string, call: CallName): Proc {
    const proc = this.#yard.procs.get(name);
    if (proc === undefined || proc.ended) throw new Error(`there is no process ${name} any more`);
    if (proc.asleep !== null && call !== "signal") {
      throw new Error(`${name} has been asleep since step ${proc.asleep}`);
    }
    return proc;
  }

  async #carry(proc: Proc | null, of: number, call: Call<number>): Promise<Carried> {
    const ending = await this.#fromOutside(proc, call);
    if (ending !== null) return { ending };
    if (proc === null) throw new Error(`${call.call} needs a process`);
    if (call.call === "fork") return this.#fork(proc, of, call.args.child);
    const carried = await this.#ask(proc, of, this.#orderOf(proc, call));
    if ("ret" in carried.ending) await this.#noteJail(proc, call, carried.ending);
    return carried;
  }

  /** What is done through the kernel's control; null for the calls that processes make. */
  async #fromOutside(proc: Proc | null, { call, args }: Call<number>): Promise<Ending | null> {
    const { control } = this.#yard.yard;
    if (call === "advance") {
      await control.advance(args.ms);
      return { ret: 0 };
    }
    if (call === "signal") {
      await control.kill(proc!.pid, SIGNALS[`SIG${args.sig}` as SignalName]);
      return { ret: 0 };
    }
    if (call === "setcred") {
      const groups = (args.groups ?? []).map(uidT);
      await control.setcred(proc!.pid, uidT(args.uid), uidT(args.gid), groups);
      return { ret: 0 };
    }
    return proc === null ? this.#asHostRoot({ call, args } as Call<number>) : null;
  }

  async #asHostRoot({ call, args }: Call<number>): Promise<Ending | null> {
    const { control } = this.#yard.yard;
    if (call === "jail_set") {
      const { error, jid } = await control.jailSet(this.#paramsOf(args, ""), args.create === true);
      if (error === OK) this.#created(args, jid);
      return ended(error);
    }
    if (call === "jail_remove") return ended(await control.jailRemove(this.#jid(args.jail)));
    if (call !== "jail_get") return null;
    const { error, info } = await control.jailGet({ jid: this.#jid(args.jail) });
    if (info === null) return ended(error);
    const { sysvmsg, sysvsem, sysvshm } = info;
    return { ret: 0, out: { sysvmsg: sysvmsg!, sysvsem: sysvsem!, sysvshm: sysvshm! } };
  }

  #jid(name: string): Jid {
    return this.#yard.jails.get(name)?.jid ?? NO_JID;
  }

  /** Parameters of jail_set as the jail with full name `caller` gives them. */
  #paramsOf(args: JailSetArgs, caller: string): JailParams {
    const settings = jailParams(args);
    if (args.create !== true) return { jid: this.#jid(args.jail), ...settings };
    const fullName = fullNameOf(this.#yard.jails, args.jail, args.parent ?? "host");
    return { name: nameSeenIn(caller, fullName), persist: true, ...settings };
  }

  #created({ create, jail, parent = "host" }: JailSetArgs, jid: Jid): void {
    if (create !== true) return;
    const fullName = fullNameOf(this.#yard.jails, jail, parent);
    this.#yard.jails.set(jail, { jid, fullName, awaited: false });
  }

  /** The call as the process is told it, which knows no names. */
  #orderOf(proc: Proc, { call, args }: Call<number>): Order {
    if (call === "jail_set") {
      const caller = this.#yard.jails.get(proc.jail)!.fullName;
      const flags = args.create === true ? JAIL_CREATE : JAIL_UPDATE;
      return { call, args: { params: this.#paramsOf(args, caller), flags } };
    }
    if (call === "jail_get" || call === "jail_remove" || call === "jail_attach") {
      return { call, args: { jid: this.#jid(args.jail) } };
    }
    return { call, args } as Order;
  }

  /** A jail came to be, or has another process; calls that succeed give 0, not jids. */
  async #noteJail(proc: Proc, { call, args }: Call<number>, ending: Ending): Promise<void> {
    if (call === "jail_set") {
      this.#created(args, ending.ret as Jid);
      ending.ret = 0;
    } else if (call === "jail_attach") {
      proc.jail = args.jail;
      await this.#yard.dropPersist(args.jail);
    }
  }

  async #fork(proc: Proc, of: number, child: string): Promise<Carried> {
    const box = this.#yard.takeBox();
    const { ending } = await this.#ask(proc, of, { call: "fork", args: { box } });
    if (typeof ending.ret !== "number") return { ending };
    const { home, jail } = proc;
    await this.#yard.addProc({ name: child, pid: ending.ret as Pid, home, jail }, box);
    return { ending: { ret: child } };
  }

  /** Can the call have ended anything but itself? If nobody sleeps, only by killing. */
  #touchesOthers(call: CallName): boolean {
    if (call === "jail_remove" || call === "signal") return true;
    return [...this.#yard.procs.values()].some(({ asleep }) => asleep !== null);
  }

  /** Give an order, and wait until the caller has answered, sleeps or has ended. */
  async #ask(proc: Proc, of: number, order: Order): Promise<Carried> {
    this.#yard.order(proc, order);
    const patience = MAY_SLEEP.has(order.call) ? 0 : WORTH_MS;
    for (;;) {
      if (await proc.mail.replies(patience)) return { ending: await this.#reply(proc) };
      const states = await this.#yard.states();
      const asleep = states.get(proc.pid);
      if (asleep === true) {
        proc.asleep = of;
        return { ending: { blocks: true }, states };
      }
      if (asleep === undefined && order.call === "exit") {
        proc.ended = true;
        return { ending: { exits: true }, states };
      }
      if (asleep === undefined) return { ending: { killed: true }, states };
    }
  }

  async #reply({ name, mail }: Proc): Promise<Ending> {
    const reply = (await mail.reply(PATIENCE_MS)) as Reply;
    if ("threw" in reply) throw new Error(`process ${name}: ${reply.threw}`);
    return withNames(reply, (pid) => this.#yard.pidName(pid));
  }

  /** What has ended since the call began, the caller's own call apart. */
  async #completed(first: ReadonlyMap<Pid, boolean>): Promise<Completion[]> {
    const completed: Completion[] = [];
    for (let states = first; ; states = await this.#yard.states()) {
      const before = completed.length;
      for (const proc of this.#yard.procs.values()) {
        const completion = proc.ended ? null : await this.#completion(proc, states);
        if (completion !== null) completed.push(completion);
      }
      if (completed.length === before) return completed;
    }
  }

  /** How the process's sleep has ended, or the process itself; null if neither has. */
  async #completion(proc: Proc, states: ReadonlyMap<Pid, boolean>): Promise<Completion | null> {
    const { name, asleep } = proc;
    const of = asleep === null ? {} : { of: asleep };
    const awake = states.get(proc.pid) === false;
    if (states.has(proc.pid) && (asleep === null || !awake)) return null;
    if (states.has(proc.pid) && (await this.#answers(proc))) {
      proc.asleep = null;
      return { proc: name, ...of, ...(await this.#reply(proc)) };
    }
    if (states.has(proc.pid)) return null;
    proc.ended = true;
    this.#yard.dismiss(proc);
    return { proc: name, ...of, killed: true };
  }

  /** It was woken: does it answer? Else it sleeps again, or is gone. */
  async #answers({ pid, mail }: Proc): Promise<boolean> {
    for (;;) {
      if (await mail.replies(1)) return true;
      const asleep = (await this.#yard.states()).get(pid);
      if (asleep !== false) return mail.replies(0);
    }
  }
}

/** How a call ended, and what the kernel said of all processes if it was asked after it. */
interface Carried {
  readonly ending: Ending;
  readonly states?: ReadonlyMap<Pid, boolean>;
}

const ended = (error: Errno): Ending => (error === OK ? { ret: 0 } : { errno: errnoName(error) });
