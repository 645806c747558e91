/** msgctl(2): look at a queue, change it, remove it; and what ends with its module. */
import { EACCES, EBUSY, EFAULT, EINVAL, ENOSYS, EPERM, OK } from "@jailyard/abi/errno";
import { IPC_CREAT, IPC_INFO, IPC_RMID, IPC_SET, IPC_STAT } from "@jailyard/abi/ipc";
import { JAIL_SYS_DISABLE, JAIL_SYS_NEW } from "@jailyard/abi/jail";
import { type MsqidDs, msqidDs } from "@jailyard/abi/msg";
import type { Key } from "@jailyard/abi/types";
import type { KernelConfig } from "@jailyard/kernel/kernel";
import { kldload, kldunload } from "@jailyard/kernel/kld";
import { msgrcv, msgsnd } from "@jailyard/kernel/msg";
import * as ctl from "@jailyard/kernel/msgctl";
import type { Thread } from "@jailyard/kernel/thread";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { advance, fails, ok, outcome, sleeps, tearDown } from "../support/calls.ts";
import { type Bench, bench, jail, modify, process } from "../support/kernel.ts";

const KEY = 77 as Key;

let b: Bench;
let root: Thread;
let td: Thread;
let id: number;

function boot(config: KernelConfig = {}): void {
  b = bench(config);
  root = process(b.k);
  td = process(b.k, { uid: 1001, gid: 100 });
  id = queue(td);
}

beforeEach(() => boot());
afterEach(() => tearDown(b));

const queue = (by: Thread, mode = 0o600): number =>
  ok(b, by, ctl.msgget(b.k, by, KEY, IPC_CREAT | mode));
const msgctl = (by: Thread, cmd: number, buf: MsqidDs | null = msqidDs(), msqid = id) =>
  ctl.msgctl(b.k, by, msqid, cmd, buf);
const sent = (bytes: number): number =>
  ok(b, td, msgsnd(b.k, td, id, { mtype: 1, mtext: new Uint8Array(bytes) }, bytes, 0));

function stat(by: Thread, msqid = id): MsqidDs {
  const ds = msqidDs();
  ok(b, by, msgctl(by, IPC_STAT, ds, msqid));
  return ds;
}

/** IPC_SET with the queue's own values but for these. */
function set(by: Thread, qbytes: number, perm: Partial<MsqidDs["msg_perm"]> = {}) {
  const ds = stat(root);
  ds.msg_qbytes = qbytes;
  Object.assign(ds.msg_perm, perm);
  return msgctl(by, IPC_SET, ds);
}

