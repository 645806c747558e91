/** What a run came to, in sentences: for the terminal, and for the top of the report. */

import { lockText } from "@jailyard/abi/contention";
import { type Manner, USUAL } from "../scenario/manner.ts";
import { figureOf, histogramOf } from "./figures.ts";
import { figureText, timeText } from "./figuretext.ts";
import { quantileMs } from "./histogram.ts";
import type { Gauge, Repetition, RunFile, WorkloadResult } from "./runfile.ts";
import { serverSentences } from "./serverfigures.ts";
import type { StressSettings } from "./settings.ts";
import { WORKLOADS } from "./workloads.ts";

const plural = (n: number, noun: string): string =>
  `${n.toLocaleString("en-US")} ${noun}${n === 1 ? "" : "s"}`;

/** Use of a limit from which on it is spoken of. */
const NEARLY_FULL = 0.9;
/** Jails that are served so unevenly are spoken of. */
const UNFAIR = 2;

export function sentencesOf(run: RunFile): string[] {
  return [
    headline(run),
    ...failures(run.verdict.reasons),
    ...(run.partial === null ? [] : [`The result is partial: ${run.partial}.`]),
    waiting(run),
    ...servers(run.repetitions),
    ...contention(run),
    ...deadlocks(run),
    ...collisions(run),
    schedule(run),
    ...refusals(run),
    ...fullLimits(run.repetitions),
    ...unfairness(run.repetitions),
    native(run),
  ].filter((sentence) => sentence !== null);
}

/** Of what many jails have in common the first is told, and how many there are. */
function failures(reasons: readonly string[]): string[] {
  const kinds = Map.groupBy(reasons, (reason) => reason.replace(/\bjail\d+\b/g, "jail"));
  return [...kinds.values()].map(([first, ...others]) =>
    others.length === 0
      ? `It failed: ${first}.`
      : `It failed: ${first}; so did ${others.length.toLocaleString("en-US")} others.`,
  );
}

function headline({ settings, repetitions }: RunFile): string {
  const { jails, procs } = settings;
  const seconds = Math.max(...repetitions.flatMap((one) => one.workloads.map((w) => w.seconds)));
  const names = Object.keys(settings.workloads).join(", ");
  const throughput = figureOf(repetitions, { name: "throughput", workload: null });
  const latency = histogramOf(repetitions, "latency", null);
  const times =
    latency === null
      ? ""
      : `; half of them took up to ${timeText(quantileMs(latency, 50))}, 99 % up to ${timeText(quantileMs(latency, 99))}`;
  const again = repetitions.length > 1 ? `, ${repetitions.length} times` : "";
  return (
    `${plural(jails, "jail")} with ${plural(procs, "process").replace("processs", "processes")} each ` +
    `(${names}; ${mannerText(settings)}) did ${figureText(throughput)} operations a second ` +
    `for ${figureText(seconds)} s${again}${times}.`
  );
}

/** The model, and what is not as usual. */
function mannerText(settings: StressSettings): string {
  const names = Object.keys(USUAL) as (keyof Manner)[];
  const other = names.filter((name) => settings[name] !== USUAL[name]);
  return [`model ${settings.model}`, ...other.map((name) => `${name} ${settings[name]}`)].join(
    ", ",
  );
}

function waiting({ repetitions }: RunFile): string | null {
  const wait = histogramOf(repetitions, "wait", null);
  if (wait === null) return null;
  const [p50, p99, max] = [50, 99, 100].map((q) => timeText(quantileMs(wait, q)));
  return `Calls that may have to wait took ${p50} at the median, ${p99} at p99, and ${max} at most.`;
}

/** Of the last repetition: sums over several say no more. */
const servers = (repetitions: readonly Repetition[]): string[] =>
  (repetitions.at(-1)?.workloads ?? []).flatMap(({ server }) =>
    server === undefined ? [] : serverSentences(server),
  );

/** Pairs of jails that are spoken of, and the least share of all waits that a pair has to have. */
const PAIRS = { most: 3, least: 0.01 } as const;

/** The host's jail is called 0, which reads like a number. */
const jailText = (jail: string): string => (jail === "0" ? "the host" : jail);

