import { EINTR, EINVAL, EPERM, ESLEEP, ESRCH, OK } from "@jailyard/abi/errno";
import { SIGKILL, SIGNALS, sigmask } from "@jailyard/abi/signal";
import { type Kernel, run } from "@jailyard/kernel/kernel";
import { fork, kill, wait4 } from "@jailyard/kernel/proc";
import { REAPED, RUNNING, SLEEPING, type Thread } from "@jailyard/kernel/thread";
import { describe, expect, test } from "vitest";
import { ending, makeSet, remove, take } from "../support/jail.ts";
import { bench, jail, leftovers, ok, process } from "../support/kernel.ts";

const { SIGUSR1, SIGTERM, SIGCONT, SIGCHLD, SIGSTOP } = SIGNALS;

/** kill(2), and what follows from it. */
function send(k: Kernel, from: Thread, to: Thread, sig: number): void {
  ok(from, kill(k, from, to.p_pid, sig));
  run(k);
}

describe("kill(2)", () => {
  test("signal 0 asks whether the process is there, and does nothing", () => {
    const { k } = bench();
    const [td, other] = [process(k), process(k)];
    send(k, td, other, 0);
    expect(other.p_state).toBe(RUNNING);
    expect(ending(k)).toEqual({});
  });

  test("the default action ends a process, in whatever it is", () => {
    const { k } = bench();
    const [td, victim] = [process(k), process(k)];
    send(k, td, victim, SIGTERM);
    expect([victim.p_state, victim.p_xstat]).toEqual([REAPED, SIGTERM]);
    send(k, td, td, SIGKILL);
    expect(leftovers(k)).toEqual({});
  });

  test("a caught signal is pending, and ends a sleep with EINTR [COM-29]", () => {
    const { k, ended } = bench();
    const signalled: Thread[] = [];
    k.hooks = { ...k.hooks, signalled: (td) => void signalled.push(td) };
    const [td, sleeper] = [process(k), process(k)];
    const id = makeSet(k, td);
    sleeper.p_sigcatch = sigmask(SIGUSR1);
    expect(take(k, sleeper, id)).toBe(ESLEEP);
    send(k, td, sleeper, SIGUSR1);
    expect([ended.get(sleeper), signalled]).toEqual([EINTR, [sleeper]]);
    expect(sleeper.p_siglist).toBe(sigmask(SIGUSR1));
    expect(k.sem.slots[0]!.page.sem.semncnt[0]).toBe(0);
    remove(k, id);
    expect(ending(k)).toEqual({});
  });

  test("SIGKILL cannot be caught, and a killed sleeper ends by its interrupted path [COM-36]", () => {
    const { k, ended } = bench();
    const [td, sleeper] = [process(k), process(k)];
    const id = makeSet(k, td);
    sleeper.p_sigcatch = sigmask(SIGKILL);
    expect(take(k, sleeper, id)).toBe(ESLEEP);
    send(k, td, sleeper, SIGKILL);
    expect([sleeper.p_state, ended.size]).toEqual([REAPED, 0]); // the result reaches nobody
    expect(k.sem.slots[0]!.page.sem.semncnt[0]).toBe(0);
    remove(k, id);
    expect(ending(k)).toEqual({});
  });

  test("stop, continue and what is ignored leave a sleeper alone [COM-29]", () => {
    const { k, ended } = bench();
    const [td, sleeper] = [process(k), process(k)];
    const id = makeSet(k, td);
    expect(take(k, sleeper, id)).toBe(ESLEEP);
    for (const sig of [SIGSTOP, SIGCONT, SIGCHLD]) send(k, td, sleeper, sig);
    expect([sleeper.p_state, ended.size]).toEqual([SLEEPING, 0]);
    remove(k, id);
    expect(ending(k)).toEqual({});
  });

  test("the host reaches into jails, root of a jail those below it", () => {
    const { k } = bench();
    const [a, b] = [process(k, { prison: jail(k, "a") }), process(k, { prison: jail(k, "a.b") })];
    expect(kill(k, process(k), a.p_pid, 0)).toBe(OK);
    expect(kill(k, a, b.p_pid, 0)).toBe(OK);
    expect(ending(k)).toEqual({});
  });

  test("pid 1 is there for root of the host, and not to be signalled", () => {
    const { k } = bench();
    expect(kill(k, process(k), 1, 0)).toBe(OK);
    expect(kill(k, process(k), 1, SIGTERM)).toBe(EPERM);
    expect(kill(k, process(k, { prison: jail(k, "a") }), 1, 0)).toBe(ESRCH);
    expect(ending(k)).toEqual({});
  });
});

describe("ERRORS", () => {
  test("[EINVAL] no signal has this number: before the process is looked for", () => {
    const { k } = bench();
    for (const sig of [-1, 32]) expect(kill(k, process(k), 4711, sig)).toBe(EINVAL);
    expect(ending(k)).toEqual({});
  });

  test("[ESRCH] no such process, or one that the caller's jail does not see", () => {
    const { k } = bench();
    const host = process(k);
    const [a, b] = [process(k, { prison: jail(k, "a") }), process(k, { prison: jail(k, "b") })];
    expect(kill(k, host, 4711, 0)).toBe(ESRCH);
    expect(kill(k, a, b.p_pid, 0)).toBe(ESRCH);
    expect(kill(k, a, host.p_pid, 0)).toBe(ESRCH);
    expect(ending(k)).toEqual({});
  });

  test("[EPERM] another user's process; a uid counts across jails [COM-22]", () => {
    const { k } = bench();
    const seven = process(k, { uid: 7 });
    const prison = jail(k, "a");
    expect(kill(k, seven, process(k, { uid: 8 }).p_pid, SIGTERM)).toBe(EPERM);
    expect(kill(k, seven, process(k, { uid: 7, prison }).p_pid, 0)).toBe(OK);
    expect(ending(k)).toEqual({});
  });

  test("a zombie can be signalled until it is waited for", () => {
    const { k } = bench();
    const parent = process(k);
    const pid = ok(parent, fork(k, parent));
    expect(kill(k, parent, pid, SIGKILL)).toBe(OK);
    expect(kill(k, parent, pid, 0)).toBe(OK);
    expect(wait4(k, parent, pid, 0, { status: 0 })).toBe(OK);
    expect(kill(k, parent, pid, 0)).toBe(ESRCH);
    expect(ending(k)).toEqual({});
  });
});
