/**
 * The calls of libc bound to a process, awaited or blocking: on a mapped page where there is one,
 * else through the gate.
 */
import { EAGAIN, EDEAD, EGATE, EMAPPED, type Errno, ESLEEP, OK } from "@jailyard/abi/errno";
import { limitOf, type Reason } from "@jailyard/abi/reason";
import type { Told } from "@jailyard/abi/refusal";
import { SEM_UNDO } from "@jailyard/abi/sem";
import { SYS_UNMAPPED } from "@jailyard/abi/syscall";
import { SysError } from "@jailyard/abi/syserror";
import { getJson, RET1 } from "@jailyard/abi/wire";
import type { Def } from "./def.ts";
import { awaitDirect, blockDirect, type Direct } from "./direct.ts";
import { REASON } from "./gate.ts";
import { DEFS } from "./libc.ts";
import type { Mode } from "./process.ts";
import { ProcessEnded } from "./unwind.ts";
import type { Awaited, UserProcess } from "./userprocess.ts";

type Args = readonly unknown[];

/** The result of a call that is over. @throws SysError, or ProcessEnded if the process has */
export function settle(
  u: UserProcess,
  name: string,
  error: Errno,
  def: Pick<Def, "leave">,
  args: Args,
): unknown {
  u.calling = false;
  u.gate.receive();
  if (error === OK) {
    const value = def.leave(u, args);
    u.handleSignals();
    return value;
  }
  if (error === EDEAD || u.gate.killed(u.slot) !== 0) throw new ProcessEnded();
  const { page } = u.gate;
  const reason = page.words[page.row(u.slot) + REASON] as Reason;
  const bytes = u.frame.a[RET1];
  const told = bytes > 0 ? (getJson(u.frame.u8, bytes) as Told) : {};
  u.handleSignals();
  throw new SysError(name, error, reason, told);
}

/** The same for a call that was made on a page. */
function settleDirect(u: UserProcess, name: string, error: Errno, def: Def, args: Args): unknown {
  const d = u.direct!;
  u.calling = false;
  if (error === OK) {
    const value = def.direct!.leave(d, args);
    u.handleSignals();
    return value;
  }
  return failDirect(u, name, error, d.reason);
}

function failDirect(u: UserProcess, name: string, error: Errno, reason: Reason): never {
  u.calling = false;
  if (error === EDEAD || u.gate.killed(u.slot) !== 0) throw new ProcessEnded();
  u.handleSignals();
  throw new SysError(name, error, reason);
}

/**
 * Refused on a page at a limit: the kernel is asked, which knows who uses it. Not for what a program
 * tries again and again.
 */
const asksKernel = (d: Direct, error: Errno): boolean =>
  error > 0 && error !== EAGAIN && error !== EDEAD && limitOf(d.reason) !== "";

const unmapped = (u: UserProcess, def: Def, args: Args): number => {
  def.enter(u, args);
  return def.sysno | SYS_UNMAPPED;
};

/** Bind the table to a process. */
export function bindCalls(u: UserProcess, mode: Mode): Record<string, unknown> {
  const calls: Record<string, unknown> = {};
  for (const [name, def] of Object.entries(DEFS)) {
    calls[name] = mode === "blocking" ? bindBlocking(u, name, def) : bindAwaited(u, name, def);
  }
  if (u.direct === null) return calls;
  const semop = calls.semop as (...args: unknown[]) => unknown;
  calls.semop =
    mode === "blocking" ? fastBlocking(u, u.direct, semop) : fastAwaited(u, u.direct, semop);
  return calls;
}

function bindBlocking(u: UserProcess, name: string, def: Def): (...args: unknown[]) => unknown {
  return (...args) => {
    u.begin(name);
    if (def.direct === undefined || u.direct === null) return gateBlocking(u, name, def, args);
    return onPageBlocking(u, u.direct, name, def, args, def.direct.call(u.direct, args));
  };
}

/** Wait for a call on a page, begun with `begun`; EGATE sends it through the gate. */
function onPageBlocking(
  u: UserProcess,
  d: Direct,
  name: string,
  def: Def,
  args: Args,
  begun: Errno,
): unknown {
  if (begun === EGATE) return gateBlocking(u, name, def, args);
  u.calling = true;
  const error = blockDirect(u, d, begun);
  if (asksKernel(d, error)) {
    return settle(u, name, u.gate.call(u.slot, unmapped(u, def, args)), def, args);
  }
  if (error !== EGATE) return settleDirect(u, name, error, def, args);
  return settle(u, name, u.gate.call(u.slot, d.enterResume(u.frame)), def, args);
}

function gateBlocking(u: UserProcess, name: string, def: Def, args: Args): unknown {
  def.enter(u, args);
  u.calling = true;
  let error = u.gate.call(u.slot, def.sysno);
  if (error === EMAPPED) {
    u.gate.receive();
    const begun = def.direct!.call(u.direct!, args);
    if (begun !== EGATE) return onPageBlocking(u, u.direct!, name, def, args, begun);
    def.enter(u, args);
    error = u.gate.call(u.slot, def.sysno | SYS_UNMAPPED);
  }
  return settle(u, name, error, def, args);
}

function bindAwaited(u: UserProcess, name: string, def: Def): (...args: unknown[]) => unknown {
  return (...args) => {
    try {
      u.begin(name);
      if (def.direct === undefined || u.direct === null) return gateAwaited(u, name, def, args);
      const begun = def.direct.call(u.direct, args);
      return Promise.resolve(onPageAwaited(u, u.direct, name, def, args, begun));
    } catch (error) {
      return Promise.reject(error);
    }
  };
}

