/** Start and end of a simulated server, against recordings of the real one. */

import { IPC_CREAT } from "@jailyard/abi/ipc";
import { SETVAL } from "@jailyard/abi/sem";
import type { Process } from "@jailyard/trap/process";
import { setClock } from "@jailyard/workload/postgres/clock";
import { setCount, settingsOf, slotCounts } from "@jailyard/workload/postgres/settings";
import { VERSIONS } from "@jailyard/workload/postgres/version";
import { afterEach, describe, expect, test } from "vitest";
import {
  callsOf,
  finished,
  freshDirectory,
  isReady,
  logOf,
  RECORDED,
  ready,
  recordedCalls,
  recording,
  recordsOf,
  signalsOf,
  simYard,
  startServer,
} from "../support/postgres.ts";
import type { SimHandle, SimYard } from "../support/simproc.ts";

afterEach(() => setClock(null));

const objects = ({ k }: SimYard): number => k.sem.live + k.shm.table.live;

describe("number of semaphores [PG-22]", () => {
  test.each([
    ["8.1", 107, 7],
    ["9.2", 107, 7],
    ["9.6", 116, 8],
    ["15", 127, 8],
    ["18", 174, 11],
  ] as const)("%s makes %d in %d sets", (version, total, sets) => {
    const settings = settingsOf({ version }, "jail");
    expect(slotCounts(settings).total).toBe(total);
    expect(setCount(settings)).toBe(sets);
  });
});

describe("start and stop", () => {
  const recorded = recording("pg15-start-stop");

  test("the postmaster makes the calls of the recording, in its order [PG-25] [PG-32]", async () => {
    const yard = simYard();
    const server = startServer(yard, { ...RECORDED, backends: 1 });
    await finished(yard, server);
    expect(server.xstat).toBe(0);
    expect(callsOf(yard, server.pid)).toEqual(recordedCalls(recorded, 1));
    expect(objects(yard)).toBe(0);
  });

  test("children take the slots of the recording, and call nothing else [PG-28] [PG-30]", async () => {
    const yard = simYard();
    const server = startServer(yard, { ...RECORDED, backends: 1, transactions: 0 });
    await finished(yard, server);
    const taken = recorded
      .filter(({ pid, call }) => pid !== 1 && call === "semctl")
      .map(({ args }) => args.num as number);
    const ours = yard.trace
      .filter(({ pid, call }) => pid !== server.pid && call === "semctl")
      .map(({ a }) => a[1]);
    expect(new Set(ours)).toEqual(new Set([...taken].filter((num) => num !== 3)));
    expect(ours.length).toBe(6); // the client had nothing to do, and did not connect
  });

  test("the first client of 15 gets the last slot, of 18 the first [PG-28]", async () => {
    for (const [version, slot] of [
      ["15", 19],
      ["18", 0],
    ] as const) {
      const yard = simYard();
      const server = startServer(yard, { ...RECORDED, version, backends: 1, transactions: 1 });
      await finished(yard, server);
      const sets = yard.trace.filter(({ call }) => call === "semget").map(({ ret }) => ret);
      const resets = yard.trace
        .filter(({ call, a, pid }) => call === "semctl" && a[2] === SETVAL && pid !== server.pid)
        .map(({ a }) => sets.indexOf(a[0]) * 16 + a[1]);
      expect(resets).toContain(slot);
    }
  });

  test("from 9.3 on the segment is the interlock alone [PG-1]", async () => {
    const yard = simYard();
    const server = startServer(yard, { version: "9.6", port: 8010, backends: 0 });
    await finished(yard, server);
    expect(callsOf(yard, server.pid)[0]).toBe("shmget 0x007a3911 56 03600 shm1");
  });

  test("up to 9.2 all of the shared memory is in the segment [PG-1]", async () => {
    const yard = simYard();
    const server = startServer(yard, { version: "8.1", startOnly: true });
    await ready(yard, server);
    const size = Number(callsOf(yard, server.pid)[0].split(" ")[2]);
    expect(size).toBeGreaterThan(1000 * 8192);
    yard.kill(server.pid, "SIGINT");
    await finished(yard, server);
  });

  test.each(VERSIONS)("%s starts, works, stops, and leaves nothing", async (version) => {
    const yard = simYard({}, 3);
    const server = startServer(yard, { version, backends: 4, maxConnections: 20 });
    await finished(yard, server);
    expect(server.errors).toEqual([]);
    expect(server.xstat).toBe(0);
    expect(recordsOf(server).filter(({ type }) => type === "result")).toHaveLength(1);
    expect(logOf(server).at(-1)).toBe("LOG: database system is shut down");
    expect(objects(yard)).toBe(0);
    expect(yard.k.procs.size).toBe(0);
  });

  test("a fast shutdown signals in the order of the recording [PG-34]", async () => {
    const yard = simYard();
    const server = startServer(yard, { ...RECORDED, startOnly: true });
    await ready(yard, server);
    const forks = yard.trace.filter(({ call }) => call === "fork").map(({ ret }) => ret);
    const [checkpointer, bgwriter, , walwriter, launcher, logical] = forks;
    const readyAt = yard.now;
    await yard.until(() => yard.now > readyAt + 10); // until then children block signals
    yard.kill(server.pid, "SIGINT");
    await finished(yard, server);
    expect(signalsOf(yard, server.pid)).toEqual([
      `SIGTERM ${logical}`,
      `SIGTERM ${launcher}`,
      `SIGTERM ${bgwriter}`,
      `SIGTERM ${walwriter}`,
      `SIGUSR2 ${checkpointer}`,
    ]);
  });

  test("an immediate shutdown still removes the objects [PG-34]", async () => {
    const yard = simYard();
    const server = startServer(yard, { version: "9.6", startOnly: true });
    await ready(yard, server);
    yard.kill(server.pid, "SIGQUIT");
    await finished(yard, server);
    expect(server.xstat).toBe(0);
    expect(objects(yard)).toBe(0);
  });

  test("a smart shutdown waits for the clients [PG-34]", async () => {
    const yard = simYard();
    const server = startServer(yard, { version: "15", backends: 2, transactions: 30 });
    await ready(yard, server);
    yard.kill(server.pid, "SIGTERM");
    await finished(yard, server);
    expect(logOf(server)).toContain("LOG: received smart shutdown request");
    expect(recordsOf(server)).toContainEqual(
      expect.objectContaining({ type: "result", transactions: 60 }),
    );
  });
});

