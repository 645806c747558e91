import { ECHILD, EINTR, ESLEEP, OK } from "@jailyard/abi/errno";
import { SIGCHLD, SIGKILL, SIGNALS, sigmask } from "@jailyard/abi/signal";
import type { Pid } from "@jailyard/abi/types";
import { type Kernel, run } from "@jailyard/kernel/kernel";
import { fork, kill, PID_INIT, psignal, WNOHANG, wait4 } from "@jailyard/kernel/proc";
import { REAPED, SLEEPING, type Thread, ZOMBIE } from "@jailyard/kernel/thread";
import { describe, expect, test } from "vitest";
import { ending, makeSet, remove, take } from "../support/jail.ts";
import { bench, exit, jail, leftovers, ok, process } from "../support/kernel.ts";

const forked = (k: Kernel, td: Thread): Thread => k.procs.get(ok(td, fork(k, td)) as Pid)!;

describe("wait4(2)", () => {
  test("gives pid and status of a child that has ended, and with that it is gone", () => {
    const { k } = bench();
    const parent = process(k);
    const child = forked(k, parent);
    exit(k, child, 3);
    expect(child.p_state).toBe(ZOMBIE);
    const out = { status: 0 };
    expect(ok(parent, wait4(k, parent, child.p_pid, 0, out))).toBe(child.p_pid);
    expect([out.status, child.p_state]).toEqual([3 << 8, REAPED]);
    exit(k, parent);
    expect(leftovers(k)).toEqual({});
  });

  test("sleeps until a child ends; the signal that killed it is its status", () => {
    const { k, ended } = bench();
    const parent = process(k);
    const [first, second] = [forked(k, parent), forked(k, parent)];
    const out = { status: 0 };
    expect(wait4(k, parent, second.p_pid, 0, out)).toBe(ESLEEP);
    exit(k, first);
    expect(ended.size).toBe(0); // another one
    ok(first, kill(k, first, second.p_pid, SIGKILL));
    run(k);
    expect([ended.get(parent), parent.td_retval, out.status]).toEqual([OK, second.p_pid, SIGKILL]);
    expect(ending(k)).toEqual({});
  });

  test("WNOHANG does not sleep: 0 if none has ended", () => {
    const { k } = bench();
    const parent = process(k);
    const child = forked(k, parent);
    const out = { status: 0 };
    expect(ok(parent, wait4(k, parent, -1, WNOHANG, out))).toBe(0);
    exit(k, child);
    expect(ok(parent, wait4(k, parent, -1, WNOHANG, out))).toBe(child.p_pid);
    expect(ending(k)).toEqual({});
  });

  test("a child that its parent leaves is nobody's, and reaped when it ends", () => {
    const { k } = bench();
    const parent = process(k);
    const [zombie, child] = [forked(k, parent), forked(k, parent)];
    exit(k, zombie);
    exit(k, parent);
    expect([zombie.p_state, child.p_pptr, PID_INIT]).toEqual([REAPED, null, 1]);
    exit(k, child);
    expect(leftovers(k)).toEqual({});
  });

  test("a killed parent wakes, ends, and lets go of its children", () => {
    const { k } = bench();
    const prison = jail(k, "a");
    const parent = process(k, { prison });
    const child = forked(k, parent);
    expect(wait4(k, parent, -1, 0, { status: 0 })).toBe(ESLEEP);
    psignal(k, parent, SIGKILL);
    run(k);
    expect([parent.p_state, child.p_pptr]).toEqual([REAPED, null]);
    expect(ending(k)).toEqual({});
  });
});

describe("SIGCHLD", () => {
  const catching = (k: Kernel): Thread => {
    const td = process(k);
    td.p_sigcatch = sigmask(SIGCHLD);
    return td;
  };

  test("tells a parent that catches it of each child's end", () => {
    const { k } = bench();
    const signalled: Thread[] = [];
    k.hooks = { ...k.hooks, signalled: (td) => void signalled.push(td) };
    const parent = catching(k);
    exit(k, forked(k, parent));
    expect([signalled, parent.p_siglist]).toEqual([[parent], sigmask(SIGCHLD)]);
    expect(wait4(k, parent, -1, WNOHANG, { status: 0 })).toBe(OK);
    expect(ending(k)).toEqual({});
  });

  test("is ignored by default, and ends no sleep", () => {
    const { k, ended } = bench();
    const parent = process(k);
    const id = makeSet(k, parent);
    const child = forked(k, parent);
    expect(take(k, parent, id)).toBe(ESLEEP);
    exit(k, child);
    expect([parent.p_state, parent.p_siglist, ended.size]).toEqual([SLEEPING, 0, 0]);
    remove(k, id);
    expect(ending(k)).toEqual({});
  });

  test("ends the sleep of a parent that catches it, also in wait4, with EINTR", () => {
    const { k, ended } = bench();
    const parent = catching(k);
    const id = makeSet(k, parent);
    const [first, second] = [forked(k, parent), forked(k, parent)];
    expect(take(k, parent, id)).toBe(ESLEEP);
    exit(k, first);
    expect(ended.get(parent)).toBe(EINTR);
    parent.p_siglist = 0;
    ended.clear();
    expect(wait4(k, parent, second.p_pid, 0, { status: 0 })).toBe(ESLEEP);
    exit(k, second);
    expect([ended.get(parent), second.p_state]).toEqual([EINTR, ZOMBIE]);
    expect(wait4(k, parent, second.p_pid, 0, { status: 0 })).toBe(OK);
    remove(k, id);
    expect(ending(k)).toEqual({});
  });
});

describe("ERRORS", () => {
  test("[ECHILD] no child, or none with this pid", () => {
    const { k } = bench();
    const parent = process(k);
    const stranger = process(k);
    expect(wait4(k, parent, -1, 0, { status: 0 })).toBe(ECHILD);
    forked(k, parent);
    expect(wait4(k, parent, stranger.p_pid, WNOHANG, { status: 0 })).toBe(ECHILD);
    expect(ending(k)).toEqual({});
  });

  test("[EINTR] a signal that the caller catches", () => {
    const { k, ended } = bench();
    const parent = process(k);
    forked(k, parent);
    parent.p_sigcatch = sigmask(SIGNALS.SIGALRM);
    expect(wait4(k, parent, -1, 0, { status: 0 })).toBe(ESLEEP);
    psignal(k, parent, SIGNALS.SIGALRM);
    run(k);
    expect(ended.get(parent)).toBe(EINTR);
    expect(ending(k)).toEqual({});
  });
});
