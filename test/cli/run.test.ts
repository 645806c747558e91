/** `jailyard run FILE`, and `ipcs` and `jls` that look into it. */
import { readFileSync, writeFileSync } from "node:fs";
import { afterAll, describe, expect, test } from "vitest";
import { Place } from "../support/cli.ts";

const place = new Place();
afterAll(() => place.remove());

/** A program of this body, as a file. */
function program(name: string, body: string): string {
  const text = `import { IPC_CREAT, program } from "jailyard";
export default program("${name}", async (p) => {\n${body}\n});\n`;
  writeFileSync(place.file(`${name}.ts`), text);
  return `${name}.ts`;
}

describe("run FILE", () => {
  test("every line has its jail and pid; arguments arrive", async () => {
    const file = program("args", 'p.print(p.args.join("+"));');
    const { status, out, err } = await place.run(
      "run",
      file,
      "a",
      "--jails",
      "2",
      "--procs",
      "2",
      "--",
      "-b",
    );
    expect(out.trim().split("\n").sort()).toEqual([
      "jail1[101] a+-b",
      "jail1[103] a+-b",
      "jail2[102] a+-b",
      "jail2[104] a+-b",
    ]);
    expect({ status, err }).toEqual({ status: 0, err: "" });
  });

  test("jails have name spaces of their own; what is left behind is said", async () => {
    const file = program("space", "p.print(String(await p.semget(5, 1, IPC_CREAT | 0o600)));");
    const own = await place.run("run", file, "--jails", "web,db");
    expect(own.out.match(/\] \d+/g)!.sort()).toEqual(["] 65536", "] 65537"]);
    expect(own.err).toBe("left behind in 2 jails: 2 semaphore sets\n");
    const flat = await place.run(
      "run",
      file,
      "--jails",
      "2",
      "--model",
      "flat",
      "-o",
      "security.jail.sysvipc_allowed=1",
    );
    expect(flat.out.match(/\] \d+/g)).toEqual(["] 65536", "] 65536"]);
  });

  test("failures: an exit status, an exception, a limit, a child", async () => {
    const status = await place.run("run", program("three", "return 3;"));
    expect(status).toEqual({ status: 1, out: "", err: "jail1[101] exited with status 3\n" });
    const thrown = await place.run("run", program("thrown", 'throw new Error("ouch");'));
    expect(thrown.status).toBe(1);
    expect(thrown.err).toMatch(
      /^jail1\[101\] the program threw: Error: ouch\n {4}at .*thrown\.ts:3/,
    );
    const limit = await place.run(
      ...["run", program("limit", "await p.semget(1, 9, IPC_CREAT);"), "-o", "kern.ipc.semmns=8"],
    );
    expect(limit.err).toContain("semget: No space left on device (SEM-20, kern.ipc.semmns)");
    const child = program(
      "child",
      'await p.fork(() => { throw new Error("late"); }); await p.wait();',
    );
    const forked = await place.run("run", child);
    expect(forked.err).toContain("jail1[102] the program threw: Error: late");
    expect(forked.status).toBe(0);
  });

  test("--json has ends, records, machine and every limit", async () => {
    const file = program("json", "p.emit({ pid: p.pid });");
    await place.run("run", file, "--json", "out.json", "-o", "kern.ipc.semmni=3");
    const json = JSON.parse(readFileSync(place.file("out.json"), "utf8"));
    expect(json.ends).toEqual([{ jail: "jail1", pid: 101, status: 0, signal: null, error: null }]);
    expect(json.records).toEqual([{ jail: "jail1", pid: 101, record: { pid: 101 } }]);
    expect(json.settings.limits["kern.ipc.semmni"]).toBe(3);
    expect(json.settings.limits["kern.ipc.shmall"]).toBe(131072);
    expect(json.machine.cpus).toBeGreaterThan(0);
    expect(json.versions.jailyard).toBe("0.1.0");
  });
});

describe("a running yard", () => {
  const body = `await p.semget(77, 2, IPC_CREAT | 0o600);
  p.print("up");
  await p.sleep(Infinity);`;

  test("ipcs and jls see it; Ctrl-C ends it with status 130", async () => {
    const yard = place.start("run", program("sleeper", body), "--jails", "web", "--yard", "one");
    await yard.printed("up");
    const ipcs = await place.run("ipcs", "-sZ");
    expect(ipcs.out.split("\n")[2]).toBe(
      "s        65536           77 --rw------- root     wheel    web",
    );
    const inside = await place.run("ipcs", "-s", "--in", "web", "--yard", "one");
    expect(inside.out.split("\n")[2]).toBe(
      "s        65536           77 --rw------- root     wheel   ",
    );
    expect((await place.run("jls", "-n", "jid", "name")).out).toBe("jid=1 name=web\n");
    expect(await place.run("jls", "-j", "nix")).toEqual({
      status: 1,
      out: "",
      err: 'jls: jail "nix" not found\n',
    });
    expect((await place.run("ipcs", "--in", "nix")).err).toMatch(
      /jail "nix" not found; there are: web/,
    );
    const second = await place.run("run", "sleeper.ts", "--yard", "one");
    expect(second.err).toMatch(/a yard called one is running/);
    yard.interrupt();
    expect(await yard.ended).toEqual({ status: 130, out: "web[101] up\n", err: "" });
    expect((await place.run("jls")).status).toBe(3);
  });

  test("that dies with its kernel's thread says so in one line, with status 1", async () => {
    const spins = program("stays", 'p.print("up"); for (;;);');
    const yard = place.start("run", spins, "--jails", "2", "--procs", "2");
    await yard.printed("up");
    yard.interrupt("SIGUSR2");
    expect(await yard.ended).toMatchObject({
      status: 1,
      err: "jailyard: the kernel's thread died, and with it the yard: it exited with code 1\n",
    });
  });

  test("Ctrl-C ends a program that never comes back, and one that never loads", async () => {
    writeFileSync(place.file("loads.ts"), 'process.stdout.write("loading");\nfor (;;);\n');
    const loads = place.start("run", "loads.ts", "--yard", "loads");
    const spins = place.start("run", program("spins", 'p.print("up"); for (;;);'));
    await spins.printed("up");
    spins.interrupt();
    expect((await spins.ended).status).toBe(130);
    loads.interrupt();
    expect((await loads.ended).status).toBe(130);
  });
});
