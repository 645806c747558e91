/** Sockets through the gate: processes that own their threads, MySQL in coroutines, and any death. */
import { createRequire } from "node:module";
import type { Jail } from "@jailyard/host/jail";
import type { ProcessHandle } from "@jailyard/host/processhandle";
import type { Yard } from "@jailyard/host/yard";
import type { MysqlRecord } from "@jailyard/workload/mysql/settings";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Dice } from "../support/dice.ts";
import { placements } from "../support/placements.ts";
import { quiet, type Running, start, until } from "../support/yard.ts";

const require = createRequire(import.meta.url);
const MYSQLD = require.resolve("@jailyard/workload/mysql/mysqld");
const MYSQL = require.resolve("@jailyard/workload/mysql/mysql");

describe.each(placements)("placement %s", (placement) => {
  let yard: Yard;
  beforeEach(async () => {
    yard = await quiet({ placement });
  });
  afterEach(async () => {
    for (const jail of yard.jails.values()) await jail.remove();
    expect(await yard.control.check()).toEqual([]);
    expect(await yard.control.leftovers()).toEqual({});
    await yard.shutdown();
  });

  const web = (path = "/jails/web"): Promise<Jail> => yard.jail({ name: "web", path });

  describe("processes that own their threads", () => {
    const both = async (jail: Jail): Promise<{ server: Running; client: Running }> => {
      const server = await start(jail, "server", {}, "sockets");
      expect(await server.next()).toBe("ready");
      const client = await start(jail, "client", {}, "sockets");
      expect(await server.next()).toBe("accepted");
      expect(await client.next()).toBe("hundred");
      return { server, client };
    };

    test("a server that is killed wakes its client: nothing comes any more, or EPIPE", async () => {
      const { server, client } = await both(await web());
      await server.process.kill("SIGKILL");
      const { status, signal } = await client.process.exited;
      expect([0, null]).toContain(status);
      expect([null, 13]).toContain(signal);
    });

    test("a server whose thread dies does so too; one whose client dies takes the next", async () => {
      const jail = await web();
      const { server, client } = await both(jail);
      await client.process.kill("SIGKILL");
      const next = await start(jail, "client", {}, "sockets");
      expect(await server.next()).toBe("accepted");
      expect(await next.next()).toBe("hundred");
      await jail.crash(server.process.pid);
      await next.process.exited;
    });

    test("deaths of either side at any time: the other ends too, and all invariants hold", async () => {
      const jail = await web();
      const roll = new Dice(11);
      for (let round = 0; round < 6; round++) {
        const path = `/tmp/echo${round}.sock`;
        const server = await start(jail, "server", { path }, "sockets");
        expect(await server.next()).toBe("ready");
        const client = await start(jail, "client", { path }, "sockets");
        for (let turns = roll.below(200); turns > 0; turns--) {
          await new Promise((resolve) => setImmediate(resolve));
        }
        const victims = roll.once(2) ? [server, client] : [client, server];
        for (const { process } of victims) {
          await (roll.once(2) ? process.kill("SIGKILL") : jail.crash(process.pid));
        }
        await Promise.all(victims.map(({ process }) => process.exited));
        expect(await yard.control.check()).toEqual([]);
      }
    });
  });

  describe("MySQL", () => {
    const records = (process: ProcessHandle): MysqlRecord[] => {
      const all: MysqlRecord[] = [];
      process.on("record", (record) => all.push(record as MysqlRecord));
      return all;
    };
    async function server(jail: Jail): Promise<ProcessHandle> {
      const process = await jail.spawn({ module: MYSQLD, comm: "mysqld" });
      const said = records(process);
      await until(() => said.length > 0);
      expect(said).toEqual([{ type: "ready", socket: "/tmp/mysql.sock" }]);
      return process;
    }
    async function ask(jail: Jail, ...queries: string[]): Promise<string[]> {
      const process = await jail.spawn({ module: MYSQL, comm: "mysql", arg: { queries } });
      const said = records(process);
      await process.exited;
      return said.map((record) => ("text" in record ? record.text : record.type));
    }

    test("a server answers its own jail's clients, and says goodbye on SIGTERM", async () => {
      const jail = await web();
      const mysqld = await server(jail);
      const insert = "INSERT INTO t VALUES ('x')";
      expect(await ask(jail, insert, "SELECT @@hostname")).toEqual(["", "web"]);
      expect(await ask(jail, insert, "SELECT COUNT(*) FROM t", "DROP TABLE t")).toEqual([
        "",
        "2",
        "ERROR 1064: You have an error in your SQL syntax",
      ]);
      await mysqld.kill("SIGTERM");
      expect(await mysqld.exited).toMatchObject({ status: 0 });
      expect(await ask(jail, insert)).toEqual([
        "ERROR 2002 (HY000): Can't connect to local MySQL server through socket '/tmp/mysql.sock' (2)",
      ]);
    });

    test("a second server in the same tree takes the name of the first", async () => {
      const [first, second] = [await web(), await yard.jail({ name: "db", path: "/jails/web" })];
      await server(first);
      await server(second);
      expect(await ask(first, "SELECT @@hostname")).toEqual(["db"]);
    });

    test("kills at any time: clients end, the next server serves, nothing is left", async () => {
      const jail = await web();
      const roll = new Dice(7);
      const queries = Array.from({ length: 40 }, (_, i) => `INSERT INTO t VALUES ('${i}')`);
      for (let round = 0; round < 12; round++) {
        const mysqld = await server(jail);
        const clients = await Promise.all(
          Array.from({ length: 4 }, () => jail.spawn({ module: MYSQL, arg: { queries } })),
        );
        for (let turns = roll.below(30); turns > 0; turns--) {
          await new Promise((resolve) => setImmediate(resolve));
        }
        await clients[roll.below(4)].kill("SIGKILL");
        await mysqld.kill("SIGKILL");
        await Promise.all([mysqld, ...clients].map(({ exited }) => exited));
      }
      const mysqld = await server(jail);
      expect(await ask(jail, "SELECT @@hostname")).toEqual(["web"]);
      await mysqld.kill("SIGKILL");
      await mysqld.exited;
    });
  });
});
