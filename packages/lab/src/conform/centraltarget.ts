/**
 * Placement `central`: real threads call through the gate. The driver gives an order to the process
 * of a step and then asks the kernel's thread who sleeps, until the caller has answered or sleeps.
 *
 * The kernel carries a call out with all that it wakes before it looks at anything else, so what it
 * says of its processes is said when nothing can run any more: a caller that sleeps then has made
 * its call, and a process that slept before and does not any more has its answer.
 */
import { type Errno, errnoName, OK } from "@jailyard/abi/errno";
import { JAIL_CREATE, JAIL_UPDATE, type JailParams } from "@jailyard/abi/jail";
import { SIGNALS, type SignalName } from "@jailyard/abi/signal";
import type { Jid, Pid } from "@jailyard/abi/types";
import type { Order, Reply } from "./agentcalls.ts";
import type { Call, CallName, ConformCase, JailSetArgs } from "./case.ts";
import { CentralYard, type Libc, PATIENCE_MS, type Proc, withNames } from "./centralyard.ts";
import { fullNameOf, jailParams, nameSeenIn } from "./stage.ts";
import { uidT } from "./structs.ts";
import type { Called, Completion, ConformTarget, Ending, Outcome } from "./target.ts";

export interface CentralOptions {
  /** Which libc the processes use; `mixed`, the default, gives one case this and one that. */
  readonly libc?: Libc | "mixed";
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
  return new CentralTarget(options.libc ?? "mixed");
}

class CentralTarget implements ConformTarget {
  readonly placement = "central";
  readonly #libc: Libc | "mixed";
  readonly #yard = new CentralYard();
  #cases = 0;

  constructor(libc: Libc | "mixed") {
    this.#libc = libc;
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
  async #completed(states: ReadonlyMap<Pid, boolean>): Promise<Completion[]> {
    const completed: Completion[] = [];
    for (const proc of this.#yard.procs.values()) {
      if (proc.ended) continue;
      const { name, asleep } = proc;
      const of = asleep === null ? {} : { of: asleep };
      if (!states.has(proc.pid)) {
        completed.push({ proc: name, ...of, killed: true });
        proc.ended = true;
        this.#yard.dismiss(proc);
      } else if (asleep !== null && states.get(proc.pid) === false) {
        proc.asleep = null;
        completed.push({ proc: name, ...of, ...(await this.#reply(proc)) });
      }
    }
    return completed;
  }
}

/** How a call ended, and what the kernel said of all processes if it was asked after it. */
interface Carried {
  readonly ending: Ending;
  readonly states?: ReadonlyMap<Pid, boolean>;
}

const ended = (error: Errno): Ending => (error === OK ? { ret: 0 } : { errno: errnoName(error) });
