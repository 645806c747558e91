/** Every refusal has its reason: errors of the conformance cases, and of calls of every number. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { type Errno, ESLEEP, errnoName, OK } from "@jailyard/abi/errno";
import { IPC_NOWAIT, IPC_SET, IPC_STAT } from "@jailyard/abi/ipc";
import { msqidDs } from "@jailyard/abi/msg";
import { NO_REASON, reasonText } from "@jailyard/abi/reason";
import { sembufs } from "@jailyard/abi/sem";
import { SHM_STAT } from "@jailyard/abi/shm";
import { SIGKILL } from "@jailyard/abi/signal";
import * as sys from "@jailyard/abi/syscall";
import type { Key, Semid } from "@jailyard/abi/types";
import { FRAME_WORDS, type Frame, putJson } from "@jailyard/abi/wire";
import { syscall, trapframe } from "@jailyard/kernel/dispatch";
import { type Kernel, type KernelConfig, run } from "@jailyard/kernel/kernel";
import { MODELS } from "@jailyard/kernel/model";
import { msgrcv, msgsnd } from "@jailyard/kernel/msg";
import { msgctl, msgget } from "@jailyard/kernel/msgctl";
import { psignal } from "@jailyard/kernel/proc";
import { rctlAddRule, rctlRemoveRule } from "@jailyard/kernel/rctl";
import { semop } from "@jailyard/kernel/sem";
import { semget } from "@jailyard/kernel/semctl";
import { shmget } from "@jailyard/kernel/shm";
import { shmctl } from "@jailyard/kernel/shmctl";
import type { Thread } from "@jailyard/kernel/thread";
import { KernelTarget } from "@jailyard/lab/conform/kerneltarget";
import { loadCases } from "@jailyard/lab/conform/load";
import { runCases } from "@jailyard/lab/conform/runner";
import type { Called, Ending, Outcome } from "@jailyard/lab/conform/target";
import { CALLS, CAUSES } from "@jailyard/lab/explain/causes";
import { expect, test } from "vitest";
import { Dice } from "./support/dice.ts";
import { bench, jail, ok, process } from "./support/kernel.ts";

const CORPUS = join(import.meta.dirname, "data", "conformance");
const files = readdirSync(CORPUS).filter((file) => file.endsWith(".jsonl"));

/** Notes errors with their reasons, by call; `mute` are those without. */
class Noting extends KernelTarget {
  readonly refused = new Set<string>();
  readonly mute = new Set<string>();
  readonly #calls = new Map<number, string>();

  override async call(called: Called): Promise<Outcome> {
    this.#calls.set(called.of, called.call.call);
    const outcome = await super.call(called);
    // A call from outside, of nobody, has nobody to tell.
    if (called.proc !== undefined) this.#note(called.call.call, outcome.ending);
    for (const done of outcome.completed) this.#note(this.#calls.get(done.of!)!, done);
    return outcome;
  }

  #note(call: string, { errno, reason }: Ending): void {
    if (errno === undefined) return;
    this.refused.add(`${call} ${errno} ${reason}`);
    if (reason === undefined) this.mute.add(`${call} ${errno}`);
  }
}

/** What refuses System V calls, by all that these tests made of them. */
const seen = new Set<string>();

test.each(files)("each errno of %s has a rule", { timeout: 60_000 }, async (file) => {
  const target = new Noting();
  await runCases(target, loadCases([join(CORPUS, file)]));
  expect(target.refused.size).toBeGreaterThan(5);
  expect([...target.mute]).toEqual([]);
  for (const one of target.refused) if (CALLS.includes(one.split(" ")[0])) seen.add(one);
});

const DATA_BYTES = 4096;
const WORDS = [0, 1, 2, 3, 8, 10, 13, -1, 65536, 65537, 99999, 0o1600, 0o3600, 1e9];
/** What calls take in JSON: right in one place or another, and wrong in all others. */
const ARGUMENTS: readonly unknown[] = [
  ...[
    "web",
    "sysvsem",
    "sysvmsg.ko",
    "kern.ipc.semmni",
    "/tmp/s",
    "/tmp/s/t",
    "tmp",
    "",
    "x".repeat(300),
  ],
  ...["jail:web:nsem:deny=5", "jail:web:nsem:deny=-1", "jail:", "process:101", "user:0:bogus"],
  ...[
    { name: "web" },
    { name: "new", persist: true },
    { name: "a.b.c" },
    { jid: 77 },
    { jid: "x" },
  ],
  ...[{ lastjid: 99 }, { name: "web", sysvsem: 7 }, { name: "web", nonsense: 1 }, { name: 5 }],
  ...[
    { name: "kern.ipc.semmni", value: 5 },
    { name: "kern.ipc.shmmax", value: -1 },
    { name: "no" },
  ],
  ...[{ name: "web", "children.max": -1 }, { uid: 5, gid: 5 }, 7, null],
];
const NUMBERS = Object.entries(sys).filter(([name]) => !/_(exit|UNMAPPED)$/.test(name));

function frame(): Frame {
  const data = new ArrayBuffer(DATA_BYTES);
  const views = {
    i16: new Int16Array(data),
    u16: new Uint16Array(data),
    f64: new Float64Array(data),
  };
  return { a: new Float64Array(FRAME_WORDS), u8: new Uint8Array(data), ...views };
}

