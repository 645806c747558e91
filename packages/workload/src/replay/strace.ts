/**
 * Raw text of `strace -f` as a recording.
 *
 * Taken: the ipc calls, fork and its kin, execve, kill, exit_group, signals, ends of processes.
 * A call that strace shows in two halves (`<unfinished ...>`, `<... resumed>`) becomes one event.
 * Lines about anything else are passed over. Time stamps may be `-ttt`, `-tt`, or absent (then a
 * line is a microsecond); pids `-o FILE` style (`123 …`) or `[pid 123]`; `-T` may be missing.
 * execve is kept only if it succeeded, SIGCHLD and SIGURG are left out.
 */
import {
  type RecordedArgs,
  type RecordedCall,
  type RecordedEvent,
  RecordingError,
} from "./recording.ts";
import { parseArguments } from "./straceargs.ts";
import { numberOf, STRACE_CALLS, type StraceCall } from "./stracecall.ts";

/** An event whose pids are the machine's and whose times are microseconds. */
interface RawEvent {
  t: number;
  dur?: number;
  pid: number;
  call: RecordedCall;
  args: RecordedArgs;
  ret?: number | string;
  errno?: string;
}

/** The first half of a call that another line finishes. */
interface Unfinished {
  readonly t: number;
  readonly name: string;
  readonly text: string;
}

interface Line {
  readonly pid: number;
  readonly t: number;
  readonly body: string;
}

const REMEDY = "record with: strace -f -ttt -T -e trace=ipc,process,kill -o FILE PROGRAM";
/** Signals that come too often and say nothing. */
const LEFT_OUT: ReadonlySet<string> = new Set(["SIGCHLD", "SIGURG"]);
/** Stands for the process whose lines have no pid, until its number is known. */
const ROOT = 0;

const PREFIX =
  /^(?:\[pid\s+(\d+)\]\s+|(\d+)\s+)?(?:(\d+)\.(\d{1,6})\s+|(\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?\s+)?(.*)$/;
const RESULT = /^\s*=\s*(\S+)(?:\s+(E[A-Z0-9_]+))?.*?(?:<(\d+\.\d+)>)?\s*$/;

/** Events of the text, sorted by start. @throws RecordingError naming file, line and remedy */
export function parseStrace(file: string, text: string): RecordedEvent[] {
  const reader = new StraceReader(file);
  for (const [i, line] of text.split("\n").entries()) reader.line(i + 1, line);
  const raw = reader.finish();
  if (raw.length === 0) {
    throw new RecordingError(
      file,
      0,
      `neither JSON Lines nor strace output with calls to replay; ${REMEDY}`,
    );
  }
  return renumber(raw);
}

const micros = (fraction: string | undefined): number => Number((fraction ?? "").padEnd(6, "0"));

class StraceReader {
  readonly #file: string;
  readonly #events: RawEvent[] = [];
  readonly #unfinished = new Map<number, Unfinished>();
  readonly #ended = new Set<number>();
  readonly #threads = new Set<number>();
  readonly #children = new Set<number>();
  /** Processes that live; a line without a pid is of the only one. */
  readonly #alive = new Set<number>([ROOT]);
  #root = ROOT;
  #lineNo = 0;

  constructor(file: string) {
    this.#file = file;
  }

  line(number: number, text: string): void {
    this.#lineNo = number;
    const attached = /^strace: Process (\d+) attached/.exec(text);
    if (attached !== null) this.#born(Number(attached[1]));
    if (text === "" || text.startsWith("strace:")) return;
    const line = this.#split(text);
    const { body } = line;
    if (body.startsWith("---")) this.#signal(line);
    else if (body.startsWith("+++")) this.#end(line);
    else if (body.startsWith("<... ")) this.#resumed(line);
    else this.#call(line);
  }

  /** Calls that were never resumed ended with their process. */
  finish(): RawEvent[] {
    for (const pid of [...this.#unfinished.keys()]) this.#cut(pid);
    return this.#events.sort((a, b) => a.t - b.t);
  }

  #split(text: string): Line {
    const [, inner, outer, sec, frac, h, m, s, clockFrac, body] = PREFIX.exec(text)!;
    let t = this.#lineNo;
    if (sec !== undefined) t = Number(sec) * 1e6 + micros(frac);
    else if (h !== undefined) {
      t = (Number(h) * 3600 + Number(m) * 60 + Number(s)) * 1e6 + micros(clockFrac);
    }
    return { pid: this.#pidOf(inner ?? outer), t, body };
  }

  /** strace leaves the pid out while there is one process only. */
  #pidOf(text: string | undefined): number {
    if (text === undefined) return this.#alive.size === 1 ? [...this.#alive][0] : this.#root;
    const pid = Number(text);
    if (pid !== this.#root && !this.#children.has(pid) && this.#root === ROOT) this.#name(pid);
    return pid;
  }

  /** The process without a number is `pid`. */
  #name(pid: number): void {
    this.#root = pid;
    this.#alive.delete(ROOT);
    this.#alive.add(pid);
    for (const event of this.#events) if (event.pid === ROOT) event.pid = pid;
    const half = this.#unfinished.get(ROOT);
    if (half !== undefined) this.#unfinished.set(pid, half);
    this.#unfinished.delete(ROOT);
  }

  #born(pid: number): void {
    this.#children.add(pid);
    this.#alive.add(pid);
  }

  #signal({ pid, t, body }: Line): void {
    const sig = /^--- (SIG\w+) \{/.exec(body)?.[1];
    if (sig === undefined || LEFT_OUT.has(sig)) return;
    this.#events.push({ t, pid, call: "signal", args: { sig } });
  }

  #end({ pid, t, body }: Line): void {
    this.#cut(pid);
    this.#alive.delete(pid);
    const killed = /^\+\+\+ killed by (SIG\w+)/.exec(body)?.[1];
    const exited = /^\+\+\+ exited with (\d+)/.exec(body)?.[1];
    if (this.#ended.has(pid) || this.#threads.has(pid)) return;
    if (killed !== undefined) this.#events.push({ t, pid, call: "killed", args: { sig: killed } });
    if (exited !== undefined) this.#exit(pid, t, Number(exited));
  }

  #exit(pid: number, t: number, status: number): void {
    this.#ended.add(pid);
    this.#events.push({ t, pid, call: "exit", args: { status } });
  }

  /** The process ended inside the call that it had begun. */
  #cut(pid: number): void {
    const half = this.#unfinished.get(pid);
    if (half === undefined) return;
    this.#unfinished.delete(pid);
    this.#finished(pid, half, `${half.text}) = ?`);
  }

  #resumed({ pid, body }: Line): void {
    const [, name, tail] = /^<\.\.\. (\w+) resumed>(.*)$/.exec(body) ?? [];
    const half = this.#unfinished.get(pid);
    if (half === undefined || half.name !== name) return;
    this.#unfinished.delete(pid);
    this.#finished(pid, half, half.text + tail);
  }

  #call({ pid, t, body }: Line): void {
    const [, name, text] = /^(\w+)\((.*)$/.exec(body) ?? [];
    if (name === undefined || STRACE_CALLS[name] === undefined) return;
    const cut = text.indexOf("<unfinished ...>");
    // strace ends a call that its process did not outlive as `<unfinished ...>) = ?`
    const whole = cut >= 0 && /\)\s*=\s*\?/.test(text.slice(cut));
    const half = { t, name, text: cut < 0 ? text : text.slice(0, cut) };
    if (name === "exit_group" || cut < 0) this.#finished(pid, half, endExit(name, half.text));
    else if (whole) this.#finished(pid, half, `${half.text}) = ?`);
    else this.#unfinished.set(pid, half);
  }

  /** `text` is the whole call: arguments, closing parenthesis, result. */
  #finished(pid: number, half: Unfinished, text: string): void {
    const args = parseArguments(text);
    const result = args === null ? null : RESULT.exec(args.rest);
    if (args === null || result === null) this.#malformed(half.name, "is cut off");
    let call: StraceCall;
    try {
      call = STRACE_CALLS[half.name](args.values);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      this.#malformed(half.name, `cannot be read: ${error.message}`);
    }
    if (call.call === "exit") this.#exit(pid, half.t, call.args.status! & 0xff);
    else this.#answered(pid, half.t, call, result);
  }

  #answered(pid: number, t: number, { call, args }: StraceCall, result: RegExpExecArray): void {
    const [, value, errno, seconds] = result;
    const event: RawEvent = { t, pid, call, args };
    if (seconds !== undefined) event.dur = Math.round(Number(seconds) * 1e6);
    if (value === "?" || errno !== undefined) event.errno = errno ?? "?";
    else event.ret = call === "shmat" ? value : numberOf(value)!;
    if (call === "execve" && event.errno !== undefined) return;
    if (call === "fork" && typeof event.ret === "number") {
      this.#born(event.ret);
      if (args.thread === true) this.#threads.add(event.ret);
    }
    this.#events.push(event);
  }

  #malformed(name: string, what: string): never {
    throw new RecordingError(this.#file, this.#lineNo, `${name} ${what}; ${REMEDY}`);
  }
}

