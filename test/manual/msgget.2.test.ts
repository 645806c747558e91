/** msgget(2): a queue by key, or a new one. */
import { EACCES, EEXIST, ENOENT, ENOSPC, ENOSYS } from "@jailyard/abi/errno";
import { IPC_CREAT, IPC_EXCL, IPC_PRIVATE, IPC_RMID, IPC_STAT } from "@jailyard/abi/ipc";
import { JAIL_SYS_INHERIT } from "@jailyard/abi/jail";
import { msqidDs } from "@jailyard/abi/msg";
import type { Key } from "@jailyard/abi/types";
import type { KernelConfig } from "@jailyard/kernel/kernel";
import { msgsnd } from "@jailyard/kernel/msg";
import * as ctl from "@jailyard/kernel/msgctl";
import { rctlAddRule } from "@jailyard/kernel/rctl";
import type { Thread } from "@jailyard/kernel/thread";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { advance, fails, ok, sleeps, tearDown } from "../support/calls.ts";
import { type Bench, bench, jail, process } from "../support/kernel.ts";

const KEY = 42 as Key;
const CREAT = IPC_CREAT | 0o600;

let b: Bench;
let td: Thread;

function boot(config: KernelConfig = {}): void {
  b = bench(config);
  td = process(b.k, { uid: 1001, gid: 100 });
}

beforeEach(() => boot());
afterEach(() => tearDown(b));

const msgget = (key: number, msgflg = CREAT, by = td) => ctl.msgget(b.k, by, key as Key, msgflg);
const created = (key: number, msgflg = CREAT): number => ok(b, td, msgget(key, msgflg));
const remove = (id: number): number => ok(b, td, ctl.msgctl(b.k, td, id, IPC_RMID, null));

describe("msgget(2)", () => {
  describe("DESCRIPTION", () => {
    test("a new queue has no messages, room for msgmnb bytes, no extra mode bit [MSG-17]", () => {
      advance(b, 7_500);
      const id = created(KEY, IPC_CREAT | 0o644);
      const ds = msqidDs();
      ok(b, td, ctl.msgctl(b.k, td, id, IPC_STAT, ds));
      expect(ds).toEqual({
        msg_perm: { cuid: 1001, uid: 1001, cgid: 100, gid: 100, mode: 0o644, seq: 1, key: KEY },
        msg_cbytes: 0,
        msg_qnum: 0,
        msg_qbytes: 2048,
        msg_lspid: 0,
        msg_lrpid: 0,
        msg_stime: 0,
        msg_rtime: 0,
        msg_ctime: 7,
      });
    });

    test("a key finds the queue again; IPC_PRIVATE always makes one [MSG-14] [COM-5]", () => {
      const id = created(KEY);
      expect(created(KEY, 0)).toBe(id);
      expect(created(IPC_PRIVATE, IPC_EXCL)).not.toBe(created(IPC_PRIVATE, 0));
    });

    test("keys of a jail are its own, also where it inherits [COM-7]", () => {
      const host = created(KEY);
      const inside = process(b.k, { prison: jail(b.k, "web", { sysvmsg: JAIL_SYS_INHERIT }) });
      expect(ok(b, inside, msgget(KEY, CREAT | IPC_EXCL, inside))).not.toBe(host);
    });
  });

  describe("RETURN VALUES", () => {
    test("the lowest free slot, whose ids count up [COM-2] to [COM-4]", () => {
      const ids = [0, 1, 2].map(() => created(IPC_PRIVATE));
      expect(ids).toEqual([65536, 65537, 65538]);
      remove(ids[2]);
      remove(ids[0]);
      expect(created(IPC_PRIVATE)).toBe(131072);
    });

    test("not the slot of a removed queue whose lock a sleeping sender holds [MSG-18]", () => {
      const id = created(KEY);
      const sender = process(b.k, { uid: 1001 });
      const msg = { mtype: 1, mtext: new Uint8Array(2048) };
      ok(b, sender, msgsnd(b.k, sender, id, msg, 2048, 0));
      sleeps(b, msgsnd(b.k, sender, id, msg, 1, 0));
      expect(ctl.msgctl(b.k, td, id, IPC_RMID, null)).toBe(0); // the sender has not run yet
      expect(created(KEY)).toBe(65537);
      expect(created(IPC_PRIVATE)).toBe(131072);
    });
  });

  describe("ERRORS", () => {
    test("[ENOSYS] the jail has no message queues [MSG-14]", () => {
      const inside = process(b.k, { prison: jail(b.k, "web") });
      fails(b, inside, ENOSYS, "MSG-14", () => msgget(KEY, CREAT, inside));
    });

    test("[EEXIST] IPC_CREAT and IPC_EXCL on a key in use, before permission [MSG-14]", () => {
      created(KEY);
      const other = process(b.k, { uid: 1002 });
      fails(b, other, EEXIST, "MSG-14", () => msgget(KEY, CREAT | IPC_EXCL, other));
    });

    test("[EACCES] the mode does not grant what is asked, and 0100 never [MSG-14] [COM-20]", () => {
      created(KEY, IPC_CREAT | 0o700);
      const [root, other] = [process(b.k), process(b.k, { uid: 1002 })];
      fails(b, other, EACCES, "COM-16", () => msgget(KEY, 0o400, other));
      fails(b, td, EACCES, "COM-16", () => msgget(KEY, 0o700));
      fails(b, root, EACCES, "COM-16", () => msgget(KEY, 0o100, root));
      expect(ok(b, other, msgget(KEY, 0o077, other))).toBe(65536);
    });

    test("[ENOENT] there is no queue with the key [MSG-15]", () => {
      fails(b, td, ENOENT, "MSG-15", () => msgget(KEY, 0o600));
    });

    test("[ENOSPC] msgmni queues are there [MSG-16]", () => {
      boot({ limits: { "kern.ipc.msgmni": 1 } });
      created(IPC_PRIVATE);
      fails(b, td, ENOSPC, "MSG-16, kern.ipc.msgmni", () => msgget(KEY));
    });

    test("[ENOSPC] rctl denies nmsgq [MSG-16]", () => {
      boot({ racct: true });
      rctlAddRule(b.k, null, "user:1001:nmsgq:deny=1");
      const id = created(KEY);
      fails(b, td, ENOSPC, "MSG-16, rctl nmsgq", () => msgget(IPC_PRIVATE));
      remove(id);
      expect(created(KEY)).toBe(131072);
    });
  });
});
