/**
 * A trace in the Trace Event Format, which Perfetto and chrome://tracing open: jails as processes,
 * processes as threads, waits as slices, wake-ups as flows from the waker to the woken.
 */
import { lockText, NOBODY } from "@jailyard/abi/contention";
import { type Errno, errnoName, OK } from "@jailyard/abi/errno";
import { V_KILLED, V_NEXT } from "@jailyard/kernel/trace";
import type { RunEvent } from "../stress/runfile.ts";
import { callName } from "./callname.ts";
import type { Recorder, TracedWait } from "./recorder.ts";
import { nested, type Placed, type Slice } from "./tracks.ts";

/** Process ids of what is no jail; a jail has its jid. */
const HOST = 1_000_000;
const KERNEL = 1_000_001;
const EVENTS = 1_000_002;
/** Thread ids beside pids. */
const NO_PROCESS = 1_000_000;
const LANE = 2_000_000;
/** How long a wake-up is shown, in nanoseconds. */
const WAKE_NANOS = 1000;

type What =
  | { readonly type: "wait"; readonly wait: TracedWait }
  /** Woken, and not yet running: the end of a wake-up's flow. */
  | { readonly type: "woken"; readonly wait: TracedWait; readonly flow: number }
  | { readonly type: "wake"; readonly wait: TracedWait; readonly flow: number };

interface Track {
  readonly pid: number;
  readonly tid: number;
  readonly name: string;
  readonly slices: Slice<What>[];
}

type Event = Readonly<Record<string, unknown>>;

/** The text, in pieces. `events`: those of the run. */
export function* traceText(
  recorder: Recorder,
  events: readonly RunEvent[],
  about: Readonly<Record<string, unknown>>,
): Generator<string> {
  const { left, dropped, until } = recorder;
  const missing = { waits_left_out: left, waits_lost: dropped, complete_until_ns: until };
  const otherData = { ...about, ...missing };
  yield `{"displayTimeUnit":"ns","otherData":${JSON.stringify(otherData)},"traceEvents":[\n`;
  let separator = "";
  for (const event of allEvents(recorder, events)) {
    yield `${separator}${JSON.stringify(event)}`;
    separator = ",\n";
  }
  yield "\n]}\n";
}

function* allEvents(recorder: Recorder, events: readonly RunEvent[]): Generator<Event> {
  const tracks = tracksOf(recorder);
  yield* names(recorder, tracks, events.length > 0);
  for (const track of tracks.values()) {
    const placed = nested(track.slices);
    const lanes = new Set(placed.map(({ lane }) => lane));
    for (const lane of lanes) if (lane > 0) yield threadName(track, lane);
    for (const slice of placed) yield* sliceEvents(recorder, track, slice);
  }
  for (const { pid, jid, comm, exited } of recorder.processes.values()) {
    if (exited === null) continue;
    const at = { ts: micros(exited), pid: processId(jid), tid: pid };
    yield { ph: "i", s: "t", name: `${comm} exits`, cat: "process", ...at };
  }
  const offset = (recorder.zero - recorder.began) * 1e6;
  for (const { at, what, jail, workload, text } of events) {
    const when = { ts: micros(Math.max(0, offset + at * 1e9)), pid: EVENTS, tid: EVENTS };
    yield { ph: "i", s: "g", name: what, cat: "event", ...when, args: { jail, workload, text } };
  }
}

function tracksOf(recorder: Recorder): Map<string, Track> {
  const tracks = new Map<string, Track>();
  const at = (pid: number, tid: number, name: string): Slice<What>[] => {
    const key = `${pid} ${tid}`;
    const track = tracks.get(key) ?? { pid, tid, name, slices: [] };
    tracks.set(key, track);
    return track.slices;
  };
  for (const process of recorder.processes.values()) {
    at(processId(process.jid), process.pid, nameOf(recorder, process.pid));
  }
  let flow = 0;
  for (const wait of recorder.waits()) {
    const slices = at(...placeOf(recorder, wait));
    const { began, over, woken, waker } = wait;
    slices.push({ start: began, end: over, mark: false, what: { type: "wait", wait } });
    const by = recorder.processes.get(waker);
    if (by === undefined || woken <= began || woken >= over) continue;
    flow++;
    slices.push({ start: woken, end: over, mark: false, what: { type: "woken", wait, flow } });
    at(processId(by.jid), by.pid, nameOf(recorder, by.pid)).push({
      ...{ start: woken, end: woken + WAKE_NANOS, mark: true },
      what: { type: "wake", wait, flow },
    });
  }
  return tracks;
}

