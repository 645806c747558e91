/** msgrcv(2): the first message that is wanted, and the wait for one. */
import { E2BIG, EACCES, EFAULT, EINVAL, ENOMSG, ENOSYS } from "@jailyard/abi/errno";
import { IPC_NOWAIT, IPC_PRIVATE, IPC_RMID, IPC_SET, IPC_STAT } from "@jailyard/abi/ipc";
import { JAIL_SYS_NEW } from "@jailyard/abi/jail";
import { MSG_NOERROR, type MsqidDs, msqidDs } from "@jailyard/abi/msg";
import { SIGKILL, SIGNALS, sigmask } from "@jailyard/abi/signal";
import { type KernelConfig, run } from "@jailyard/kernel/kernel";
import * as msg from "@jailyard/kernel/msg";
import { msgctl, msgget } from "@jailyard/kernel/msgctl";
import { psignal } from "@jailyard/kernel/proc";
import type { Thread } from "@jailyard/kernel/thread";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { advance, fails, ok, outcome, sleeps, tearDown } from "../support/calls.ts";
import { type Bench, bench, jail, process } from "../support/kernel.ts";

const LONG_MIN = -(2 ** 63);

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

function sent(mtype: number, text: string): void {
  const mtext = Buffer.from(text);
  ok(b, td, msg.msgsnd(b.k, td, id, { mtype, mtext }, mtext.length, 0));
}

const buffer = () => ({ mtype: 0, mtext: Buffer.alloc(2048) });
const msgrcv = (by: Thread, size: number, type = 0, flags = 0, into = buffer(), msqid = id) =>
  msg.msgrcv(b.k, by, msqid, into, size, type, flags);

/** Type and text of the message that msgrcv gives. */
function received(size: number, type = 0, flags = IPC_NOWAIT): [number, string] {
  const into = buffer();
  const bytes = ok(b, td, msgrcv(td, size, type, flags, into));
  return [into.mtype, into.mtext.toString("latin1", 0, bytes)];
}

function stat(): MsqidDs {
  const ds = msqidDs();
  ok(b, td, msgctl(b.k, td, id, IPC_STAT, ds));
  return ds;
}

