/**
 * A strict reader of the Trace Event Format: whatever Perfetto or chrome://tracing would drop, count as
 * an error, or draw where it does not belong, is a problem here.
 */
export interface TraceEvent {
  readonly ph: string;
  readonly pid: number;
  readonly tid: number;
  readonly ts: number;
  readonly dur: number;
  readonly name: string;
  readonly cat: string;
  readonly id: number;
  readonly bp?: string;
  readonly s?: string;
  readonly args: Readonly<Record<string, unknown>>;
}

export interface TraceFile {
  readonly displayTimeUnit: string;
  readonly otherData: Readonly<Record<string, unknown>>;
  readonly traceEvents: readonly TraceEvent[];
}

const trackOf = ({ pid, tid }: TraceEvent): string => `${pid}/${tid}`;
/** To a tenth of a nanosecond: times are decimal microseconds. */
const nanos = (us: number): number => Math.round(us * 1000);

/** Everything that is wrong with it, in sentences. */
export function traceProblems({ traceEvents, displayTimeUnit }: TraceFile): string[] {
  const problems: string[] = [];
  if (displayTimeUnit !== "ns") problems.push(`displayTimeUnit is ${displayTimeUnit}`);
  for (const event of traceEvents) problems.push(...formProblems(event));
  const tracks = Map.groupBy(
    traceEvents.filter(({ ph }) => ph !== "M"),
    trackOf,
  );
  for (const [track, events] of tracks) problems.push(...orderProblems(track, events));
  return [...problems, ...nameProblems(traceEvents), ...flowProblems(traceEvents, tracks)];
}

const SHAPES: Readonly<Record<string, readonly string[]>> = {
  M: ["name", "args"],
  X: ["name", "cat", "ts", "dur"],
  s: ["name", "cat", "ts", "id"],
  f: ["name", "cat", "ts", "id", "bp"],
  i: ["name", "cat", "ts", "s"],
};

function formProblems(event: TraceEvent): string[] {
  const fields = SHAPES[event.ph];
  if (fields === undefined) return [`unknown phase ${event.ph}`];
  const all: Record<string, unknown> = { ...event };
  const missing = [...fields, "pid", "tid"].filter((field) => all[field] === undefined);
  const bad = ["ts", "dur"].filter((field) => {
    const value = all[field];
    return value !== undefined && !(Number.isFinite(value) && (value as number) >= 0);
  });
  const ids = [event.pid, event.tid].every((id) => Number.isInteger(id) && id >= 0);
  const shown = JSON.stringify(event);
  return [
    ...missing.map((field) => `no ${field} in ${shown}`),
    ...bad.map((field) => `bad ${field} in ${shown}`),
    ...(ids ? [] : [`bad ids in ${shown}`]),
  ];
}

/** Slices of a track come by their begin, and each lies within the one that is open. */
function orderProblems(track: string, events: readonly TraceEvent[]): string[] {
  const problems: string[] = [];
  const open: number[] = [];
  let last = 0;
  for (const { ph, ts, dur } of events) {
    if (ph !== "X") continue;
    const [begin, end] = [nanos(ts), nanos(ts + dur)];
    if (begin < last) problems.push(`track ${track} goes back at ${ts}`);
    last = begin;
    while (open.length > 0 && open.at(-1)! <= begin) open.pop();
    if (open.length > 0 && open.at(-1)! < end) {
      problems.push(`a slice of track ${track} at ${ts} does not end within the one around it`);
    }
    open.push(end);
  }
  return problems;
}

/** Every process and every track has one name. */
function nameProblems(events: readonly TraceEvent[]): string[] {
  const problems: string[] = [];
  const count = (name: string, key: (event: TraceEvent) => string): Map<string, number> => {
    const counts = new Map<string, number>();
    for (const event of events) {
      if (event.ph !== "M" || event.name !== name) continue;
      if (event.args.name === "") problems.push(`an empty ${name}`);
      counts.set(key(event), (counts.get(key(event)) ?? 0) + 1);
    }
    return counts;
  };
  const processes = count("process_name", ({ pid }) => String(pid));
  const threads = count("thread_name", trackOf);
  for (const event of events) {
    if (event.ph === "M") continue;
    if (processes.get(String(event.pid)) !== 1) problems.push(`process ${event.pid} has no name`);
    if (threads.get(trackOf(event)) !== 1) problems.push(`track ${trackOf(event)} has no name`);
  }
  return [...new Set(problems)];
}

/** A flow begins once and ends once, later, each within a slice of its track. */
function flowProblems(
  events: readonly TraceEvent[],
  tracks: ReadonlyMap<string, readonly TraceEvent[]>,
): string[] {
  const problems: string[] = [];
  const flows = Map.groupBy(
    events.filter(({ ph }) => ph === "s" || ph === "f"),
    ({ id }) => id,
  );
  for (const [id, parts] of flows) {
    const [begin, end] = ["s", "f"].map((ph) => parts.filter((part) => part.ph === ph));
    if (begin.length !== 1 || end.length !== 1) {
      problems.push(`flow ${id} has ${begin.length} begins and ${end.length} ends`);
      continue;
    }
    if (begin[0].cat !== end[0].cat || begin[0].name !== end[0].name) {
      problems.push(`flow ${id} changes its name`);
    }
    if (nanos(begin[0].ts) > nanos(end[0].ts)) problems.push(`flow ${id} ends before it begins`);
  }
  return [...problems, ...bindingProblems(tracks)];
}

/** In the order of a track, a flow's event stands behind the slice that it belongs to. */
function bindingProblems(tracks: ReadonlyMap<string, readonly TraceEvent[]>): string[] {
  const problems: string[] = [];
  for (const [track, events] of tracks) {
    let slice: TraceEvent | undefined;
    for (const event of events) {
      if (event.ph === "X") slice = event;
      if (event.ph !== "s" && event.ph !== "f") continue;
      const isIn =
        slice !== undefined &&
        nanos(slice.ts) <= nanos(event.ts) &&
        nanos(event.ts) < nanos(slice.ts + slice.dur);
      if (!isIn) problems.push(`flow ${event.id} is in no slice of track ${track}`);
    }
  }
  return problems;
}