/** exit_group may stand as a first half without a second. */
const endExit = (name: string, text: string): string =>
  name === "exit_group" ? `${text.replace(/\).*$/, "")}) = ?` : text;

/** Numbers pids 1, 2, … by first appearance, counts time from the first event. */
function renumber(raw: readonly RawEvent[]): RecordedEvent[] {
  const pids = new Map<number, number>();
  const small = (pid: number): number => {
    if (!pids.has(pid)) pids.set(pid, pids.size + 1);
    return pids.get(pid)!;
  };
  const start = raw[0].t;
  return raw.map((event) => {
    const { t, dur, ...rest } = event;
    const pid = small(event.pid);
    const out = { ...rest, pid, t: (t - start) / 1e6, args: smallArgs(event, small) };
    const timed = dur === undefined ? out : { ...out, dur: dur / 1e6 };
    return isPid(event) ? { ...timed, ret: small(event.ret as number) } : timed;
  });
}

/** Results that are pids: of fork, and of GETPID unless nobody has touched the semaphore. */
const isPid = ({ call, args, ret }: RawEvent): boolean =>
  typeof ret === "number" && ret > 0 && (call === "fork" || args.cmd === "GETPID");

const PID_FIELDS = ["shm_cpid", "shm_lpid", "msg_lspid", "msg_lrpid"];

function smallArgs(event: RawEvent, small: (pid: number) => number): RecordedArgs {
  const { args } = event;
  if (event.call === "kill") {
    const pid = args.pid!;
    return Math.abs(pid) < 2 ? args : { ...args, pid: Math.sign(pid) * small(Math.abs(pid)) };
  }
  if (args.buf === undefined) return args;
  const buf: Record<string, unknown> = { ...args.buf };
  for (const field of PID_FIELDS) {
    if (typeof buf[field] === "number" && buf[field] > 0) buf[field] = small(buf[field]);
  }
  return { ...args, buf };
}