/** A process that owns the segment key and four set keys, each in another way. */
async function foreignHolder(p: Process): Promise<void> {
  const seed = RECORDED.inode!;
  await p.shmat(await p.shmget(seed, 64, IPC_CREAT | 0o600));
  await p.semget(seed + 1, 3, IPC_CREAT | 0o600);
  await p.semget(seed + 2, 17, IPC_CREAT | 0o600);
  const live = await p.semget(seed + 3, 17, IPC_CREAT | 0o600);
  await p.semctl(live, 16, SETVAL, 536);
  await p.semop(live, [[16, 1]]);
  const dead = await p.semget(seed + 4, 17, IPC_CREAT | 0o600);
  await p.fork(async (child) => {
    await child.semctl(dead, 16, SETVAL, 536);
    await child.semop(dead, [[16, 1]]);
  });
  await p.wait();
  p.print("holding");
  await p.sleep(Number.POSITIVE_INFINITY);
}

describe("keys that are taken", () => {
  test("every branch of the search, as recorded [PG-17] [PG-24]", async () => {
    const yard = simYard();
    const holder = yard.start(foreignHolder, null);
    await yard.until(() => holder.lines.length > 0);
    const server = startServer(yard, { ...RECORDED, startOnly: true });
    await ready(yard, server);
    yard.kill(server.pid, "SIGINT");
    await finished(yard, server);
    expect(callsOf(yard, server.pid)).toEqual(
      recordedCalls(recording("pg15-foreign-key-collision"), 5),
    );
    yard.kill(holder.pid, "SIGKILL");
  });

  test("a server of another user is left alone [PG-5]", async () => {
    const yard = simYard();
    const first = startServer(yard, { ...RECORDED, startOnly: true }, undefined, 70);
    await ready(yard, first);
    const second = startServer(yard, { ...RECORDED, startOnly: true }, undefined, 71);
    await ready(yard, second);
    const calls = callsOf(yard, second.pid);
    expect(calls.slice(0, 3)).toEqual([
      "shmget 0x0021c0ab 20406272 03600 EEXIST",
      "shmget 0x0021c0ab 56 00 shm1",
      "shmctl shm1 IPC_STAT EACCES",
    ]);
    expect(calls.filter((line) => line.includes("RMID"))).toEqual([]);
    expect(isReady(second)).toBe(true);
  });

  test("SEMMSL 16: a thousand probes, then EINVAL without a hint [PG-29]", async () => {
    const yard = simYard({ limits: { "kern.ipc.semmsl": 16 } });
    const server = startServer(yard, RECORDED);
    await finished(yard, server);
    const calls = callsOf(yard, server.pid);
    expect(
      calls.filter((line) => line.startsWith("semget") && line.includes("03600")),
    ).toHaveLength(1001);
    expect(
      calls.filter((line) => line.startsWith("semget") && !line.includes("03600")),
    ).toHaveLength(1000);
    expect(logOf(server)).toEqual([
      "FATAL: could not create semaphores: Invalid argument",
      "DETAIL: Failed system call was semget(2213012, 17, 03600).",
      "LOG: database system is shut down",
    ]);
  });

  test("before August 2025 EINVAL was final at once [PG-24]", async () => {
    const yard = simYard({ limits: { "kern.ipc.semmsl": 16 } });
    const server = startServer(yard, { version: "9.6" });
    await finished(yard, server);
    expect(callsOf(yard, server.pid).filter((line) => line.startsWith("semget"))).toHaveLength(1);
  });
});