/** Calls of one kind of process in one kind of yard, with what comes. */
function refusals(config: KernelConfig, who: (k: Kernel) => Thread, dice: Dice): Set<string> {
  const mute = new Set<string>();
  const { k } = bench({ maxproc: 12, ...config });
  for (const [name, sysno] of NUMBERS) {
    for (let i = 0; i < 30; i++) {
      for (const old of k.procs.values()) psignal(k, old, SIGKILL);
      run(k);
      const td = who(k);
      const tf = trapframe(td, frame(), k.seminfo.semopm);
      const bytes = putJson(tf.frame.u8, dice.pick(ARGUMENTS));
      tf.frame.a.set(Array.from({ length: 6 }, () => dice.pick(WORDS)));
      if (dice.once(2)) tf.frame.a[0] = bytes;
      const error = syscall(k, tf, sysno);
      run(k);
      if (error === OK || error === ESLEEP) continue;
      const call = name.slice("SYS_".length);
      if (CALLS.includes(call)) seen.add(`${call} ${errnoName(error)} ${reasonText(td.td_reason)}`);
      if (td.td_reason === NO_REASON) mute.add(`${name} ${errnoName(error)}`);
    }
  }
  return mute;
}

test.each(MODELS)("each errno of every call under %s has a rule", (model) => {
  const dice = new Dice(2006);
  const root = (k: Kernel): Thread => process(k);
  const user = (k: Kernel): Thread => process(k, { uid: 1001, gid: 1001 });
  const jailed = (k: Kernel): Thread => {
    const prison = [...k.prisons].find(({ pr_name }) => pr_name === "web") ?? jail(k, "web");
    return process(k, { prison });
  };
  for (const who of [root, user, jailed]) {
    for (const racct of [false, true]) {
      expect([...refusals({ model, racct }, who, dice)]).toEqual([]);
    }
    expect([...refusals({ model, modules: [] }, who, dice)]).toEqual([]);
  }
});

/** Those that neither cases nor dice meet: by call, with rules of rctl on the caller. */
function provoke(): void {
  const { k } = bench({ racct: true, limits: { "kern.ipc.msgtql": 1 } });
  const td = process(k);
  const note = (call: string, error: Errno): void => {
    seen.add(`${call} ${errnoName(error)} ${reasonText(td.td_reason)}`);
  };
  const denied = (rule: string, call: string, make: () => Errno): void => {
    ok(td, rctlAddRule(k, td, `user:0:${rule}`));
    note(call, make());
    ok(td, rctlRemoveRule(k, td, "user:0"));
  };
  const set = ok(td, semget(k, td, 0 as Key, 1, 0o600)) as Semid;
  const queue = ok(td, msgget(k, td, 0 as Key, 0o600));
  const seg = ok(td, shmget(k, td, 0 as Key, 10, 0o600));
  denied("nsem:deny=1", "semget", () => semget(k, td, 0 as Key, 1, 0o600));
  denied("nsemop:deny=8", "semop", () => semop(k, td, set, sembufs(9), 9));
  denied("nshm:deny=1", "shmget", () => shmget(k, td, 0 as Key, 10, 0o600));
  denied("shmsize:deny=4096", "shmget", () => shmget(k, td, 0 as Key, 10, 0o600));
  denied("nmsgq:deny=1", "msgget", () => msgget(k, td, 0 as Key, 0o600));
  const send = (mtype: number, mtext: Uint8Array | null): Errno =>
    msgsnd(k, td, queue, { mtype, mtext }, 4, IPC_NOWAIT);
  const text = new Uint8Array(4);
  denied("msgqqueued:deny=0", "msgsnd", () => send(1, text));
  denied("msgqsize:deny=3", "msgsnd", () => send(1, text));
  note("msgsnd", send(1, null));
  ok(td, send(1, text));
  note("msgsnd", send(1, text)); // the only header is taken
  note("msgrcv", msgrcv(k, td, queue, { mtype: 0, mtext: new Uint8Array(1) }, 4, 0, 0));
  ok(td, msgsnd(k, td, queue, { mtype: 1, mtext: text }, 0, 0));
  note("msgrcv", msgrcv(k, td, queue, null, 4, 0, 0));
  note("shmctl", shmctl(k, td, seg, SHM_STAT, null));
  note("shmctl", shmctl(k, td, seg, IPC_SET, null));
  note("shmctl", shmctl(k, td, seg, IPC_STAT, null));
  note("shmctl", shmctl(k, td, seg, 99, null));
  note("msgctl", msgctl(k, td, queue, IPC_SET, null));
  note("msgctl", msgctl(k, td, queue, IPC_STAT, null));
  note("msgctl", msgctl(k, td, queue, IPC_SET, { ...msqidDs(), msg_qbytes: 0 }));
}

test("`jailyard explain` has every way in which a call is refused, and no other", () => {
  provoke();
  const told = CAUSES.map(({ call, errno, rule, limit }) =>
    [`${call} ${errno} ${rule}`, limit].filter((part) => part !== "").join(", "),
  );
  expect([...seen].sort()).toEqual([...new Set(told)].sort());
});
