/** Programs in jails of a yard as contenders: started once, told of every round. */
import { once } from "node:events";
import type { Jail } from "@jailyard/host/jail";
import type { ProcessHandle } from "@jailyard/host/processhandle";
import type { Yard } from "@jailyard/host/yard";
import type { BenchContext } from "./bench.ts";
import type { MakerArg } from "./programs/maker.ts";
import { goOn } from "./race.ts";
import { firstValues, type Judge, Rounds } from "./rounds.ts";

export type ProgramName =
  | "awaited"
  | "blocking"
  | "caller"
  | "contender"
  | "echo"
  | "echoawaited"
  | "gate"
  | "maker"
  | "nothing"
  | "sleeper";

export const fileOf = (name: ProgramName): URL => new URL(`./programs/${name}.ts`, import.meta.url);

/** One process: where it runs, which program, and what the program is told beside its rounds. */
export interface Part {
  readonly jail: Jail;
  readonly program: ProgramName;
  readonly arg: object;
}

/** Start processes that end with `stack`. */
export async function startPlayers(
  stack: AsyncDisposableStack,
  parts: readonly Part[],
  judge: Judge = firstValues(1),
): Promise<Rounds> {
  const rounds = new Rounds(parts.length, judge);
  const processes: ProcessHandle[] = [];
  stack.defer(async () => {
    rounds.over();
    await Promise.all(processes.map(({ exited }) => exited));
  });
  for (const [player, { jail, program, arg }] of parts.entries()) {
    const told = { ...arg, rounds: rounds.memory, player };
    processes.push(await jail.spawn({ module: fileOf(program), arg: told }));
  }
  rounds.watch(processes.map(endedEarly));
  return rounds;
}

async function endedEarly(process: ProcessHandle): Promise<never> {
  const { error, signal } = await process.exited;
  throw error ?? new Error(`process ${process.pid} ended in a round, by signal ${signal}`);
}

/** Memory that a bench leaves to others, in bytes. */
const RESERVE = 2 * 2 ** 30;

/**
 * Make private jails, `jail1` and so on, until there are `count`.
 * @returns false, with a note for `ids`, if the machine has not the memory for them
 */
export async function growTo(
  cx: BenchContext,
  yard: Yard,
  count: number,
  ids: string,
): Promise<boolean> {
  for (let j = yard.jails.size + 1; j <= count; j++) {
    goOn(cx.plan);
    cx.say(`${j} jails`);
    if (process.availableMemory() < RESERVE) {
      cx.note(`${ids}: left out, for memory runs short at ${j - 1} of ${count} jails.`);
      return false;
    }
    await privateJail(yard, `jail${j}`);
  }
  return true;
}

/** Semaphore sets of the host, which jails that share its name space use by id. */
export async function makeSets(
  yard: Yard,
  sets: number,
  values: readonly number[],
): Promise<readonly number[]> {
  const host = await yard.host;
  const arg: MakerArg = { sets, values };
  const maker = await host.spawn({ module: fileOf("maker"), arg });
  const [ids] = await once(maker, "record");
  await maker.exited;
  return ids as readonly number[];
}

/** A jail that sees the sets, segments and queues of the host, by id: keys are a jail's own. */
export const sharingJail = (yard: Yard, name: string): Promise<Jail> =>
  yard.jail({ name, sysvsem: "inherit", sysvshm: "inherit", sysvmsg: "inherit" });

/** A jail with name spaces of its own. */
export const privateJail = (yard: Yard, name: string): Promise<Jail> =>
  yard.jail({ name, sysvsem: "new", sysvshm: "new", sysvmsg: "new" });