/** Process, thread and name of the track of a wait. */
function placeOf(recorder: Recorder, { pid, jid, lock }: TracedWait): [number, number, string] {
  if (pid !== 0) return [processId(jid), pid, nameOf(recorder, pid)];
  if (lock.kind !== "gate") return [KERNEL, KERNEL, "kernel"];
  return [processId(jid), NO_PROCESS + Math.max(0, jid), "no process yet"];
}

const processId = (jid: number): number => (jid > 0 ? jid : HOST);

const nameOf = ({ processes }: Recorder, pid: number): string =>
  `${processes.get(pid)?.comm ?? "unknown"} ${pid}`;

function* names(
  recorder: Recorder,
  tracks: ReadonlyMap<string, Track>,
  hasEvents: boolean,
): Generator<Event> {
  const jails = new Map([...recorder.processes.values()].map(({ jid }) => [processId(jid), jid]));
  for (const { pid } of tracks.values()) if (pid !== KERNEL && !jails.has(pid)) jails.set(pid, pid);
  const processes: [number, string][] = [...jails]
    .sort(([a], [b]) => a - b)
    .map(([pid, jid]) => [pid, pid === HOST ? "host" : recorder.jailName(jid)]);
  if ([...tracks.values()].some(({ pid }) => pid === KERNEL)) processes.push([KERNEL, "kernel"]);
  if (hasEvents) processes.unshift([EVENTS, "events of the run"]);
  for (const [order, [pid, name]] of processes.entries()) {
    yield { ph: "M", name: "process_name", pid, tid: 0, args: { name } };
    yield { ph: "M", name: "process_sort_index", pid, tid: 0, args: { sort_index: order } };
  }
  for (const track of tracks.values()) yield threadName(track, 0);
  if (hasEvents) yield threadName({ pid: EVENTS, tid: EVENTS, name: "events" }, 0);
}

const tidOf = (tid: number, lane: number): number => (lane === 0 ? tid : LANE * lane + tid);

function threadName(track: Pick<Track, "pid" | "tid" | "name">, lane: number): Event {
  const name = lane === 0 ? track.name : `${track.name} (${lane + 1})`;
  const tid = tidOf(track.tid, lane);
  return { ph: "M", name: "thread_name", pid: track.pid, tid, args: { name } };
}

function* sliceEvents(
  recorder: Recorder,
  { pid, tid }: Track,
  { start, end, lane, what }: Placed<What>,
): Generator<Event> {
  const { wait } = what;
  const place = { ts: micros(start), pid, tid: tidOf(tid, lane) };
  const x = { ph: "X", ...place, dur: micros(end - start) };
  if (what.type === "wait") {
    yield {
      ...x,
      name: wait.lock.label ?? wait.lock.name,
      cat: wait.lock.kind,
      args: argsOf(recorder, wait),
    };
    return;
  }
  const flow = { name: "wake-up", cat: "wakeup", id: what.flow, ...place };
  if (what.type === "wake") {
    const woken = nameOf(recorder, wait.pid);
    yield { ...x, name: "wakes", cat: "wakeup", args: { woken, lock: lockText(wait.lock) } };
    yield { ph: "s", ...flow };
    return;
  }
  yield { ...x, name: "woken, not yet running", cat: "wakeup" };
  yield { ph: "f", bp: "e", ...flow };
}

function argsOf(recorder: Recorder, wait: TracedWait): Event {
  const { lock, holder, blamed, waker, sysno, verdict, began, over } = wait;
  const jail = blamed === NOBODY ? null : recorder.jailName(blamed);
  const held = holder === 0 ? jail : `${nameOf(recorder, holder)} (${jail ?? "ended"})`;
  return {
    object: lock.name,
    call: callName(sysno),
    ...(held !== null && { holder: held }),
    ...(waker !== 0 && { woken_by: nameOf(recorder, waker) }),
    verdict: verdictText(verdict),
    wait_ns: over - began,
  };
}

function verdictText(verdict: number): string {
  if (verdict === OK) return "had it";
  if (verdict === V_NEXT) return "had it, and waits for another";
  if (verdict === V_KILLED) return "killed";
  return verdict > 0 ? errnoName(verdict as Errno) : "goes on in the kernel";
}

const micros = (nanos: number): number => Math.round(nanos) / 1000;
