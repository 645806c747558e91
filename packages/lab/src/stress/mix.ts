/** Who does what: processes dealt to workloads by weight, and limits large enough for all. */
import { LIMITS, type LimitSettings } from "@jailyard/abi/limits";
import { SettingsError, type StressSettings } from "./settings.ts";
import { WORKLOADS } from "./workloads.ts";

/** Processes of a jail thread: those that work, a main process each workload, and a reserve. */
const RESERVE = 8;

/**
 * Processes of each workload in every jail: what is needed at least, the rest by largest remainder.
 * @throws SettingsError if there are too few
 */
export function dealt({ workloads, procs }: StressSettings): Map<string, number> {
  const names = Object.keys(workloads);
  const total = names.reduce((sum, name) => sum + workloads[name], 0);
  const share = (name: string): number => (procs * workloads[name]) / total;
  const least = (name: string): number => WORKLOADS.get(name)!.leastProcs;
  const needed = names.reduce((sum, name) => sum + least(name), 0);
  if (needed > procs) {
    throw new SettingsError(`procs: ${names.join(", ")} need ${needed} in each jail at least`);
  }
  const deal = new Map(names.map((name) => [name, Math.max(least(name), Math.floor(share(name)))]));
  const given = (): number => [...deal.values()].reduce((sum, n) => sum + n, 0);
  const lacks = (name: string): number => share(name) - deal.get(name)!;
  const add = (name: string, n: number): void => void deal.set(name, deal.get(name)! + n);
  while (given() < procs)
    add(
      names.reduce((a, b) => (lacks(b) > lacks(a) ? b : a)),
      1,
    );
  while (given() > procs) {
    const spare = names.filter((name) => deal.get(name)! > least(name));
    add(
      spare.reduce((a, b) => (lacks(b) < lacks(a) ? b : a)),
      -1,
    );
  }
  return deal;
}

/** Slots of a jail's thread: a power of two. */
export function slotsFor({ procs, workloads }: StressSettings): number {
  const processes = procs + Object.keys(workloads).length + RESERVE;
  const servers = "postgres" in workloads ? 64 : 0; // with its auxiliary processes
  return 2 ** Math.ceil(Math.log2(Math.max(64, processes + servers)));
}

/** What all jails need together, where that is more than the default; what the user set stays. */
export function limitsFor(settings: StressSettings): LimitSettings {
  const { jails, options, limits } = settings;
  const needed: Record<string, number> = {};
  for (const [name, procs] of dealt(settings)) {
    const needs = WORKLOADS.get(name)!.needs(procs, options[name]);
    for (const [limit, count] of Object.entries(needs)) {
      const full = `kern.ipc.${limit}`;
      needed[full] = (needed[full] ?? 0) + count * jails;
    }
  }
  const raised: Record<string, number> = {};
  for (const { name, default: usual, max } of LIMITS) {
    if ((needed[name] ?? 0) > usual) raised[name] = Math.min(needed[name], max);
  }
  return { ...raised, ...limits };
}

/** Processes of the yard, beside those of postgres. */
export const maxprocFor = ({ jails, procs, workloads }: StressSettings): number =>
  1000 + jails * (procs + Object.keys(workloads).length * 32);
