/** Name spaces under random calls, in every model: users and use are what they count; nothing stays. */
import { IPC_CREAT, IPC_PRIVATE } from "@jailyard/abi/ipc";
import { SIGKILL } from "@jailyard/abi/signal";
import { FACILITIES, type Facility, type Key } from "@jailyard/abi/types";
import { cleanup, objectsOf } from "@jailyard/kernel/facility";
import { ipcnsCreate, ipcnsEnter, ipcnsList } from "@jailyard/kernel/ipcnscall";
import { jailAttach, jailRemove } from "@jailyard/kernel/jail";
import { type Kernel, run } from "@jailyard/kernel/kernel";
import { kldload, kldunload } from "@jailyard/kernel/kld";
import { MODELS, type ModelName } from "@jailyard/kernel/model";
import { msgget } from "@jailyard/kernel/msgctl";
import { PRISON_ALIVE, type Prison } from "@jailyard/kernel/prison";
import { fork as fork2, psignal } from "@jailyard/kernel/proc";
import { semget } from "@jailyard/kernel/semctl";
import { shmat, shmget } from "@jailyard/kernel/shm";
import { RUNNING, type Thread, ZOMBIE } from "@jailyard/kernel/thread";
import { describe, expect, test } from "vitest";
import { create, ending, take, update } from "../support/jail.ts";
import { bench, process } from "../support/kernel.ts";

const STEPS = 800;

/** mulberry32: the same numbers for the same seed, in [0, below). */
function dice(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

const pick = <T>(roll: (below: number) => number, from: readonly T[]): T => from[roll(from.length)];

function get(k: Kernel, td: Thread, f: Facility, key: Key): void {
  const flags = IPC_CREAT | 0o600;
  if (!k.modules[f].loaded) return;
  if (f === "sem") semget(k, td, key, 1, flags);
  else if (f === "msg") msgget(k, td, key, flags);
  else if (shmget(k, td, key, 4096, flags) === 0) shmat(k, td, td.td_retval, 0, 0);
}

/** One call by somebody; whether it fails is nobody's business. */
function step(k: Kernel, roll: (below: number) => number): void {
  const alive = [...k.prisons].filter(({ pr_state }) => pr_state === PRISON_ALIVE);
  const prison: Prison = pick(roll, alive);
  const running = [...k.procs.values()].filter(({ p_state }) => p_state === RUNNING);
  const td = running.length === 0 ? process(k) : pick(roll, running);
  const f = pick(roll, FACILITIES);
  const names = ipcnsList(k, td).map(({ name }) => name);
  const above = prison === k.prison0 ? "" : `${prison.pr_name}.`;
  const path = pick(roll, ["/", "/jails/a", "/jails/a/b"]);
  const params = { "children.max": 2, path, "allow.sysvipc": roll(3) === 0 };
  const calls: readonly (() => unknown)[] = [
    () => k.prisons.size < 8 && create(k, { name: `${above}j${roll(4)}`, ...params }),
    () => roll(3) === 0 && jailRemove(k, null, prison.pr_id),
    () => update(k, { jid: prison.pr_id, [`sysv${f}`]: roll(3) }),
    () => update(k, { jid: prison.pr_id, "allow.sysvipc": roll(2) === 0 }),
    () => k.procs.size < 20 && process(k, { prison }),
    () => k.procs.size < 20 && fork2(k, td),
    () => jailAttach(k, td, prison.pr_id),
    () => psignal(k, td, SIGKILL),
    () => ipcnsCreate(k, td, f, `s${roll(3)}`),
    () => names.length > 0 && ipcnsEnter(k, td, f, pick(roll, names)),
    () => get(k, td, f, (roll(4) === 0 ? IPC_PRIVATE : roll(3)) as Key),
    () =>
      k.modules.sem.loaded && k.sem.slots[0] && take(k, td, k.sem.idOf(k.sem.slots[0]) as never),
    () => roll(8) === 0 && sweep(k, f),
    () => (k.modules[f].loaded ? kldunload : kldload)(k, null, `sysv${f}`),
  ];
  pick(roll, calls)();
  run(k);
}

/** Whatever there is of a facility is removed, so that it can be unloaded. */
function sweep(k: Kernel, f: Facility): void {
  if (k.modules[f].loaded) for (const prison of k.prisons) cleanup(k, f, prison);
}

/** Counts are those of who is counted. */
function check(k: Kernel): void {
  const users = new Map<number, number>();
  const living = [...k.procs.values()].filter(({ p_state }) => p_state !== ZOMBIE);
  const owners = [...k.prisons].map(({ pr_ipcns }) => pr_ipcns);
  for (const spaces of [...owners, ...living.map(({ p_ucred }) => p_ucred.cr_ipcns)]) {
    for (const f of FACILITIES) {
      const ns = spaces[f];
      if (ns?.ns_alive === true) users.set(ns.ns_id, (users.get(ns.ns_id) ?? 0) + 1);
    }
  }
  expect(users).toEqual(new Map([...k.ipcns].map(([id, { ns_users }]) => [id, ns_users])));
  for (const f of FACILITIES) {
    const objects = new Map<number, number>();
    for (const { space } of k.modules[f].loaded ? objectsOf(k, f) : []) {
      objects.set(space, (objects.get(space) ?? 0) + 1);
    }
    const counted = [...k.usage![f]].map(([space, use]) => [space, use.objects] as const);
    expect(new Map(counted)).toEqual(objects);
  }
}

describe.each(MODELS)("model %s", (model: ModelName) => {
  test.each([1, 2])("seed %i", (seed) => {
    const lateLoad = pick(dice(seed), ["freebsd", "deny", "create"] as const);
    const { k } = bench({ model, lateLoad, limitScope: "namespace", sysvipc_allowed: true });
    const roll = dice(seed);
    for (let i = 0; i < STEPS; i++) {
      step(k, roll);
      check(k);
    }
    for (const f of FACILITIES) sweep(k, f);
    for (const td of [...k.procs.values()]) psignal(k, td, SIGKILL);
    run(k);
    for (const f of FACILITIES) sweep(k, f);
    expect(ending(k)).toEqual({});
  });
});