describe("limits that are too small", () => {
  test("SEMMNS: PostgreSQL's text and hint; what was made is removed [PG-29]", async () => {
    const yard = simYard({ limits: { "kern.ipc.semmns": 40 } });
    const server = startServer(yard, RECORDED);
    await finished(yard, server);
    expect(server.xstat).toBe(1 << 8);
    expect(callsOf(yard, server.pid)).toEqual(recordedCalls(recording("pg15-semmni-enospc"), 1));
    const log = logOf(server);
    expect(log.slice(0, 2)).toEqual([
      "FATAL: could not create semaphores: No space left on device",
      "DETAIL: Failed system call was semget(2212014, 17, 03600).",
    ]);
    expect(log[2]).toMatch(/^HINT: This error does \*not\* mean .*\(SEMMNI\).*\(SEMMNS\)/);
    expect(log[3]).toBe("LOG: database system is shut down");
    expect(objects(yard)).toBe(0);
  });

  test("the default 340 semaphores hold two servers of 15, the third fails [PG-23]", async () => {
    const yard = simYard();
    const servers: SimHandle[] = [];
    for (const inode of [1000, 2000, 3000]) {
      servers.push(startServer(yard, { version: "15", inode, startOnly: true }));
      await ready(yard, servers.at(-1)!);
    }
    expect(servers.map(isReady)).toEqual([true, true, false]);
  });

  test("SHMMAX: EINVAL, asked again with 0 bytes [PG-17] [PG-20]", async () => {
    const yard = simYard({ limits: { "kern.ipc.shmmax": 1_000_000 } });
    const server = startServer(yard, RECORDED);
    await finished(yard, server);
    expect(callsOf(yard, server.pid)).toEqual(recordedCalls(recording("pg15-shmmax-einval"), 1));
    expect(logOf(server)[2]).toContain("exceeded your kernel's SHMMAX parameter, or possibly");
  });

  test("SHMALL is ENOMEM on FreeBSD [PG-20]", async () => {
    const yard = simYard({ limits: { "kern.ipc.shmall": 100, "kern.ipc.shmmax": 1e9 } });
    const server = startServer(yard, RECORDED);
    await finished(yard, server);
    expect(logOf(server)[2]).toContain(
      "You might need to reconfigure the kernel with larger SHMALL",
    );
  });

  test("SHMMNI [PG-20]", async () => {
    const yard = simYard({ limits: { "kern.ipc.shmmni": 1 } });
    await ready(yard, startServer(yard, { ...RECORDED, startOnly: true }));
    const server = startServer(yard, { ...RECORDED, inode: 99, startOnly: true });
    await finished(yard, server);
    expect(logOf(server)[2]).toContain("you need to raise the SHMMNI parameter");
  });

  test("8.1 names its settings in the hint [PG-20]", async () => {
    const yard = simYard({ limits: { "kern.ipc.shmmax": 1_000_000 } });
    const server = startServer(yard, { version: "8.1" });
    await finished(yard, server);
    expect(logOf(server)[2]).toContain("shared_buffers parameter (currently 1000)");
  });
});

