/** `jailyard compare-models` with a scenario of a user's own. */
import { writeFileSync } from "node:fs";
import type { Comparison } from "@jailyard/lab/models/compare";
import { afterAll, expect, test } from "vitest";
import { Place, runHere } from "../support/cli.ts";

const SCENARIO = `
import { IPC_CREAT, SETVAL, scenario } from "jailyard";
export default scenario({
  question: "Who meets whom?",
  jails: { web: {}, db: { sysv: "inherit" } },
  limits: { "kern.ipc.semmni": 1 },
  async run({ host, web, db }) {
    const set = await web.semget(77, 1, IPC_CREAT | 0o600);
    const other = await db.semget(77, 1, IPC_CREAT | 0o600);
    if (!other.ok) await db.getpid();
    await web.semop(set, [[0, -1]]);
    await host.semctl(set, 0, SETVAL, 1);
  },
});
`;

const place = new Place();
afterAll(() => place.remove());

const file = place.file("mine.ts");
writeFileSync(file, SCENARIO);
const compare = (...args: string[]) =>
  runHere(place, ["compare-models", file, "--models", "jail-keyed,flat", ...args]);

test("--json has every step of every model, what was seen, limits, cost", async () => {
  const { status, out, err } = await compare("--json", "--measure", "0.3", "--limits", "own");
  expect({ status, err }).toEqual({ status: 0, err: "" });
  const { steps, limits, seen, runs, models } = JSON.parse(out) as Comparison;
  expect(models).toEqual(["jail-keyed", "flat"]);
  expect(steps.map(({ who, what, outcomes }) => [who, what, ...outcomes])).toEqual([
    ["web", "semget(77, 1, IPC_CREAT|0600)", "#1", "#1"],
    ["db", "semget(77, 1, IPC_CREAT|0600)", "ENOSPC", "#1"],
    ["db", "getpid()", "OK", null], // flat did not come to that
    ["web", "semop(id of 1, 0:-1)", "sleeps, OK after 5", "sleeps, OK after 4"],
    ["host", "semctl(id of 1, 0, SETVAL, 1)", "OK", "OK"],
  ]);
  expect(limits).toMatchObject([
    { what: "kern.ipc.semmni", who: "db", outcomes: ["1 time", null] },
  ]);
  expect(seen.map(({ who, outcomes }) => [who, ...outcomes])).toEqual([
    ["host", "#1 (no key)", "#1"],
    ["web", "#1", "#1"],
    ["db", "#1 (no key)", "#1"], // it has the host's view: the set is below it
    ["host, ipcs -Z", "#1", "#1"],
  ]);
  for (const { load, calls, steps: own } of runs) {
    expect(load!.throughput[0]).toBeGreaterThan(0);
    expect(calls).toBeGreaterThan(0);
    expect(own[0].micros).toBeGreaterThan(0);
  }
});

test("--fail-on-difference; a scenario that throws; a model alone differs from nothing", async () => {
  expect((await compare("--measure", "0", "--fail-on-difference")).status).toBe(8);
  const broken = place.file("broken.ts");
  writeFileSync(broken, SCENARIO.replace("if (!other.ok)", "throw new Error('no');"));
  const args = [broken, "--models", "flat", "--measure", "0"];
  const { status, err } = await runHere(place, ["compare-models", ...args]);
  expect({ status, err }).toEqual({
    status: 1,
    err: `jailyard: ${broken} under model flat: no\n`,
  });
  const alone = await runHere(place, [
    ...["compare-models", file, "--models", "flat", "--measure", "0", "--fail-on-difference"],
  ]);
  expect(alone.status).toBe(0);
  expect(alone.out).not.toContain("What differs");
});
