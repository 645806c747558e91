/** What a run came to, in sentences: for the terminal, and for the top of the report. */

import { lockText, STATS } from "@jailyard/abi/contention";
import { type Manner, USUAL } from "../scenario/manner.ts";
import { chaosSentence } from "./chaostext.ts";
import { figureOf, histogramOf } from "./figures.ts";
import { figureText, timeText } from "./figuretext.ts";
import { type HdrSummary, quantileMs } from "./histogram.ts";
import { dealt } from "./mix.ts";
import type { ModeCost } from "./overhead.ts";
import type { Gauge, PairRow, Repetition, RunFile, WorkloadResult } from "./runfile.ts";
import { loadText, serverSentences } from "./serverfigures.ts";
import type { StressSettings } from "./settings.ts";
import { POSTGRES_NAME, WORKLOADS } from "./workloads.ts";

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
    thinking(run),
    waiting(run),
    ...servers(run),
    chaosSentence(run.repetitions.flatMap(({ events }) => events)),
    ...contention(run),
    ...deadlocks(run),
    ...collisions(run),
    schedule(run),
    ...refusals(run),
    ...fullLimits(run.repetitions),
    ...unfairness(run.repetitions),
    ...neighbours(run.repetitions),
    native(run),
    measuring(run),
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
  const names = Object.keys(settings.workloads);
  const throughput = figureOf(repetitions, { name: "throughput", workload: null });
  const latency = histogramOf(repetitions, "latency", null);
  const times =
    latency === null
      ? ""
      : `; half of them took up to ${timeText(quantileMs(latency, 50))}, 99 % up to ${timeText(quantileMs(latency, 99))}`;
  const again = repetitions.length > 1 ? `, ${repetitions.length} times` : "";
  const how = `a second for ${figureText(seconds)} s${again}${times}.`;
  if (names.length === 1 && names[0] === POSTGRES_NAME) {
    const options = settings.options[POSTGRES_NAME];
    return (
      `${plural(jails, `PostgreSQL ${options.version} server`)}, one in a jail, with ` +
      `${plural(procs, "client")} each (${loadText(options)}; ${mannerText(settings)}) did ` +
      `${figureText(throughput)} transactions ${how}`
    );
  }
  return (
    `${plural(jails, "jail")} with ${plural(procs, "process").replace("processs", "processes")} each ` +
    `(${names.join(", ")}; ${mannerText(settings)}) did ${figureText(throughput)} operations ${how}`
  );
}

/** What the figures themselves cost. */
function measuring({ overhead, settings }: RunFile): string | null {
  if (overhead === undefined) return null;
  const all = (of: (cost: ModeCost) => number): string =>
    STATS.map((stats) => `${timeText(of(overhead[stats]) / 1e6)} with ${stats}`).join(", ");
  return (
    `Measuring locks costs, without the way into the kernel: a semop that waits for nobody takes ${all(({ call }) => call)}; ` +
    `one that sleeps until it is woken ${all(({ wait }) => wait)}. This run had --stats ${settings.stats}.`
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

/** Clients of servers that pause between transactions: the throughput is what they ask for. */
function thinking({ settings }: RunFile): string | null {
  const think = Number(settings.options[POSTGRES_NAME]?.think ?? 0);
  if (think === 0) return null;
  const clients = dealt(settings).get(POSTGRES_NAME)! * settings.jails;
  return (
    `Each of the ${plural(clients, "client")} thought ${timeText(think / 1000)} between two ` +
    `transactions, so they asked for ${figureText((1e6 * clients) / think)} a second at most.`
  );
}

/** Of the last repetition: sums over several say no more. */
const servers = ({ settings, repetitions }: RunFile): string[] =>
  (repetitions.at(-1)?.workloads ?? []).flatMap(({ name, procs, server }) =>
    server === undefined ? [] : serverSentences(server, settings.options[name], procs),
  );

/** Pairs of jails that are spoken of, and the least share of all waits that a pair has to have. */
const PAIRS = { most: 3, least: 0.01 } as const;

const whoText = (jail: string | null): string =>
  jail === null ? "the kernel" : jail === "0" ? "the host" : jail;

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
      const where =
        lock.kind === "gate"
          ? "at the gate, where the kernel was busy with its calls"
          : `on ${lockText(lock)}`;
      return `${whoText(from)} made ${whoText(to)} wait ${timeText(n / 1e6)} ${where}.`;
    });
  const parts = [
    `${share(own)} because of their own jail`,
    `${share(known - own)} because of another${mostly(pairs)}`,
    ...(unknown > 0
      ? [`${share(unknown)} because of nobody who is known, such as for a processor once woken`]
      : []),
  ];
  const first = `Processes waited ${timeText(all / 1e6)} in System V calls, all added up: ${parts.join(", ")}.`;
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

/** At which lock jails made one another wait, where that is most of it. */
function mostly(pairs: readonly PairRow[]): string {
  const at = new Map<string, number>();
  let all = 0;
  for (const { from, to, nanos, ...lock } of pairs) {
    if (from === null || from === to) continue;
    all += nanos;
    const name = lock.kind === "gate" ? GATE : lockText(lock);
    at.set(name, (at.get(name) ?? 0) + nanos);
  }
  const most = [...at].find(([, nanos]) => nanos > all / 2);
  return most === undefined ? "" : ` (most of it at ${most[0]})`;
}
const GATE = "the gate, where calls wait while the kernel works for others";

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

/** Of workloads whose first jail does something else than the others: both, apart. */
function neighbours(repetitions: readonly Repetition[]): string[] {
  const jails = repetitions.at(-1)?.jails ?? [];
  const names = [...WORKLOADS.values()].filter(({ jailsDiffer }) => jailsDiffer === true);
  return names.flatMap(({ name }) => {
    const each = jails.flatMap(({ name: jail, workloads: { [name]: result } }) =>
      result === undefined ? [] : [{ jail, result }],
    );
    const [first, ...others] = each;
    if (first === undefined || others.length === 0) return [];
    const sum = others.reduce((all, { result }) => all + result.operations, 0);
    const range = (of: (hdr: HdrSummary) => number): string => {
      const all = others.flatMap(({ result: { histograms } }) =>
        histograms.latency === undefined ? [] : [of(histograms.latency)],
      );
      const [least, most] = [Math.min(...all), Math.max(...all)].map(timeText);
      return least === most ? least : `${least} to ${most}`;
    };
    return [
      `Of ${name}, ${first.jail} makes the noise: ${figureText(first.result.operations)} operations. ` +
        `Its neighbours did ${figureText(sum)}, which took ${range((hdr) => hdr.p50Ms)} at the ` +
        `median of each jail and ${range((hdr) => hdr.p99Ms)} at p99.`,
    ];
  });
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