function onPageAwaited(
  u: UserProcess,
  d: Direct,
  name: string,
  def: Def,
  args: Args,
  begun: Errno,
): unknown {
  if (begun === EGATE) return gateAwaited(u, name, def, args);
  if (asksKernel(d, begun)) return unmappedAwaited(u, name, def, args);
  if (begun !== ESLEEP) return inTurn(u, begun, () => settleDirect(u, name, begun, def, args));
  u.calling = true;
  return new Promise((resolve, reject) => {
    awaitDirect(u, d, (error) => {
      try {
        // At once: the results of the thread's calls lie where the next one puts its own.
        if (asksKernel(d, error)) resolve(unmappedAwaited(u, name, def, args));
        else if (error !== EGATE) resolve(settleDirect(u, name, error, def, args));
        else resolve(resumeAwaited(u, d, name, def, args));
      } catch (thrown) {
        reject(thrown);
      }
    });
  });
}

/** An exception with its stack costs as much as so many calls. */
const FAILURE_CALLS = 50;

/** A result, or a failure that the program may try again and again; one in many waits for a turn. */
function inTurn(u: UserProcess, error: Errno, result: () => unknown): unknown {
  const turn = u.gate.turn(error === OK ? 1 : FAILURE_CALLS);
  if (turn === null) return result();
  try {
    const value = result(); // at once: it lies where the next call puts its own
    return turn.then(() => value);
  } catch (thrown) {
    return turn.then(() => Promise.reject(thrown));
  }
}

async function unmappedAwaited(
  u: UserProcess,
  name: string,
  def: Def,
  args: Args,
): Promise<unknown> {
  u.calling = true;
  return settle(u, name, await u.gate.callAsync(u.slot, unmapped(u, def, args)), def, args);
}

async function resumeAwaited(
  u: UserProcess,
  d: Direct,
  name: string,
  def: Def,
  args: Args,
): Promise<unknown> {
  return settle(u, name, await u.gate.callAsync(u.slot, d.enterResume(u.frame)), def, args);
}

/** One promise, and no async function. */
function gateAwaited(u: UserProcess, name: string, def: Def, args: Args): Promise<unknown> {
  def.enter(u, args);
  u.calling = true;
  u.awaited ??= new AwaitedCall(u);
  return u.awaited.make(name, def, args);
}

/**
 * The call through the gate that a coroutine awaits; there is one at a time. What it needs is made
 * once for a process, not for each call: a fifth of a thread that does little but call was collecting
 * garbage.
 */
class AwaitedCall implements Awaited {
  readonly #u: UserProcess;
  #name = "";
  #def: Def | null = null;
  #args: Args = [];
  #resolve: (value: unknown) => void = () => {};
  #reject: (error: unknown) => void = () => {};

  constructor(u: UserProcess) {
    this.#u = u;
  }

  make(name: string, def: Def, args: Args): Promise<unknown> {
    this.#name = name;
    this.#def = def;
    this.#args = args;
    const promise = new Promise(this.#keep);
    this.#u.gate.callThen(this.#u.slot, def.sysno, this.#over);
    return promise;
  }

  readonly #keep = (resolve: (value: unknown) => void, reject: (error: unknown) => void): void => {
    this.#resolve = resolve;
    this.#reject = reject;
  };

  readonly #over = (error: Errno): void => {
    const u = this.#u;
    const name = this.#name;
    const def = this.#def!;
    const args = this.#args;
    const resolve = this.#resolve; // the next call may begin before this one is told
    const reject = this.#reject;
    try {
      if (error === EMAPPED) resolve(mappedAwaited(u, u.direct!, name, def, args));
      else resolve(settle(u, name, error, def, args));
    } catch (thrown) {
      reject(thrown);
    }
  };
}

function mappedAwaited(u: UserProcess, d: Direct, name: string, def: Def, args: Args): unknown {
  u.gate.receive();
  const begun = def.direct!.call(d, args);
  if (begun !== EGATE) return onPageAwaited(u, d, name, def, args, begun);
  return unmappedAwaited(u, name, def, args);
}

type Semop = (semid: unknown, sops: unknown, nsops?: unknown) => unknown;

/**
 * semop without a detour through the table, as programs may make it more often than all other calls
 * together. One operation that need not wait is tried at once; its signals are handled after it.
 * 55 ns a call instead of 125; in a coroutine 95 instead of 210.
 */
function fastBlocking(u: UserProcess, d: Direct, other: Semop): Semop {
  return (semid, sops, nsops) => {
    if (!u.idle || !semopOne(d, semid, sops)) return other(semid, sops, nsops);
    u.handleSignals();
    return undefined;
  };
}

const DONE = Promise.resolve();

/** The same for a coroutine: a call that does not sleep makes no promise of its own. */
function fastAwaited(u: UserProcess, d: Direct, other: Semop): Semop {
  return (semid, sops, nsops) => {
    try {
      if (!u.idle || !semopOne(d, semid, sops)) return other(semid, sops, nsops);
      u.handleSignals();
      return u.gate.turn() ?? DONE;
    } catch (error) {
      return Promise.reject(error);
    }
  };
}

/** @returns false if that is no vector of one plain operation, or no call for one page alone */
function semopOne(d: Direct, semid: unknown, sops: unknown): boolean {
  if (!Array.isArray(sops) || sops.length !== 1) return false;
  const sop: unknown = sops[0];
  if (!Array.isArray(sop)) return false;
  const num = sop[0];
  const op = sop[1];
  const flg = sop.length > 2 ? sop[2] : 0;
  if ((num & 0xffff) !== num || (op << 16) >> 16 !== op || (flg | 0) !== flg) return false;
  return d.semopOne(semid, num, op, (flg & SEM_UNDO) !== 0);
}
