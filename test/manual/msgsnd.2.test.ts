/** msgsnd(2): a message at the end of a queue, and the wait for room. */
import { EACCES, EAGAIN, EFAULT, EINVAL, ENOSYS, OK } from "@jailyard/abi/errno";
import { IPC_NOWAIT, IPC_PRIVATE, IPC_RMID, IPC_SET, IPC_STAT } from "@jailyard/abi/ipc";
import { JAIL_SYS_INHERIT, JAIL_SYS_NEW } from "@jailyard/abi/jail";
import { MSG_LOCKED, type MsqidDs, msqidDs } from "@jailyard/abi/msg";
import { SIGKILL, SIGNALS, sigmask } from "@jailyard/abi/signal";
import { type KernelConfig, run, tick } from "@jailyard/kernel/kernel";
import * as msg from "@jailyard/kernel/msg";
import { msgctl, msgget } from "@jailyard/kernel/msgctl";
import { psignal } from "@jailyard/kernel/proc";
import { rctlAddRule } from "@jailyard/kernel/rctl";
import type { Thread } from "@jailyard/kernel/thread";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { advance, fails, ok, outcome, sleeps, tearDown } from "../support/calls.ts";
import { type Bench, bench, jail, modify, process } from "../support/kernel.ts";

const FULL = 2048; // msgmnb

let b: Bench;
let td: Thread;
let id: number;

function boot(config: KernelConfig = {}): void {
  b = bench(config);
  td = user();
  id = queue();
}

beforeEach(() => boot());
afterEach(() => tearDown(b));

const user = (uid = 1001): Thread => process(b.k, { uid, gid: 100 });
const queue = (mode = 0o600): number => ok(b, td, msgget(b.k, td, IPC_PRIVATE, mode));
const remove = (msqid: number) => msgctl(b.k, td, msqid, IPC_RMID, null);

/** Send `bytes` bytes of type 1. */
const msgsnd = (by: Thread, bytes: number, flags = 0, msqid = id, mtype = 1) =>
  msg.msgsnd(b.k, by, msqid, { mtype, mtext: new Uint8Array(Math.max(0, bytes)) }, bytes, flags);
const sent = (bytes: number, msqid = id, mtype = 1): number =>
  ok(b, td, msgsnd(td, bytes, 0, msqid, mtype));
const waits = (by: Thread, bytes: number, msqid = id): void =>
  sleeps(b, msgsnd(by, bytes, 0, msqid));

/** Take the first message; its length. */
function received(msqid = id): number {
  const into = { mtype: 0, mtext: new Uint8Array(FULL) };
  return ok(b, td, msg.msgrcv(b.k, td, msqid, into, FULL, 0, IPC_NOWAIT));
}

function stat(msqid = id): MsqidDs {
  const ds = msqidDs();
  ok(b, td, msgctl(b.k, td, msqid, IPC_STAT, ds));
  return ds;
}

function setQbytes(msg_qbytes: number): void {
  const ds = stat();
  ok(b, td, msgctl(b.k, td, id, IPC_SET, { ...ds, msg_qbytes }));
}

const isLocked = (): boolean => (stat().msg_perm.mode & MSG_LOCKED) !== 0;

function interrupt(sleeper: Thread): void {
  sleeper.p_sigcatch |= sigmask(SIGNALS.SIGUSR1);
  psignal(b.k, sleeper, SIGNALS.SIGUSR1);
  run(b.k);
}

