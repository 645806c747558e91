/**
 * The servers of a plan under given settings, started one after the other in a yard, each in a jail
 * with name spaces of its own, until one does not start.
 */
import type { LimitName } from "@jailyard/abi/reason";
import type { Yard } from "@jailyard/host/yard";
import type { LogRecord } from "@jailyard/workload/postgres/records";
import type { InstanceConfig } from "@jailyard/workload/postgres/settings";
import { fatalLines, Instance } from "../scenario/instances.ts";
import { type Context, inYard, jailNames, makeJails, PRIVATE } from "../scenario/inyard.ts";
import { ADMINISTRATOR } from "../scenario/modules.ts";
import type { Break } from "./breaks.ts";
import type { ServerPlan } from "./demand.ts";
import type { Given } from "./given.ts";

/** What a server that does not start tells of it. */
export type Seen = Pick<Break, "limit" | "instance" | "code" | "key"> & {
  readonly call: string;
  /** Its own words. */
  readonly log: readonly string[];
};

/** Processes of a server that serves nobody are at most 11. */
const PROCESSES = 16;

/** Who does not start, and why; null: all did. @throws Error if a server fails by no call */
export function startServers(cx: Context, plan: ServerPlan, given: Given): Promise<Seen | null> {
  const names = jailNames(plan.instances);
  const rules = names.flatMap((name) =>
    Object.entries(given.rules).map(([resource, n]) => `jail:${name}:${resource}:deny=${n}`),
  );
  const config = {
    model: "jail-keyed",
    limits: given.boot,
    racct: rules.length > 0,
    maxproc: 64 + plan.instances * PROCESSES,
  } as const;
  return inYard(cx, config, async (yard) => {
    await order(yard, given, rules);
    for (const [i, name] of names.entries()) {
      const [jail] = await makeJails(yard, [name], PRIVATE);
      const instance = await Instance.start(jail, configOf(plan));
      if (!(await instance.started)) return seenOf(instance, i + 1);
    }
    return null;
  });
}

async function order(yard: Yard, { run: sysctls }: Given, rules: string[]): Promise<void> {
  if (Object.keys(sysctls).length + rules.length === 0) return;
  const host = await yard.host;
  const administrator = await host.spawn({ module: ADMINISTRATOR, arg: { sysctls, rules } });
  const { error } = await administrator.exited;
  if (error !== null) throw error;
}

const configOf = ({ instances: _, ...config }: ServerPlan): InstanceConfig => ({
  ...config,
  backends: 0,
  startOnly: true,
});

async function seenOf({ log, ended }: Instance, instance: number): Promise<Seen> {
  const { error } = await ended;
  if (error !== null) throw error;
  const lines = fatalLines(log);
  const refused = lines[0]?.refused;
  if (refused === undefined)
    throw new Error(`a server ended without a failed call: ${textOf(lines)}`);
  const { syscall: call, code, reason } = refused;
  const limit = reason.replace(/^[^,]*, /, "") as LimitName;
  return { limit, instance, call, code, key: keyOf(lines), log: lines.map(lineOf) };
}

/** `Failed system call was semget(5432003, 17, 03600).` */
function keyOf(lines: readonly LogRecord[]): number | null {
  const found = /\w+get\((?:key=)?(\d+)/.exec(lines[1]?.text ?? "");
  return found === null ? null : Number(found[1]);
}

const lineOf = ({ level, text }: LogRecord): string => `${level}:  ${text}`;
const textOf = (lines: readonly LogRecord[]): string => lines.map(lineOf).join("; ");

/** Do prediction and run say the same? */
export function agrees(predicted: Break | null, seen: Seen | null): boolean {
  if (predicted === null || seen === null) return predicted === seen;
  return (["limit", "instance", "call", "code", "key"] as const).every(
    (field) => predicted[field] === seen[field],
  );
}