describe("the interlock", () => {
  const config = { ...RECORDED, startOnly: true };

  test("a second server is refused by the lock file, without an IPC call [PG-13]", async () => {
    const yard = simYard();
    const dataDirectory = freshDirectory();
    const first = startServer(yard, { ...config, dataDirectory });
    await ready(yard, first);
    const second = startServer(yard, { ...config, dataDirectory });
    await finished(yard, second);
    expect(second.xstat).toBe(1 << 8);
    expect(callsOf(yard, second.pid)).toEqual(["kill 0"]);
    expect(logOf(second)).toEqual([
      'FATAL: lock file "postmaster.pid" already exists',
      `HINT: Is another postmaster (PID ${first.pid}) running in data directory "${dataDirectory}"?`,
    ]);
    yard.kill(first.pid, "SIGINT");
    await finished(yard, first);
  });

  test("kill -9: children leave by themselves, the restart recycles [PG-36]", async () => {
    const yard = simYard();
    const dataDirectory = freshDirectory();
    const first = startServer(yard, { ...config, dataDirectory });
    await ready(yard, first);
    yard.kill(first.pid, "SIGKILL");
    await yard.until(() => yard.k.procs.size === 0);
    expect(objects(yard)).toBe(4);
    const from = yard.trace.length;
    const second = startServer(yard, { ...config, dataDirectory });
    await ready(yard, second);
    yard.kill(second.pid, "SIGINT");
    await finished(yard, second);
    const recorded = recordedCalls(recording("pg15-kill9-postmaster-restart"), 13);
    expect(callsOf(yard, second.pid, from)).toEqual(withoutLateKill(recorded));
    expect(logOf(second)).toContain(
      "LOG: database system was not properly shut down; automatic recovery in progress",
    );
    expect(objects(yard)).toBe(0);
  });

  test("a child that is still attached: refused through the id, then through the key", async () => {
    const yard = simYard();
    const dataDirectory = freshDirectory();
    const first = startServer(yard, { ...config, dataDirectory });
    await ready(yard, first);
    const id = yard.k.shm.table.idOf(yard.k.shm.table.slots[0]!);
    const straggler = yard.start(async (p) => {
      await p.shmat(id);
      await p.sleep(Number.POSITIVE_INFINITY);
    }, null);
    yard.kill(first.pid, "SIGKILL");
    await yard.until(() => yard.k.procs.size === 1);
    const second = startServer(yard, { ...config, dataDirectory });
    await finished(yard, second);
    expect(callsOf(yard, second.pid)).toEqual([
      "kill 0 ESRCH",
      "shmctl shm1 IPC_STAT",
      "shmat shm1",
      "shmdt",
    ]);
    const third = startServer(yard, config); // another path: as if the lock file were deleted
    await finished(yard, third);
    for (const refused of [second, third]) {
      expect(logOf(refused)[0]).toBe(
        `FATAL: pre-existing shared memory block (key 2212011, ID ${id}) is still in use`,
      );
    }
    yard.kill(straggler.pid, "SIGKILL");
  });
});

/** The socket has a lock file too, and its old owner is looked for in the same way. */
function withoutLateKill(lines: readonly string[]): string[] {
  const late = lines.lastIndexOf("kill 0 ESRCH");
  return lines.filter((_, ix) => ix !== late);
}
