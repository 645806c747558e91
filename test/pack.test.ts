/** What is published: packed as for the registry, installed in an empty folder, run there. */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";

const root = join(import.meta.dirname, "..");
const run = promisify(execFile);
const MINUTES = 60_000;

const PROGRAM = `
import { IPC_CREAT, IPC_RMID, program } from "jailyard";
export default program("hello", async (p) => {
  const id = await p.semget(0x70d1, 1, IPC_CREAT | 0o600);
  await p.semop(id, [[0, 1]]);
  p.print("one semaphore");
  await p.semctl(id, 0, IPC_RMID);
  return 3;
});
`;

const SCRIPT = `
import { boot } from "jailyard";
const yard = await boot();
const jail = await yard.jail({ name: "alpha", sysvsem: "new" });
const hello = await jail.spawn({ module: new URL("./hello.mjs", import.meta.url) });
hello.on("line", (line) => console.log(line));
console.log("status", (await hello.exited).status);
await yard.shutdown();
`;

const CONSUMER = `
import { boot, program, SysError, type Yard } from "jailyard";
export const yard: Promise<Yard> = boot({ model: "flat" });
export default program("typed", async (p) => {
  const id: number = await p.semget(0x70d1, 1, 0o600);
  await p.semop(id, [[0, 1]]);
});
export const again = (error: unknown) => error instanceof SysError && error.code === "EAGAIN";
`;

let folder: string;
/** Run a command in the folder that has nothing but the installed packages. */
const inFolder = (file: string, ...args: string[]) =>
  run(file, args, { cwd: folder }).catch(({ message, stdout, stderr }) => {
    throw new Error(`${message}\n${stdout}${stderr}`);
  });
const jailyard = (...args: string[]) =>
  inFolder(process.execPath, join(folder, "node_modules/jailyard/dist/jailyard.js"), ...args);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "jailyard-pack-"));
  const tarballs = join(folder, "tarballs");
  await mkdir(tarballs);
  await run(process.execPath, ["packages/build.ts"], { cwd: root });
  const pnpm = ["-y", "pnpm@12", "-r", "--filter", "./packages/*", "pack"];
  await run("npx", [...pnpm, "--pack-destination", tarballs], { cwd: root });
  await writeFile(join(folder, "package.json"), '{ "private": true, "type": "module" }');
  const files = (await readdir(tarballs)).map((name) => `./tarballs/${name}`);
  await inFolder("npm", "install", "--no-audit", "--no-fund", ...files);
}, 5 * MINUTES);

afterAll(() => rm(folder, { recursive: true, force: true }));

test("the packages hold what was compiled and no sources", async () => {
  const installed = (name: string) => readdir(join(folder, "node_modules", name));
  expect(await installed("jailyard")).toEqual(expect.arrayContaining(["dist", "LICENSE"]));
  expect(await installed("@jailyard/kernel")).not.toContain("src");
  expect(await installed("@jailyard/workload/data/traces")).toContain("traces.json");
});

test("jailyard --version and --help", async () => {
  const manifest = JSON.parse(await readFile(join(root, "packages/cli/package.json"), "utf8"));
  expect((await jailyard("--version")).stdout).toBe(`${manifest.version}\n`);
  expect((await jailyard("--help")).stdout).toMatch(/^Usage: jailyard /);
  expect((await inFolder("npx", "--no-install", "jailyard", "--version")).stdout).toMatch(/^\d/);
});

test("a script boots a yard, and a program runs in a jail of it", async () => {
  await writeFile(join(folder, "hello.mjs"), PROGRAM);
  await writeFile(join(folder, "main.mjs"), SCRIPT);
  const { stdout, stderr } = await inFolder(process.execPath, "main.mjs");
  expect({ stdout, stderr }).toEqual({ stdout: "one semaphore\nstatus 3\n", stderr: "" });
});

test("a scenario of one's own under two models", async () => {
  const scenario = `
    import { scenario } from "jailyard";
    const run = ({ web }) => web.semget(77, 1, 0o1600);
    export default scenario({ question: "?", jails: { web: {} }, run });`;
  await writeFile(join(folder, "mine.mjs"), scenario);
  const how = ["--models", "flat,broker", "--measure", "0"];
  const { stdout } = await jailyard("compare-models", join(folder, "mine.mjs"), ...how);
  expect(stdout).toMatch(/web {2}semget\(77, 1, IPC_CREAT\|0600\) {2}#1 {4}#1/);
});

test("a stress run with its report", async () => {
  const mix = ["--workload", "sem,msg", "--seconds", "0.3", "--report", join(folder, "r.html")];
  const { stdout } = await jailyard("stress", ...mix);
  expect(stdout).toMatch(/All checks held/);
  const report = await readFile(join(folder, "r.html"), "utf8");
  expect(report).toContain("function drawChart(");
});

test("the declarations serve a TypeScript user", async () => {
  await writeFile(join(folder, "typed.ts"), CONSUMER);
  const types = ["--typeRoots", join(root, "node_modules/@types"), "--types", "node"];
  const options = ["--noEmit", "--strict", "--module", "nodenext", "--skipLibCheck", ...types];
  await inFolder(join(root, "node_modules/.bin/tsc"), ...options, "typed.ts");
});