/** Who made whom wait, and for how much nobody is to blame. */
function contention({ interference }: RunFile): string[] {
  if (interference === undefined) return [];
  const { nanos, nobody, pairs } = interference;
  const sum = (all: readonly number[]): number => all.reduce((a, b) => a + b, 0);
  const [known, unknown] = [sum(nanos.map(sum)), sum(nobody)];
  const all = known + unknown;
  if (all === 0) return [];
  const own = sum(nanos.map((row, ix) => row[ix]));
  const share = (part: number): string => `${figureText((100 * part) / all)} %`;
  const told = pairs
    .filter(({ from, to, nanos: n }) => from !== null && from !== to && n >= all * PAIRS.least)
    .slice(0, PAIRS.most)
    .map(({ from, to, nanos: n, ...lock }) => {
      const who = to === null ? "the kernel" : jailText(to);
      const where =
        lock.kind === "gate"
          ? "at the gate, where the kernel was busy with its calls"
          : `on ${lockText(lock)}`;
      return `${jailText(from!)} made ${who} wait ${timeText(n / 1e6)} ${where}.`;
    });
  const parts = [
    `${share(own)} because of their own jail`,
    `${share(known - own)} because of another`,
    `${share(unknown)} because of nobody who is known`,
  ];
  const first = `Processes waited ${timeText(all / 1e6)} for locks, all added up: ${parts.join(", ")}.`;
  return [first, ...told];
}

/** The first of them in words: the others are like it. */
function collisions({ repetitions }: RunFile): string[] {
  const all = repetitions.flatMap(({ events }) => events.filter((e) => e.what === "collision"));
  const jails = [...new Set(all.map(({ jail }) => jail))];
  if (jails.length === 0) return [];
  const others =
    jails.length > 1 ? `, and the like in ${plural(jails.length - 1, "other jail")}` : "";
  return [`Collision in ${jails[0]}: ${all[0].text}${others}.`];
}

const DEADLOCKS = 3;

function deadlocks({ repetitions }: RunFile): string[] {
  const all = repetitions.flatMap(({ events }) => events.filter(({ what }) => what === "deadlock"));
  const rest = all.length > DEADLOCKS ? [`There were ${all.length} deadlocks in all.`] : [];
  return [...all.slice(0, DEADLOCKS).map(({ text }) => `A ${text}`), ...rest];
}

/** With a schedule: did the yard keep it? */
function schedule({ settings, repetitions }: RunFile): string | null {
  if (settings.rate === null) return null;
  const lag = histogramOf(repetitions, "lag", null);
  const missed = figureOf(repetitions, { name: "missed", workload: null });
  const late = lag === null ? "–" : timeText(quantileMs(lag, 99));
  const never = missed > 0 ? `, and ${plural(missed, "operation")} never in time` : "";
  return (
    `Of the schedule of ${figureText(settings.rate)} operations a second, operations began up to ` +
    `${late} late (p99)${never}; latency counts from when each was due.`
  );
}

function refusals({ repetitions }: RunFile): string[] {
  const all = new Map<string, number>();
  const tried = new Map<string, number>();
  for (const { name, errors, operations } of repetitions.flatMap(({ workloads }) => workloads)) {
    tried.set(name, (tried.get(name) ?? 0) + operations);
    for (const [code, n] of Object.entries(errors)) {
      const key = `${name} ${code}`;
      all.set(key, (all.get(key) ?? 0) + n);
      tried.set(name, tried.get(name)! + n);
    }
  }
  return [...all].map(([key, n]) => {
    const [name, code] = key.split(" ");
    const share = `${figureText((100 * n) / tried.get(name)!)} %`;
    return `${name} got ${code} ${plural(n, "time")}, in ${share} of what it tried.`;
  });
}

function fullLimits(repetitions: readonly Repetition[]): string[] {
  const peaks = new Map<string, Gauge>();
  for (const gauge of repetitions.flatMap(({ gauges }) => gauges)) {
    if (gauge.peak > (peaks.get(gauge.name)?.peak ?? -1)) peaks.set(gauge.name, gauge);
  }
  return [...peaks.values()]
    .filter(({ peak, limit, fitted }) => !fitted && peak >= limit * NEARLY_FULL)
    .map(
      ({ name, peak, limit }) =>
        `Up to ${peak} of the ${limit} of ${name} were seen in use; it is looked at once a slice.`,
    );
}

function unfairness(repetitions: readonly Repetition[]): string[] {
  const worst = new Map<string, WorkloadResult>();
  for (const result of repetitions.flatMap(({ workloads }) => workloads)) {
    if (WORKLOADS.get(result.name)?.jailsDiffer) continue;
    const most = worst.get(result.name)?.unfairness ?? UNFAIR;
    if ((result.unfairness ?? 0) > most) worst.set(result.name, result);
  }
  return [...worst.values()].map(
    ({ name, unfairness: by }) =>
      `The jail that did most of ${name} did ${figureText(by!)} times as much as the one that did least.`,
  );
}

function native({ native: results = [], nativeMissing, repetitions }: RunFile): string | null {
  if (nativeMissing !== undefined)
    return `This machine's own kernel did nothing: ${nativeMissing}.`;
  const parts = results.map(({ name, throughput }) => {
    const ours = figureOf(repetitions, { name: "throughput", workload: name });
    return `${name} ${figureText(throughput / ours)} times as many`;
  });
  if (parts.length === 0) return null;
  return `This machine's own kernel did, of ${parts.join(", ")} operations a second.`;
}
