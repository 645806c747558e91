/**
 * What a call costs as jails, sleepers and objects grow tenfold, a hundredfold, a thousandfold:
 * beside the same call in a yard with one jail, in a process of its own, at the same time.
 */
import type { Jail } from "@jailyard/host/jail";
import type { Yard } from "@jailyard/host/yard";
import { type Bench, type BenchContext, benchYard, raceFor, sized, type Variant } from "./bench.ts";
import { LineProgram } from "./native.ts";
import { fileOf, growTo, privateJail, startPlayers } from "./players.ts";
import type { SleeperArg } from "./programs/sleeper.ts";
import { type Contender, race } from "./race.ts";
import { type Result, result } from "./result.ts";

const SIZES = [10, 100, 1000];
const KEYS = [1, 10, 100, 1000, 10_000];
/** Only here: a slot of the gate has room for the largest vector that the limits let through. */
const LIMITS = { "kern.ipc.semmni": 10_000, "kern.ipc.semmns": 10_000 };
/** What callsIn() gives, by the name of its ids. */
const CALLS = ["call", "gate_call"];

/** A semop, and a call that always goes through the gate, by processes that own their threads. */
export async function callsIn(stack: AsyncDisposableStack, jail: Jail): Promise<Contender> {
  const one = (work: string): Promise<Contender> =>
    startPlayers(stack, [{ jail, program: "blocking", arg: { work } }]);
  const [semop, getpid] = [await one("semop"), await one("getpid")];
  return {
    round: async (ms) => [...(await semop.round(ms / 2)), ...(await getpid.round(ms / 2))],
  };
}

function startOneJail(stack: AsyncDisposableStack, variant: Variant): LineProgram {
  const file = `${import.meta.dirname}/onejail.ts`;
  const program = new LineProgram(process.execPath, [file, JSON.stringify(variant)]);
  stack.defer(() => program.close());
  return program;
}

/** A ratio is measured round by round; its limit is a call that costs the same. */
async function ratios(
  cx: BenchContext,
  calls: Contender,
  one: Contender,
  suffix: string,
): Promise<Result[]> {
  const measured = await raceFor(cx, { ours: calls, limit: one });
  return measured.map(({ ours = [], limit = [] }, m) => {
    const samples = ours.map((nanos, r) => nanos / limit[r]);
    return result(`${CALLS[m]}_at_${suffix}`, "ratio", samples, { limit: [1] });
  });
}

async function atJails(cx: BenchContext): Promise<Result[]> {
  await using stack = new AsyncDisposableStack();
  const yard = await benchYard(stack, cx.variant);
  await growTo(cx, yard, 1, "");
  const calls = await callsIn(stack, yard.jails.get("jail1")!);
  const one = startOneJail(stack, cx.variant);
  const results: Result[] = [];
  for (const size of SIZES) {
    const ids = CALLS.map((call) => `${call}_at_${size}_jails`).join(", ");
    if (!(await growTo(cx, yard, sized(cx, size), ids))) break;
    results.push(...(await ratios(cx, calls, one, `${size}_jails`)));
  }
  return results;
}

/** Wait until `count` more processes of `jail` sleep. */
async function fallAsleep(yard: Yard, jail: Jail, sleepers: number): Promise<void> {
  const sleeps = async (): Promise<number> =>
    (await yard.stats()).jails.find(({ jid }) => jid === jail.jid)?.sleeps ?? 0;
  const arg: SleeperArg = { sleepers };
  const before = await sleeps();
  await jail.spawn({ module: fileOf("sleeper"), arg });
  while ((await sleeps()) < before + sleepers) await new Promise((r) => setTimeout(r, 5));
}

async function atSleepers(cx: BenchContext): Promise<Result[]> {
  await using stack = new AsyncDisposableStack();
  const yard = await benchYard(stack, cx.variant, { slots: 2048 });
  const calls = await callsIn(stack, await privateJail(yard, "jail1"));
  const sleeping = await privateJail(yard, "sleeping");
  const one = startOneJail(stack, cx.variant);
  const results: Result[] = [];
  let asleep = 0;
  for (const size of SIZES) {
    const wanted = sized(cx, size);
    if (wanted > asleep) await fallAsleep(yard, sleeping, wanted - asleep);
    asleep = wanted;
    results.push(...(await ratios(cx, calls, one, `${size}_sleepers`)));
  }
  return results;
}

/** A yard for each number of objects; the smallest is what the others are compared with. */
async function keyLookup(cx: BenchContext): Promise<Result[]> {
  await using stack = new AsyncDisposableStack();
  const contenders: Record<string, Contender> = {};
  for (const keys of KEYS) {
    cx.say(`${keys} sets`);
    const jail = await privateJail(await benchYard(stack, cx.variant, { limits: LIMITS }), "jail1");
    const arg = { work: "lookup", keys: sized(cx, keys) };
    contenders[keys] = await startPlayers(stack, [{ jail, program: "blocking", arg }]);
  }
  const raced = await race(cx.plan, contenders);
  const [limit] = raced[KEYS[0]];
  return KEYS.map((keys) => result(`key_lookup_${keys}`, "ns", raced[keys][0], { limit }));
}

const idsAt = (what: string): string[] =>
  SIZES.flatMap((size) => CALLS.map((call) => `${call}_at_${size}_${what}`));

export const SCALING_BENCHES: readonly Bench[] = [
  { ids: idsAt("jails"), run: atJails },
  { ids: idsAt("sleepers"), run: atSleepers },
  { ids: KEYS.map((keys) => `key_lookup_${keys}`), run: keyLookup },
];