describe("msgctl(2)", () => {
  describe("IPC_STAT", () => {
    test("hides the key of another jail's queue, nothing else [MSG-29] [COM-13]", () => {
      const inside = process(b.k, { uid: 5, prison: jail(b.k, "web", { sysvmsg: JAIL_SYS_NEW }) });
      const theirs = queue(inside);
      expect(stat(inside, theirs).msg_perm).toMatchObject({ key: KEY, cuid: 5 });
      expect(stat(root, theirs).msg_perm).toMatchObject({ key: 0, cuid: 5 });
    });
  });

  describe("IPC_SET", () => {
    test("takes uid, gid, nine mode bits and qbytes; ctime is now [MSG-26]", () => {
      advance(b, 4_000);
      ok(b, td, set(td, 100, { uid: 7, gid: 8, mode: 0o7777 }));
      const ds = stat(td);
      expect(ds.msg_perm).toMatchObject({ cuid: 1001, uid: 7, gid: 8, mode: 0o777 });
      expect(ds).toMatchObject({ msg_qbytes: 100, msg_ctime: 4 });
    });

    test("nothing is dropped that is in the queue already [MSG-26]", () => {
      sent(500);
      ok(b, td, set(td, 10));
      expect(stat(td)).toMatchObject({ msg_cbytes: 500, msg_qnum: 1, msg_qbytes: 10 });
    });

    test("more than msgmnb is silently lowered, for root too [MSG-24]", () => {
      ok(b, root, set(root, 9_999));
      expect(stat(td).msg_qbytes).toBe(2048);
      ok(b, root, set(root, -1));
      expect(stat(td).msg_qbytes).toBe(2048);
    });

    test("root inside a jail may raise qbytes [MSG-23] [COM-21]", () => {
      const inside = process(b.k, { prison: jail(b.k, "web", { sysvmsg: JAIL_SYS_NEW }) });
      id = queue(inside);
      ok(b, inside, set(inside, 10));
      expect(set(inside, 2048)).toBe(OK);
    });

    test("wakes nobody [MSG-69]", () => {
      sent(2048);
      ok(b, td, set(td, 10));
      const sender = process(b.k);
      const msg = { mtype: 1, mtext: new Uint8Array(1) };
      sleeps(b, msgsnd(b.k, sender, id, msg, 1, 0));
      ok(b, root, set(root, 2048));
      expect(outcome(b, sender)).toBe("asleep");
    });
  });

  describe("IPC_RMID", () => {
    test("frees all messages and refunds the creator [MSG-27]", () => {
      boot({ racct: true });
      sent(100);
      sent(0);
      ok(b, td, msgctl(td, IPC_RMID, null));
      expect([b.k.msg.freeHdrs, b.k.msg.freeSegs]).toEqual([40, 2048]);
      for (const resource of ["nmsgq", "msgqqueued", "msgqsize"] as const) {
        expect(b.k.racct!.used("user", "1001", resource)).toBe(0);
      }
      expect(msgctl(td, IPC_STAT)).toBe(EINVAL);
    });

    test("wakes everybody, receivers and senders [MSG-68]", () => {
      sent(2048);
      const [sender, receiver] = [process(b.k), process(b.k)];
      const msg = { mtype: 1, mtext: new Uint8Array(9) };
      sleeps(b, msgrcv(b.k, receiver, id, msg, 9, 2, 0));
      sleeps(b, msgsnd(b.k, sender, id, msg, 9, 0));
      ok(b, td, msgctl(td, IPC_RMID));
      expect([outcome(b, receiver), outcome(b, sender)]).toEqual(["EIDRM", "EIDRM"]);
    });
  });

  describe("ERRORS", () => {
    test("[EFAULT] IPC_SET reads its buffer before everything [MSG-19]", () => {
      const inside = process(b.k, { prison: jail(b.k, "web") });
      fails(b, inside, EFAULT, "MSG-19", () => msgctl(inside, IPC_SET, null, -1));
    });

    test("[ENOSYS] the jail has no message queues [MSG-20]", () => {
      const inside = process(b.k, { prison: jail(b.k, "web") });
      fails(b, inside, ENOSYS, "MSG-20", () => msgctl(inside, 99));
    });

    test("[EINVAL] no such queue [MSG-20]", () => {
      const inside = process(b.k, { prison: jail(b.k, "web", { sysvmsg: JAIL_SYS_NEW }) });
      for (const wrong of [id + 40, id + 1, id + 65536]) {
        fails(b, td, EINVAL, "MSG-20", () => msgctl(td, IPC_STAT, msqidDs(), wrong));
      }
      fails(b, inside, EINVAL, "MSG-20", () => msgctl(inside, IPC_STAT));
    });

    test("[EACCES] R for IPC_STAT, M for IPC_SET and IPC_RMID [MSG-21] to [MSG-29]", () => {
      const other = process(b.k, { uid: 1002 });
      fails(b, other, EACCES, "COM-16", () => msgctl(other, IPC_STAT));
      ok(b, td, set(td, 2048, { mode: 0o666 }));
      fails(b, other, EACCES, "COM-16", () => set(other, 2049));
      fails(b, other, EACCES, "COM-16", () => msgctl(other, IPC_RMID));
    });

    test("[EPERM] more qbytes than now, without privilege: not even the default [MSG-23]", () => {
      ok(b, td, set(td, 100));
      fails(b, td, EPERM, "MSG-23", () => set(td, 2048));
      fails(b, td, EPERM, "MSG-23", () => set(td, -1));
      expect(set(td, 100)).toBe(OK);
    });

    test("[EINVAL] qbytes of 0 [MSG-25]", () => {
      fails(b, root, EINVAL, "MSG-25", () => set(root, 0));
    });

    test("[EFAULT] IPC_STAT has nowhere to go, found after permission [MSG-29]", () => {
      const other = process(b.k, { uid: 1002 });
      fails(b, td, EFAULT, "MSG-29", () => msgctl(td, IPC_STAT, null));
      fails(b, other, EACCES, "COM-16", () => msgctl(other, IPC_STAT, null));
    });

    test("[EINVAL] any other command, IPC_INFO too [MSG-30]", () => {
      for (const cmd of [IPC_INFO, 11, 99, -1]) {
        fails(b, root, EINVAL, "MSG-30", () => msgctl(root, cmd));
      }
    });
  });
});

describe("kern.ipc.msqids", () => {
  test("lists what the reader's root sees, without permission [MSG-70]", () => {
    const web = jail(b.k, "web", { sysvmsg: JAIL_SYS_NEW });
    const inside = process(b.k, { uid: 5, prison: web });
    const theirs = queue(inside);
    const other = process(b.k, { uid: 1002 });
    const listed = ctl.msgList(b.k, other).map(({ id, ds }) => [id, ds.msg_perm.key]);
    expect(listed).toEqual([
      [id, KEY],
      [theirs, 0],
    ]);
    expect(ctl.msgList(b.k, inside)).toHaveLength(1);
    modify(b.k, web, { sysvmsg: JAIL_SYS_DISABLE });
    expect(ctl.msgList(b.k, inside)).toEqual([]);
  });

  test("a dead queue whose lock is held is not listed [MSG-2] [MSG-18]", () => {
    sent(2048);
    const sender = process(b.k);
    sleeps(b, msgsnd(b.k, sender, id, { mtype: 1, mtext: new Uint8Array(1) }, 1, 0));
    expect(msgctl(td, IPC_RMID)).toBe(OK);
    expect(ctl.msgList(b.k, root)).toEqual([]);
    expect(msgctl(td, IPC_STAT)).toBe(EINVAL);
    expect(b.k.msg.table.live).toBe(1);
  });
});

describe("kldunload(8)", () => {
  test("[EBUSY] takes the calls away and leaves the queues [MSG-72] [MSG-73] [MSG-74]", () => {
    expect(kldunload(b.k, root, "sysvmsg")).toBe(EBUSY);
    expect(b.k.modules.msg).toMatchObject({ loaded: true, calls: false });
    expect(b.k.msg.table.live).toBe(1);
  });

  test("without queues it goes, and a load starts ids again [MSG-74]", () => {
    ok(b, td, msgctl(td, IPC_RMID));
    ok(b, root, kldunload(b.k, root, "sysvmsg"));
    ok(b, root, kldload(b.k, root, "sysvmsg"));
    expect(queue(td)).toBe(65536);
  });
});
