/** Crashes, and the collisions of 2006. [PG-26] [PG-27] [PG-35] */

import { IPC_RMID } from "@jailyard/abi/ipc";
import { setClock } from "@jailyard/workload/postgres/clock";
import { afterEach, describe, expect, test } from "vitest";
import {
  callsOf,
  finished,
  isReady,
  logOf,
  RECORDED,
  ready,
  recordsOf,
  resultOf,
  simYard,
  startServer,
} from "../support/postgres.ts";
import type { SimYard } from "../support/simproc.ts";

afterEach(() => setClock(null));

const objects = ({ k }: SimYard): number => k.sem.live + k.shm.table.live;
const forked = (yard: SimYard, pid: number): number[] =>
  yard.trace.filter((t) => t.pid === pid && t.call === "fork").map(({ ret }) => ret);

describe("a child dies", () => {
  test.each(["8.1", "9.6", "15", "18"] as const)(
    "%s: killed backend, everything is made anew with the same keys [PG-35]",
    async (version) => {
      const yard = simYard({}, 11);
      const server = startServer(yard, { ...RECORDED, version, backends: 4, transactions: 60 });
      await ready(yard, server);
      await yard.until(() => yard.trace.length > 600);
      const backend = forked(yard, server.pid).findLast((pid) => yard.k.procs.has(pid as never))!;
      yard.kill(backend, "SIGKILL");
      await finished(yard, server);
      expect(server.errors).toEqual([]);
      expect(server.xstat).toBe(0);
      const log = logOf(server);
      const at = log.indexOf(
        `LOG: server process (PID ${backend}) was terminated by signal 9: Killed`,
      );
      expect(log[at + 1]).toBe("LOG: terminating any other active server processes");
      expect(log[at + 2]).toBe("LOG: all server processes terminated; reinitializing");
      expect(recordsOf(server).filter(({ type }) => type === "ready")).toHaveLength(2);
      const gets = callsOf(yard, server.pid).filter((line) => line.startsWith("semget"));
      const keys = gets.map((line) => line.split(" ")[1]);
      expect(keys.slice(keys.length / 2)).toEqual(keys.slice(0, keys.length / 2));
      expect(resultOf(server).crashes).toBe(1);
      expect(resultOf(server).transactions).toBeGreaterThan(200);
      expect(objects(yard)).toBe(0);
    },
  );

  /** The log of a server whose sets are removed while eight clients work. */
  async function withoutSets(seed: number): Promise<string> {
    const yard = simYard({}, seed);
    const server = startServer(yard, { ...RECORDED, seed, backends: 8, transactions: 60 });
    await ready(yard, server);
    await yard.until(() => yard.trace.length > 1500);
    yard.start(async (p) => {
      for (const { id } of await p.ipcs("sem")) await p.semctl(id, 0, IPC_RMID);
    }, null);
    await finished(yard, server);
    expect(server.errors).toEqual([]);
    expect(server.xstat).toBe(0);
    expect(objects(yard)).toBe(0);
    return logOf(server).join("\n");
  }

  test("the sets are removed from outside: FATAL, a line for each lost set [PG-27]", async () => {
    const log = await withoutSets(1);
    expect(log).toMatch(/^FATAL: semop\(id=\d+\) failed: (Invalid argument|Identifier removed)$/m);
    expect(log.match(/semctl\(\d+, 0, IPC_RMID, \.\.\.\) failed: Invalid argument/g)).toHaveLength(
      3,
    );
  });

  test("whoever needs another lock on its way out panics, and all start anew [PG-27]", async () => {
    let log = ""; // it takes an unlucky order: the first seed that has one
    for (let seed = 1; seed < 30 && !log.includes("PANIC"); seed++) log = await withoutSets(seed);
    expect(log).toMatch(/^PANIC: queueing for lock while waiting on another one$/m);
    expect(log).toMatch(/was terminated by signal 6: Abort trap/);
    expect(log).toContain("LOG: all server processes terminated; reinitializing");
    expect(log.match(/database system is ready/g)).toHaveLength(2);
  });
});

describe("two servers, one port, one user, two jails", () => {
  const config = { version: "8.1", port: 5432, maxConnections: 20, backends: 8 } as const;

  test("2006: the second takes the first one's objects for dead [PG-18] [PG-24] [PG-26]", async () => {
    const yard = simYard({ model: "flat", sysvipc_allowed: true }, 2);
    const jails = ["a", "b"].map((name) => yard.jail({ name }));
    const first = startServer(yard, { ...config, transactions: 200 }, jails[0]);
    await ready(yard, first);
    await yard.until(() => yard.trace.length > 1500);
    const second = startServer(yard, { ...config, startOnly: true }, jails[1]);
    await ready(yard, second);
    const calls = callsOf(yard, second.pid);
    expect(calls.slice(0, 7)).toEqual([
      expect.stringMatching(/^shmget 0x0052e2c1 \d+ 03600 EEXIST$/),
      "shmget 0x0052e2c1 56 00 shm1",
      "shmat shm1",
      "kill 0 ESRCH",
      "shmdt",
      "shmctl shm1 IPC_RMID",
      expect.stringMatching(/^shmget 0x0052e2c1 \d+ 03600 shm2$/),
    ]);
    expect(calls).toContain("semctl sem3 0 IPC_RMID");
    expect(isReady(second)).toBe(true);
    await yard.until(() => logOf(first).some((line) => /semop\(id=\d+\) failed/.test(line)));
    yard.kill(second.pid, "SIGINT");
    await finished(yard, second);
    await finished(yard, first);
    expect(first.errors).toEqual([]);
    expect(logOf(first).join("\n")).toMatch(/^(FATAL|PANIC): semop\(id=\d+\) failed: /m);
    expect(yard.k.procs.size).toBe(0);
  });

  test("with sysvipc_allowed=0 they do not start", async () => {
    const yard = simYard({ model: "flat" });
    const server = startServer(yard, config, yard.jail({ name: "a" }));
    await finished(yard, server);
    expect(server.xstat).toBe(1 << 8);
    const log = logOf(server);
    expect(log[0]).toBe("FATAL: could not create shared memory segment: Function not implemented");
    expect(log[1]).toMatch(
      /^DETAIL: Failed system call was shmget\(key=5432001, size=\d+, 03600\)\.$/,
    );
    expect(log).toHaveLength(2);
  });

  test("private name spaces: both live, with the same keys", async () => {
    const yard = simYard({}, 6);
    const servers = ["a", "b"].map((name) =>
      startServer(yard, config, yard.jail({ name, sysvsem: 1, sysvshm: 1 })),
    );
    for (const server of servers) await finished(yard, server);
    for (const server of servers) {
      expect(server.xstat).toBe(0);
      expect(resultOf(server)).toMatchObject({ transactions: 80, crashes: 0, lost: 0 });
      expect(callsOf(yard, server.pid)[0]).toMatch(/^shmget 0x0052e2c1 \d+ 03600 shm1$/);
    }
  });

  test("the same in a shared space, other users: the second goes on to other keys", async () => {
    const yard = simYard({ model: "flat", sysvipc_allowed: true });
    const first = startServer(yard, { ...config, startOnly: true }, yard.jail({ name: "a" }), 70);
    await ready(yard, first);
    const second = startServer(yard, { ...config, startOnly: true }, yard.jail({ name: "b" }), 71);
    await ready(yard, second);
    expect(callsOf(yard, second.pid).filter((line) => line.includes("RMID"))).toEqual([]);
    expect(yard.k.shm.table.live).toBe(2);
  });
});
