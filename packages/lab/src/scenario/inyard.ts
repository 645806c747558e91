/** A yard for the length of one piece of work; whatever happens, nothing of it is left. */

import type { Jail } from "@jailyard/host/jail";
import type { LogLevel } from "@jailyard/host/log";
import { boot, type Yard, type YardConfig } from "@jailyard/host/yard";
import type { Model } from "@jailyard/kernel/model";
import type { Recorder } from "../trace/recorder.ts";
import type { Manner } from "./manner.ts";

/** What a scenario needs of whoever runs it. */
export interface Context {
  readonly log: LogLevel;
  /** Where calls run, who is woken, what a lock covers; the yard's own if absent. */
  readonly manner?: Partial<Manner>;
  /** Stop, clean up, and throw Interrupted. */
  readonly signal?: AbortSignal;
  /** A yard is up; null: it goes down. */
  readonly onYard?: (yard: Yard | null) => void;
  /** Takes down every wait of the yard. */
  readonly recorder?: Recorder;
}

/** The signal of the context was raised. */
export class Interrupted extends Error {
  override readonly name = "Interrupted";
}

/** @throws what `work` throws, or Interrupted; YardError if there can be no such yard, or it dies */
export async function inYard<T>(
  cx: Context,
  config: YardConfig,
  work: (yard: Yard) => Promise<T>,
): Promise<T> {
  if (cx.signal?.aborted) throw new Interrupted();
  const trace = cx.recorder && { trace: cx.recorder.records };
  const yard = await boot({ ...cx.manner, ...config, ...trace, log: cx.log });
  const { promise: interrupted, reject } = Promise.withResolvers<never>();
  const interrupt = (): void => reject(new Interrupted());
  cx.signal?.addEventListener("abort", interrupt);
  try {
    if (cx.signal?.aborted) throw new Interrupted();
    cx.onYard?.(yard);
    cx.recorder?.follow(yard);
    const done = work(yard);
    done.catch(() => {}); // it fails late, once the yard goes down under it
    return await Promise.race([done, interrupted, yard.failed]);
  } finally {
    cx.signal?.removeEventListener("abort", interrupt);
    cx.onYard?.(null);
    await cx.recorder?.leave();
    await yard.shutdown();
  }
}

/** Values of the jail parameters sysvmsg, sysvsem and sysvshm. */
export const PRIVATE = { sysvmsg: "new", sysvsem: "new", sysvshm: "new" } as const;

/** A root of its own for each jail, as in jail.conf(5). */
const OWN_PATH = { path: "/jails/$name" } as const;

/** Name spaces of its own: by parameters, by a path whose broker is its own, or by nothing at all. */
export function privateParams({ jailsys, name }: Model): Record<string, string> {
  if (jailsys !== null) return PRIVATE;
  return name === "broker" ? OWN_PATH : {};
}

/** The jails, one after the other; `$name` in a value is the jail's name. */
export async function makeJails(
  yard: Yard,
  names: readonly string[],
  params: Readonly<Record<string, string | boolean>>,
): Promise<Jail[]> {
  const jails: Jail[] = [];
  for (const name of names) jails.push(await yard.jail({ name, ...expanded(params, name) }));
  return jails;
}

const expanded = (params: Readonly<Record<string, string | boolean>>, name: string) =>
  Object.fromEntries(
    Object.entries(params).map(([param, value]) => [
      param,
      typeof value === "string" ? value.replaceAll("$name", name) : value,
    ]),
  );

export const jailNames = (count: number): string[] =>
  Array.from({ length: count }, (_, i) => `jail${i + 1}`);