describe("msgrcv(2)", () => {
  describe("DESCRIPTION", () => {
    test("type 0 takes the first message, a positive one the first of its type [MSG-54]", () => {
      sent(3, "a");
      sent(2, "b");
      sent(2, "c");
      expect(received(9, 2)).toEqual([2, "b"]);
      expect(received(9)).toEqual([3, "a"]);
      expect(received(9)).toEqual([2, "c"]);
    });

    test("a negative type takes the first up to its value, not the lowest [MSG-54]", () => {
      sent(9, "nine");
      sent(3, "three");
      sent(1, "one");
      expect(received(9, -4)).toEqual([3, "three"]);
      expect(received(9, -4)).toEqual([1, "one"]);
      expect(msgrcv(td, 9, -4, IPC_NOWAIT)).toBe(ENOMSG);
    });

    test("lrpid and rtime change, ctime does not; header and segments are free [MSG-59]", () => {
      sent(1, "some text");
      advance(b, 6_000);
      expect(received(99)).toEqual([1, "some text"]);
      expect(stat()).toMatchObject({
        msg_cbytes: 0,
        msg_qnum: 0,
        msg_lrpid: td.p_pid,
        msg_rtime: 6,
        msg_ctime: 0,
      });
      expect([b.k.msg.freeHdrs, b.k.msg.freeSegs]).toEqual([40, 2048]);
    });

    test("MSG_NOERROR cuts a long message, the rest is lost [MSG-60]", () => {
      sent(1, "truncated");
      expect(received(5, 0, MSG_NOERROR)).toEqual([1, "trunc"]);
      expect(stat().msg_cbytes).toBe(0);
    });

    test("size 0 takes an empty message, a negative size any [MSG-53]", () => {
      sent(5, "");
      sent(6, "text");
      expect(received(0)).toEqual([5, ""]);
      expect(received(-1)).toEqual([6, "text"]);
    });

    test("a receiver waits without limit; who is served first went to sleep first [MSG-56]", () => {
      const [one, two, picky] = [user(), user(), user()];
      const into = buffer();
      sleeps(b, msgrcv(picky, 9, 7));
      sleeps(b, msgrcv(one, 9, 0, 0, into));
      sleeps(b, msgrcv(two, 9));
      advance(b, 60_000);
      sent(4, "x");
      expect([one, two, picky].map((td) => outcome(b, td))).toEqual(["OK", "asleep", "asleep"]);
      expect([into.mtype, one.td_retval]).toEqual([4, 1]);
    });

    test("permission is not tested again after a sleep [MSG-58]", () => {
      const sleeper = user();
      sleeps(b, msgrcv(sleeper, 9));
      const ds = stat();
      ds.msg_perm.uid = 1; // the creator keeps its class: take the mode away too
      ds.msg_perm.mode = 0o200;
      ok(b, td, msgctl(b.k, td, id, IPC_SET, ds));
      sent(1, "x");
      expect(outcome(b, sleeper)).toBe("OK");
    });

    test("accounting refunds the queue's creator, whoever sent [MSG-59]", () => {
      boot({ racct: true });
      ok(b, td, msgctl(b.k, td, id, IPC_RMID, null));
      id = queue(0o666);
      const sender = user(1002);
      const mtext = Buffer.from("1234");
      ok(b, sender, msg.msgsnd(b.k, sender, id, { mtype: 1, mtext }, 4, 0));
      received(9);
      expect(b.k.racct!.used("user", "1001", "msgqsize")).toBe(0);
      expect(b.k.racct!.used("user", "1002", "msgqsize")).toBe(4);
    });
  });

  describe("the end of a sleep", () => {
    test("[EIDRM] the queue was removed, even if its slot has another one [MSG-58]", () => {
      const sleeper = user();
      sleeps(b, msgrcv(sleeper, 9));
      expect(msgctl(b.k, td, id, IPC_RMID, null)).toBe(0);
      expect(msgget(b.k, td, IPC_PRIVATE, 0o600)).toBe(0);
      run(b.k);
      expect(outcome(b, sleeper)).toBe("EIDRM");
    });

    test("[EINTR] by a caught signal, which beats EIDRM [MSG-57]", () => {
      const sleeper = user();
      sleeps(b, msgrcv(sleeper, 9));
      sleeper.p_sigcatch = sigmask(SIGNALS.SIGUSR1);
      psignal(b.k, sleeper, SIGNALS.SIGUSR1);
      ok(b, td, msgctl(b.k, td, id, IPC_RMID, null));
      expect(outcome(b, sleeper)).toBe("EINTR");
    });

    test("a killed receiver takes nothing [COM-36]", () => {
      const sleeper = user();
      sleeps(b, msgrcv(sleeper, 9));
      psignal(b.k, sleeper, SIGKILL);
      run(b.k);
      sent(1, "left");
      expect(received(9)).toEqual([1, "left"]);
      expect(b.k.procs.has(sleeper.p_pid)).toBe(false);
    });
  });

  describe("ERRORS", () => {
    test("[ENOSYS] the jail has no message queues [MSG-53]", () => {
      const inside = process(b.k, { prison: jail(b.k, "web") });
      fails(b, inside, ENOSYS, "MSG-53", () => msgrcv(inside, 9));
    });

    test("[EINVAL] no such id: index, slot, sequence, visibility [MSG-53]", () => {
      const inside = process(b.k, { prison: jail(b.k, "web", { sysvmsg: JAIL_SYS_NEW }) });
      for (const wrong of [id + 40, id + 1, id + 65536, -1]) {
        fails(b, td, EINVAL, "MSG-53", () => msgrcv(td, 9, 0, 0, buffer(), wrong));
      }
      fails(b, inside, EINVAL, "MSG-53", () => msgrcv(inside, 9));
    });

    test("[EACCES] the mode does not grant reading [MSG-53]", () => {
      id = queue(0o602);
      const other = user(1002);
      fails(b, other, EACCES, "COM-16", () => msgrcv(other, 9));
    });

    test("[E2BIG] the message is longer, and stays; no shorter one is looked for [MSG-55]", () => {
      sent(1, "too long");
      sent(1, "ok");
      fails(b, td, E2BIG, "MSG-55", () => msgrcv(td, 4));
      expect(received(8)).toEqual([1, "too long"]);
    });

    test("[ENOMSG] IPC_NOWAIT and no such message [MSG-56]", () => {
      fails(b, td, ENOMSG, "MSG-56", () => msgrcv(td, 9, 0, IPC_NOWAIT));
      sent(3, "x");
      fails(b, td, ENOMSG, "MSG-56", () => msgrcv(td, 9, 2, IPC_NOWAIT));
      fails(b, td, ENOMSG, "MSG-56", () => msgrcv(td, 9, LONG_MIN, IPC_NOWAIT));
    });

    test("[EFAULT] memory that ends before the text does; the message is lost [MSG-61]", () => {
      sent(1, "abcd");
      const into = { mtype: 0, mtext: Buffer.alloc(3) };
      expect(msgrcv(td, 4, 0, IPC_NOWAIT, into)).toBe(EFAULT);
      expect(stat()).toMatchObject({ msg_qnum: 0, msg_cbytes: 0 });
    });

    test("[EFAULT] the message is lost, and all sleepers are woken [MSG-61] [MSG-62]", () => {
      sent(1, "x".repeat(2048));
      const sender = user();
      sleeps(b, msg.msgsnd(b.k, sender, id, { mtype: 2, mtext: Buffer.from("y") }, 1, 0));
      expect(msg.msgrcv(b.k, td, id, { mtype: 0, mtext: null }, 2048, 0, 0)).toBe(EFAULT);
      run(b.k);
      expect(outcome(b, sender)).toBe("OK");
      expect(msg.msgrcv(b.k, td, id, null, 9, 0, 0)).toBe(EFAULT);
      sent(1, "");
      expect(msg.msgrcv(b.k, td, id, null, 0, 0, 0)).toBe(EFAULT); // the type word, copied last
      expect(stat().msg_qnum).toBe(0);
      expect([b.k.msg.freeHdrs, b.k.msg.freeSegs]).toEqual([40, 2048]);
    });
  });
});