describe("msgsnd(2)", () => {
  describe("DESCRIPTION", () => {
    test("a message is appended; lspid and stime change, ctime does not [MSG-49]", () => {
      advance(b, 9_000);
      expect(sent(10)).toBe(0);
      sent(0);
      expect(stat()).toMatchObject({
        msg_cbytes: 10,
        msg_qnum: 2,
        msg_lspid: td.p_pid,
        msg_stime: 9,
        msg_ctime: 0,
      });
      expect([received(), received()]).toEqual([10, 0]);
    });

    test("a message takes a header and its segments of the pool of all [MSG-4]", () => {
      sent(0);
      sent(1);
      sent(17);
      expect([b.k.msg.freeHdrs, b.k.msg.freeSegs]).toEqual([37, 2044]);
      ok(b, td, remove(id));
      expect([b.k.msg.freeHdrs, b.k.msg.freeSegs]).toEqual([40, 2048]);
    });

    test("bodies survive any mixture of sending and receiving", () => {
      const text = (i: number) => Uint8Array.from({ length: 90 + (i % 7) * 50 }, (_, at) => at + i);
      const into = { mtype: 0, mtext: new Uint8Array(FULL) };
      const held: number[] = [];
      for (let i = 1; i <= 300; i++) {
        const mtext = text(i);
        ok(b, td, msg.msgsnd(b.k, td, id, { mtype: i, mtext }, mtext.length, IPC_NOWAIT));
        held.push(i);
        if (held.length < 4) continue;
        const [one] = held.splice(i % 4, 1);
        const bytes = ok(b, td, msg.msgrcv(b.k, td, id, into, FULL, one, 0));
        expect(into.mtext.slice(0, bytes)).toEqual(text(one));
      }
    });

    test("a sender waits for room, and goes on when a message is taken [MSG-39] [MSG-67]", () => {
      sent(FULL);
      const sender = user();
      waits(sender, 5);
      expect(outcome(b, sender)).toBe("asleep");
      received();
      expect(outcome(b, sender)).toBe("OK");
      expect(stat()).toMatchObject({ msg_cbytes: 5, msg_lspid: sender.p_pid });
    });

    test("what it sends is what it had when it called", () => {
      sent(FULL);
      const sender = user();
      const mtext = Buffer.from("before");
      sleeps(b, msg.msgsnd(b.k, sender, id, { mtype: 1, mtext }, 6, 0));
      mtext.write("after!");
      received();
      const into = { mtype: 0, mtext: Buffer.alloc(6) };
      ok(b, td, msg.msgrcv(b.k, td, id, into, 6, 0, 0));
      expect(into.mtext.toString()).toBe("before");
    });

    test("the first to wait holds the lock, in which mode shows it [MSG-36] [MSG-41]", () => {
      sent(FULL);
      expect(isLocked()).toBe(false);
      const [first, second] = [user(), user()];
      waits(first, FULL);
      expect(isLocked()).toBe(true);
      waits(second, 1);
      received();
      expect([outcome(b, first), outcome(b, second)]).toEqual(["OK", "asleep"]);
      expect(isLocked()).toBe(true); // the second holds it by now
    });

    test("a small message waits while another sender sleeps, receivers do not [MSG-52]", () => {
      sent(FULL - 10);
      waits(user(), 20);
      fails(b, td, EAGAIN, "MSG-40", () => msgsnd(td, 1, IPC_NOWAIT));
      expect(received()).toBe(FULL - 10);
      expect(received()).toBe(20);
    });

    test("room that nobody announces is found within a second [MSG-26] [MSG-41]", () => {
      sent(100);
      setQbytes(100);
      td = process(b.k); // root may raise it
      const sender = user();
      waits(sender, 5);
      setQbytes(FULL);
      advance(b, 999);
      expect(outcome(b, sender)).toBe("asleep");
      advance(b, 1);
      expect(outcome(b, sender)).toBe("OK");
    });

    test("room in the pool that another queue leaves is announced to nobody [MSG-63]", () => {
      boot({ limits: { "kern.ipc.msgseg": 2 } });
      const other = queue();
      sent(16, other);
      const sender = user();
      waits(sender, 1);
      received(other);
      expect(outcome(b, sender)).toBe("asleep");
      advance(b, 1_000);
      expect(outcome(b, sender)).toBe("OK");
    });

    test("one that looks again and sleeps again gets another second [MSG-41]", () => {
      sent(FULL);
      const sender = user();
      waits(sender, 1);
      advance(b, 1_500);
      setQbytes(FULL);
      received();
      expect(outcome(b, sender)).toBe("OK");
    });

    test("if the queue shrank below the message: EINVAL at the next look [MSG-26]", () => {
      sent(100);
      const sender = user();
      waits(sender, FULL);
      setQbytes(200);
      expect(outcome(b, sender)).toBe("asleep");
      advance(b, 1_000);
      expect(outcome(b, sender)).toBe("EINVAL");
      expect(isLocked()).toBe(false);
    });

    test("the type is looked at only once there is room, and its failure wakes all [MSG-46]", () => {
      sent(FULL);
      const [bad, good] = [user(), user()];
      sleeps(b, msgsnd(bad, 1, 0, id, 0));
      waits(good, 1);
      received();
      expect([outcome(b, bad), outcome(b, good)]).toEqual(["EINVAL", "OK"]);
      expect(stat().msg_qnum).toBe(1);
    });
  });

  describe("after removal", () => {
    test("[EIDRM] all senders; the slot is free once the holder has run [MSG-68] [MSG-18]", () => {
      sent(FULL);
      const [holder, other] = [user(), user()];
      waits(holder, 1);
      waits(other, 1);
      expect(remove(id)).toBe(OK);
      expect(b.k.msg.table.live).toBe(1);
      run(b.k);
      expect([outcome(b, holder), outcome(b, other)]).toEqual(["EIDRM", "EIDRM"]);
      expect(b.k.msg.table.live).toBe(0);
    });

    test("[EINTR] beats EIDRM, and the slot is freed all the same [MSG-43]", () => {
      sent(FULL);
      const holder = user();
      waits(holder, 1);
      holder.p_sigcatch = sigmask(SIGNALS.SIGUSR1);
      psignal(b.k, holder, SIGNALS.SIGUSR1);
      expect(remove(id)).toBe(OK);
      run(b.k);
      expect(outcome(b, holder)).toBe("EINTR");
      expect(b.k.msg.table.live).toBe(0);
    });

    test("a sender that has not run goes on with the next queue of the slot [MSG-44]", () => {
      sent(FULL);
      const [holder, late] = [user(), user()];
      waits(holder, 1);
      waits(late, 3);
      remove(id);
      const { runq } = b.k;
      runq.length = 0; // the order of waking is free: the holder runs alone first
      runq.push(holder);
      run(b.k);
      const next = queue(0);
      expect(next).toBe(id + 65536);
      runq.push(late);
      run(b.k);
      expect(outcome(b, late)).toBe("OK");
      expect(b.k.msg.table.slots[0]!.page.msg.length[1]).toBe(3);
    });

    test("a timeout does not test for removal: the size is refused [MSG-42] [MSG-38]", () => {
      sent(FULL);
      const [some, none] = [user(), user()];
      waits(some, 1);
      waits(none, 0);
      tick(b.k, 1_000);
      expect(remove(id)).toBe(OK); // both are awake, and not yet run
      run(b.k);
      expect([outcome(b, some), outcome(b, none)]).toEqual(["EINVAL", "EIDRM"]);
    });

    test("a name space that ends, or a jail, removes its queues [MSG-71]", () => {
      const web = jail(b.k, "web", { sysvmsg: JAIL_SYS_NEW });
      td = process(b.k, { prison: web });
      const theirs = queue();
      sent(FULL, theirs);
      const sender = process(b.k, { prison: web });
      waits(sender, 1, theirs);
      modify(b.k, web, { sysvmsg: JAIL_SYS_INHERIT });
      run(b.k);
      expect(outcome(b, sender)).toBe("EIDRM");
      expect(b.k.msg.table.slots[0]).not.toBe(null);
      expect(b.k.msg.table.live).toBe(1);
    });
  });

  describe("signals", () => {
    test("[EINTR] the lock is cleared and nobody is told [MSG-43]", () => {
      sent(FULL);
      const [holder, other] = [user(), user()];
      waits(holder, 1);
      waits(other, 1);
      interrupt(holder);
      expect([outcome(b, holder), outcome(b, other)]).toEqual(["EINTR", "asleep"]);
      expect(isLocked()).toBe(false);
    });

    test("a killed holder gives its lock and its charge back [COM-36]", () => {
      boot({ racct: true });
      sent(FULL);
      const holder = user();
      waits(holder, 1);
      expect(b.k.racct!.used("user", "1001", "msgqqueued")).toBe(2);
      psignal(b.k, holder, SIGKILL);
      run(b.k);
      expect(isLocked()).toBe(false);
      expect(b.k.racct!.used("user", "1001", "msgqqueued")).toBe(1);
      expect(b.k.racct!.used("user", "1001", "msgqsize")).toBe(FULL);
    });
  });

  describe("ERRORS", () => {
    test("[EFAULT] the type is not mapped, before ENOSYS [MSG-31]", () => {
      const inside = process(b.k, { prison: jail(b.k, "web") });
      fails(b, inside, EFAULT, "MSG-31", () => msg.msgsnd(b.k, inside, -1, null, 1, 0));
    });

    test("[ENOSYS] the jail has no message queues [MSG-32]", () => {
      const inside = process(b.k, { prison: jail(b.k, "web") });
      fails(b, inside, ENOSYS, "MSG-32", () => msgsnd(inside, 1));
    });

    test("[EINVAL] no such id: index, slot, sequence, visibility [MSG-32]", () => {
      const inside = process(b.k, { prison: jail(b.k, "web", { sysvmsg: JAIL_SYS_NEW }) });
      fails(b, td, EINVAL, "MSG-32", () => msgsnd(td, 1, 0, id + 40));
      fails(b, td, EINVAL, "MSG-32", () => msgsnd(td, 1, 0, id + 1));
      fails(b, td, EINVAL, "MSG-32", () => msgsnd(td, 1, 0, id + 65536));
      fails(b, inside, EINVAL, "MSG-32", () => msgsnd(inside, 1));
    });

    test("[EACCES] the mode does not grant writing [MSG-32]", () => {
      const readable = queue(0o404);
      const other = user(1002);
      fails(b, other, EACCES, "COM-16", () => msgsnd(other, 1, 0, readable));
    });

    test("[EAGAIN] rctl denies, also without IPC_NOWAIT [MSG-33]", () => {
      boot({ racct: true });
      rctlAddRule(b.k, null, "user:1001:msgqqueued:deny=1");
      rctlAddRule(b.k, null, "user:1001:msgqsize:deny=10");
      expect(msgsnd(td, 11)).toBe(EAGAIN);
      expect(b.k.racct!.used("user", "1001", "msgqqueued")).toBe(0);
      sent(1);
      fails(b, td, EAGAIN, "MSG-33, rctl msgqqueued", () => msgsnd(td, 1));
      received();
      expect(b.k.racct!.used("user", "1001", "msgqsize")).toBe(0);
    });

    test("[EINVAL] more than the queue may hold; a negative size is huge [MSG-38] [MSG-35]", () => {
      fails(b, td, EINVAL, "MSG-38", () => msgsnd(td, FULL + 1, IPC_NOWAIT));
      fails(b, td, EINVAL, "MSG-38", () => msgsnd(td, -1));
    });

    test("[EAGAIN] IPC_NOWAIT and no room, before the type is looked at [MSG-34] [MSG-40]", () => {
      sent(FULL);
      fails(b, td, EAGAIN, "MSG-40, kern.ipc.msgmnb", () => msgsnd(td, 1, IPC_NOWAIT, id, -1));
    });

    test("[EAGAIN] IPC_NOWAIT and no header or segment in the system [MSG-39]", () => {
      boot({ limits: { "kern.ipc.msgtql": 2, "kern.ipc.msgseg": 2 } });
      const other = queue();
      sent(16, other);
      fails(b, td, EAGAIN, "MSG-40, kern.ipc.msgseg", () => msgsnd(td, 1, IPC_NOWAIT));
      sent(0, other);
      fails(b, td, EAGAIN, "MSG-40, kern.ipc.msgtql", () => msgsnd(td, 0, IPC_NOWAIT));
    });

    test("[EINVAL] the type is below 1 [MSG-46]", () => {
      fails(b, td, EINVAL, "MSG-46", () => msgsnd(td, 1, 0, id, 0));
      fails(b, td, EINVAL, "MSG-46", () => msgsnd(td, 1, 0, id, -5));
    });

    test("[EFAULT] the body is not mapped though the type is [MSG-47]", () => {
      const half = { mtype: 1, mtext: null };
      fails(b, td, EFAULT, "MSG-47", () => msg.msgsnd(b.k, td, id, half, 1, 0));
      expect(msg.msgsnd(b.k, td, id, half, 0, 0)).toBe(OK);
    });
  });
});
