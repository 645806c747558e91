/**
 * `jailyard up` and tools in another terminal: the session of docs/administration.md, which
 * `vitest run -u` writes anew; and how a yard from a file begins and ends.
 */
import { copyFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { wrapped } from "../../packages/cli/src/terminal.ts";
import { Place } from "../support/cli.ts";

const place = new Place();
/** Forty commands, each in a process of its own. */
const SESSION_MS = 240_000;
afterAll(() => place.remove());
const examples = join(import.meta.dirname, "../../docs/examples");

/** What is typed, with what it is good for. */
const SESSION: readonly (readonly [about: string, ...lines: string[]])[] = [
  [
    "Who is there, and what they have. Jails hold objects under the same key; the host sees all of " +
      "them, `-Z` says whose they are, and a jail sees its own.",
    "jls -h jid name sysvsem",
    "ps -o pid,jail,user,command -J web,db",
    "ipcs -sZ",
    "ipcs -s --in web",
    "jexec bare ipcs -s",
  ],
  [
    "A key means an object only together with a jail.",
    "ipcrm -S 5432001",
    "ipcrm -n -j db -S 5432001",
    "ipcrm -j db -S 5432001",
    "ipcrm -j db -S 5432001",
    "ipcs -sZ",
  ],
  [
    "Jails come, change and go; objects of a jail go with it.",
    "jail -i -c name=app persist sysvmsg=new",
    "ipcmk -Q -k 7 --in app",
    "ipcs -qZ",
    "jail -m name=app host.hostname=app.example",
    "jail -c name=app persist",
    "jail -rv app",
    "ipcs -qZ",
    "jexec app ipcs",
  ],
  [
    "Jails from a file, with those that they depend on; `jail.conf` is the one of docs/examples.",
    "jail -f jail.conf -c shop",
    "jls name path host.hostname sysvsem",
    "jail -f jail.conf -r",
  ],
  [
    "Limits, host-wide and by rule.",
    "sysctl kern.ipc.semmni",
    "sysctl kern.ipc.semmni=128",
    "rctl -a jail:web:nsem:deny=5",
    "ipcmk -S 4 --in web",
    "rctl -u jail:web",
    "rctl -r jail:web:nsem",
  ],
  [
    "Modules, and processes.",
    "kldstat -n sysvsem",
    "kldunload sysvsem",
    "kill -TERM 101",
    "ps -J web -o pid,command",
    "ipcs --yard other",
  ],
];

async function typed(line: string): Promise<string> {
  const { status, out, err } = await place.run(...line.split(" "));
  return `$ jailyard ${line}\n${out}${err}${status === 0 ? "" : `[exit status ${status}]\n`}`;
}

test(
  "a session in two terminals",
  async () => {
    const yard = place.start("up", join(examples, "lab.yaml"));
    await yard.printed("up: `jailyard ipcs --yard lab`");
    await yard.printed("web[101] keeps key 5432001\n");
    await yard.printed("db[102] keeps key 5432001\n");
    copyFileSync(join(examples, "jail.conf"), place.file("jail.conf"));
    const parts: string[] = [];
    for (const [about, ...lines] of SESSION) {
      const texts: string[] = [];
      for (const line of lines) texts.push(await typed(line));
      parts.push(`${wrapped(about, "", 104)}\n\n\`\`\`\n${texts.join("")}\`\`\`\n`);
    }
    yard.interrupt();
    const { status, err } = await yard.ended;
    expect({ status, err }).toEqual({
      status: 130,
      err: "web[101] was ended by SIGTERM\n",
    });
    parts.push(`Once the yard has ended:\n\n\`\`\`\n${await typed("ipcs")}\`\`\`\n`);
    const head =
      "# Administration: a yard, and tools in another terminal\n\n" +
      "A test types this session and writes this page. The yard is `jailyard up docs/examples/lab.yaml`;\n" +
      "[docs/man](man) has a page for each tool.\n\n";
    await expect(head + parts.join("\n")).toMatchFileSnapshot("../../docs/administration.md");
  },
  SESSION_MS,
);

test("effective settings are printed; -o and --model win over the file", async () => {
  writeFileSync(
    place.file("two.yaml"),
    "model: flat\nmodules: [sysvsem]\nsettings: {kern.ipc.semmni: 9, kern.ipc.semmns: 90}\njails: {web: }\n",
  );
  const args = ["-o", "kern.ipc.semmni=7", "--model", "jail-keyed", "--yard", "two"];
  const yard = place.start("up", "two.yaml", ...args);
  await yard.printed("up: ");
  expect((await place.run("sysctl", "-n", "kern.ipc.semmni", "kern.ipc.semmns")).out).toBe(
    "7\n90\n",
  );
  yard.interrupt("SIGTERM");
  const { status, out } = await yard.ended;
  expect(status).toBe(143);
  expect(out).toMatch(/^yard two: model jail-keyed, late load freebsd, limits by host\n/);
  expect(out).toContain("modules: sysvsem\n");
  expect(out).toMatch(/kern\.ipc\.semmni=7 kern\.ipc\.semmns=90/);
  expect(out).toContain("jail 1 web: path=/ sysvsem=disable\n");
});

test("jail.conf: parameters of all jails, variables, programs", async () => {
  writeFileSync(
    place.file("jail.conf"),
    `# for all
path = "/jails/$name"; allow.sysvipc;
web { $n = 3; host.hostname = w\${n}.example; exec.start = "${examples}/keeper.ts 9"; }
/* the
   other */
db { allow.nosysvipc; sysvshm; } // new
`,
  );
  const yard = place.start("up", "jail.conf", "--yard", "conf");
  await yard.printed("web[101] keeps key 9\n");
  await yard.printed("up: ");
  expect((await place.run("jls", "-h", "name", "path", "host.hostname", "sysvshm")).out).toBe(
    'name path host.hostname sysvshm\nweb /jails/web w3.example inherit\ndb /jails/db "" new\n',
  );
  yard.interrupt();
  expect((await yard.ended).status).toBe(130);
});

test("what a rule of rctl logs is told where the yard runs", async () => {
  const yard = place.start("up", "--yard", "logs", "-o", "kern.racct.enable=1");
  await yard.printed("up: ");
  for (const line of [
    "jail -c name=web persist sysvsem=new",
    "rctl -a jail:web:nsem:log=3",
    "ipcmk -S 4 --in web",
  ]) {
    expect((await place.run(...line.split(" "))).status).toBe(0);
  }
  yard.interrupt();
  const { err } = await yard.ended;
  expect(err).toMatch(
    /^rctl: rule "jail:web:nsem:log=3" matched by pid \d+ \(ipcmk\), uid 0, jail web\n$/,
  );
});

test("one yard of a name; a panic ends it, and tools find none any more", async () => {
  const yard = place.start("up", "--yard", "one");
  await yard.printed("up: ");
  expect(await place.run("up", "--yard", "one")).toMatchObject({
    status: 2,
    err: "jailyard: a yard called one is running; choose another name with --yard\n",
  });
  expect((await place.run("sysctl", "debug.kdb.panic=1")).status).toBe(3);
  const { status, err } = await yard.ended;
  expect({ status, err }).toMatchObject({ status: 1 });
  expect(err).toMatch(/^jailyard: the kernel's thread died, and with it the yard: panic/);
  expect((await place.run("ipcs", "--yard", "one")).status).toBe(3);
});

test("of several yards one has to be chosen; one that was killed is none", async () => {
  const [a, b] = ["a", "b"].map((name) => place.start("up", "--yard", name));
  await Promise.all([a.printed("up: "), b.printed("up: ")]);
  expect(await place.run("ipcs")).toEqual({
    ...{ status: 3, out: "" },
    err: "jailyard: several yards are running: choose one with --yard a|b\n",
  });
  a.interrupt("SIGKILL");
  await a.ended;
  expect((await place.run("sysctl", "-n", "kern.ipc.semmni")).out).toBe("50\n");
  expect((await place.run("ipcs", "--yard", "a")).status).toBe(3);
  const again = place.start("up", "--yard", "a"); // over the socket that the dead one left
  await again.printed("up: ");
  for (const yard of [again, b]) yard.interrupt();
  await Promise.all([again.ended, b.ended]);
});
