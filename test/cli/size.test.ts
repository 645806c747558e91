/**
 * `jailyard size` and `jailyard lint` as they are typed: docs/sizing.md, which `vitest run -u` writes
 * anew; and their exit statuses and JSON.
 */
import { writeFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Place, runHere } from "../support/cli.ts";

const place = new Place();
afterAll(() => place.remove());

const FILES: Readonly<Record<string, string>> = {
  "loader.conf": "kern.ipc.semmns=680\n",
  "sysctl.conf": "kern.ipc.semmni=60\nkern.ipc.shmall=65536\n",
  "jail.conf": `persist;
web {
  sysvsem = new;
  sysvshm = new;
  allow.sysvipc;
}
db {
  allow.sysvipc;
  exec.start = "postgres max_connections=800";
}
`,
};

beforeAll(() => {
  for (const [name, text] of Object.entries(FILES)) writeFileSync(place.file(name), text);
});

const SIZE = "size --instances 3 --max-connections 200";
const SESSION: readonly (readonly [about: string, ...lines: string[]])[] = [
  [
    "How large have the limits to be? `size` computes what a server of each version asks of System V\n" +
      "IPC, and prints the least settings with which all servers start, ready for the files they belong\n" +
      "in. Limits whose default is enough get no line, unless `--all` asks for it.",
    SIZE,
  ],
  [
    "Do given settings suffice? Which limit breaks first, at which server and which call? `--verify` asks\n" +
      "a yard: it starts exactly these servers under exactly these settings. `sysctl.conf` sets some\n" +
      "that are read-only once the kernel runs.",
    `${SIZE} --given loader.conf --given sysctl.conf --verify`,
    `${SIZE} --given kern.ipc.semmns=714 --verify`,
  ],
  [
    "Up to 9.2 all of a server's shared memory is one System V segment. Rules of rctl(8) bound a jail.",
    "size --instances 2 --postgres 9.2 --shared-buffers 16MB --rctl",
    "size --instances 2 --postgres 9.2 --shared-buffers 16MB --given nsem=100 --verify",
  ],
  [
    "What do files say that they do not do? `lint` takes them as those of one host, and a program called\n" +
      "`postgres` is counted as above. Here `loader.conf` and `sysctl.conf` are those of before, and\n" +
      `jail.conf is\n\n\`\`\`\n${FILES["jail.conf"]}\`\`\``,
    "lint jail.conf loader.conf sysctl.conf",
  ],
];

const HEAD = `# Sizing: how large the limits have to be, and what files do not do

A test types this session and writes this page. PostgreSQL from 10 on uses System V semaphores on
FreeBSD only where it was built to. \`jailyard size --help\` and \`jailyard lint --help\` have all options,
rules and exit statuses.
`;

const here = (line: string) => runHere(place, line.split(" "));

/** Where files are named, in a process whose folder is theirs. */
async function typed(line: string): Promise<string> {
  const ran = line.includes(".conf") ? place.run(...line.split(" ")) : here(line);
  const { status, out, err } = await ran;
  return `$ jailyard ${line}\n${out}${err}${status === 0 ? "" : `[exit status ${status}]\n`}`;
}

test("the page on sizing", async () => {
  const parts = [HEAD];
  for (const [about, ...lines] of SESSION) {
    const texts: string[] = [];
    for (const line of lines) texts.push(await typed(line));
    parts.push(`${about}\n\n\`\`\`\n${texts.join("\n")}\`\`\`\n`);
  }
  await expect(parts.join("\n")).toMatchFileSnapshot("../../docs/sizing.md");
});

test("size --json: what suffices has status 0, what does not 1", async () => {
  const least = await here("size --instances 3 --json --rctl");
  expect(least.status).toBe(0);
  expect(JSON.parse(least.out)).toMatchObject({
    plan: { version: "9.6", instances: 3, maxConnections: 100 },
    demand: { semaphores: 116, sets: 8, nsems: 17 },
    breaks: { limit: "kern.ipc.semmns", instance: 3, set: 5, key: 5432005, code: "ENOSPC" },
    lines: { "/boot/loader.conf": ["kern.racct.enable=1", "kern.ipc.semmns=408"] },
  });
  const given = await here("size --instances 3 --given kern.ipc.semmns=408 --json --verify");
  expect(given.status).toBe(0);
  expect(JSON.parse(given.out)).toMatchObject({
    breaks: null,
    why: null,
    verified: { seen: null, agrees: true },
  });
  const short = await here("size --instances 3 --given kern.ipc.semmns=407 --json");
  expect(short.status).toBe(1);
  expect(JSON.parse(short.out).why).toMatch(/^server 3 \(jail3\) fails at set 8 of 8: semget/);
});

test("size: what no kernel can have is said, with status 1", async () => {
  const { status, out } = await here("size --instances 9999");
  expect(status).toBe(1);
  expect(out).toContain("No kernel takes kern.ipc.semmni=79992: put fewer servers on one host.");
});

test("lint: 0 for nothing, 1 for findings, which --json lists", async () => {
  writeFileSync(place.file("good.conf"), "web { sysvsem = new; }\n");
  expect(await here(`lint ${place.file("good.conf")}`)).toEqual({
    status: 0,
    out: "Nothing found in 1 file.\n",
    err: "",
  });
  const { status, out } = await here(`lint ${place.file("sysctl.conf")} --json`);
  expect(status).toBe(1);
  expect(JSON.parse(out)).toMatchObject([
    { file: expect.stringMatching(/sysctl\.conf$/), line: 1, rule: "boot-only", severity: "error" },
  ]);
});
