/**
 * A recording: the System V calls of real processes, one event a call, sorted by start.
 *
 * Events keep the shape of the JSONL file: names for flags and commands, `0x` text for keys and
 * addresses. Identifiers, addresses and pids are those of the recorded machine. A call that failed
 * has `errno` in place of `ret`; `?` says that the process ended inside it. Linux made the
 * recordings, so names and numbers of errors are Linux's.
 */

/** One operation of a recorded semop. */
export interface RecordedSop {
  readonly num: number;
  readonly op: number;
  readonly flg: readonly string[];
}

/** What the arguments of an event may hold; which of them a call has is in SHAPES. */
export interface RecordedArgs {
  readonly key?: string;
  readonly size?: number;
  readonly nsems?: number;
  readonly flags?: readonly string[];
  readonly mode?: string;
  readonly id?: number;
  readonly num?: number;
  readonly cmd?: string;
  readonly val?: number;
  readonly array?: readonly number[];
  readonly buf?: Readonly<Record<string, unknown>>;
  readonly addr?: string | null;
  readonly sops?: readonly RecordedSop[];
  readonly timeout?: number;
  readonly type?: number;
  readonly got?: number;
  readonly pid?: number;
  readonly sig?: string;
  readonly status?: number;
  readonly path?: string;
  readonly argv?: readonly string[];
  readonly thread?: boolean;
}

/** Calls that the kernel answers, and what happens to a process without a call. */
const SHAPES = {
  shmget: ["key:key", "size:number", "flags:flags", "mode:octal"],
  shmat: ["id:int", "addr:address", "flags:flags"],
  shmdt: ["addr:address"],
  shmctl: ["id:int", "cmd:text", "buf?:object"],
  semget: ["key:key", "nsems:int", "flags:flags", "mode:octal"],
  semop: ["id:int", "sops:sops"],
  semtimedop: ["id:int", "sops:sops", "timeout:number"],
  semctl: ["id:int", "num:int", "cmd:text", "val?:int", "array?:ints", "buf?:object"],
  msgget: ["key:key", "flags:flags", "mode:octal"],
  msgsnd: ["id:int", "type:int", "size:number", "flags:flags"],
  msgrcv: ["id:int", "size:number", "type:int", "flags:flags", "got?:int"],
  msgctl: ["id:int", "cmd:text", "buf?:object"],
  fork: ["thread?:boolean"],
  execve: ["path:text", "argv:texts"],
  kill: ["pid:int", "sig:text"],
  exit: ["status:int"],
  killed: ["sig:text"],
  signal: ["sig:text"],
} as const;
export type RecordedCall = keyof typeof SHAPES;

/** Events that are no calls: they have neither a duration nor a result. */
const HAPPENINGS: ReadonlySet<RecordedCall> = new Set(["exit", "killed", "signal"]);
export const isHappening = (call: RecordedCall): boolean => HAPPENINGS.has(call);

export interface RecordedEvent {
  /** Seconds since the first event of the file. */
  readonly t: number;
  /** Seconds spent in the call; absent if it never returned. */
  readonly dur?: number;
  /** 1, 2, … in the order in which processes appear. */
  readonly pid: number;
  readonly call: RecordedCall;
  readonly args: RecordedArgs;
  /** The result; an address is text. */
  readonly ret?: number | string;
  readonly errno?: string;
}

export interface Recording {
  /** Name of the file, without directories and endings. */
  readonly name: string;
  readonly events: readonly RecordedEvent[];
}

/** A file that is not a recording: names the file, the line if there is one, and what is wrong. */
export class RecordingError extends Error {
  override readonly name = "RecordingError";
  readonly file: string;
  /** From 1; 0 if it is about the file as a whole. */
  readonly line: number;
  constructor(file: string, line: number, what: string) {
    super(`${file}${line > 0 ? `:${line}` : ""}: ${what}`);
    this.file = file;
    this.line = line;
  }
}

const isInt = (v: unknown): boolean => Number.isSafeInteger(v);
const isText = (v: unknown): boolean => typeof v === "string";
const isArrayOf = (test: (v: unknown) => boolean) => (v: unknown) =>
  Array.isArray(v) && v.every(test);
const isObject = (v: unknown): v is Record<string, unknown> =>
  typeof v === "object" && v !== null && !Array.isArray(v);
const isAddress = (v: unknown): boolean =>
  v === null || (typeof v === "string" && /^0x[0-9a-f]+$/.test(v));
const isKey = (v: unknown): boolean =>
  v === "IPC_PRIVATE" || (typeof v === "string" && /^0x[0-9a-f]{8}$/.test(v));
const isSop = (v: unknown): boolean =>
  isObject(v) && isInt(v.num) && isInt(v.op) && isArrayOf(isText)(v.flg);

/** What a field may hold: a test, and how an error names it. */
const KINDS: Readonly<Record<string, readonly [(v: unknown) => boolean, string]>> = {
  int: [isInt, "a whole number"],
  ints: [isArrayOf(isInt), "a list of whole numbers"],
  number: [(v) => typeof v === "number", "a number"],
  text: [isText, "text"],
  texts: [isArrayOf(isText), "a list of texts"],
  flags: [isArrayOf(isText), "a list of flag names"],
  boolean: [(v) => typeof v === "boolean", "true or false"],
  object: [isObject, "an object"],
  key: [isKey, '"IPC_PRIVATE" or "0x" and 8 hex digits'],
  octal: [(v) => typeof v === "string" && /^[0-7]+$/.test(v), "an octal number as text"],
  address: [isAddress, 'null or an address as "0x…"'],
  sops: [isArrayOf(isSop), "a list of {num, op, flg}"],
};

/** Split once: ["buf?:object"] is { field: "buf", optional: true, kind: "object" }. */
const FIELDS = new Map(
  Object.entries(SHAPES).map(([call, shape]) => [
    call,
    shape.map((text) => {
      const [name, kind] = text.split(":");
      return { field: name.replace("?", ""), optional: name.endsWith("?"), kind };
    }),
  ]),
);

/** What is wrong with the arguments of `call`, or null. */
function argsProblem(call: string, args: unknown): string | null {
  if (!isObject(args)) return '"args" is not an object';
  for (const { field, optional, kind } of FIELDS.get(call)!) {
    const value = args[field];
    if (value === undefined && optional) continue;
    if (value === undefined) return `${call} without args.${field}`;
    const [test, what] = KINDS[kind];
    if (!test(value)) return `args.${field} of ${call} is not ${what}`;
  }
  return null;
}

/** What is wrong with the result of an event, or null. */
function resultProblem(event: Record<string, unknown>): string | null {
  const { call, ret, errno, dur } = event;
  if (dur !== undefined && !(typeof dur === "number" && dur >= 0)) return '"dur" is not seconds';
  if (HAPPENINGS.has(call as RecordedCall)) return null;
  if ((ret === undefined) === (errno === undefined)) {
    return `${String(call)} has to have one of "ret" and "errno"`;
  }
  if (errno !== undefined) return typeof errno === "string" ? null : '"errno" is not a name';
  if (call === "shmat") return isAddress(ret) ? null : '"ret" of shmat is not an address';
  return isInt(ret) ? null : '"ret" is not a whole number';
}

/** What is wrong with an event, or null. */
function eventProblem(event: unknown): string | null {
  if (!isObject(event)) return "not a JSON object";
  if (typeof event.t !== "number" || !(event.t >= 0)) return '"t" is not seconds from 0 on';
  if (!isInt(event.pid) || (event.pid as number) < 1) return '"pid" is not a number from 1 on';
  if (typeof event.call !== "string" || !FIELDS.has(event.call)) {
    return `unknown call ${JSON.stringify(event.call)}`;
  }
  return argsProblem(event.call, event.args) ?? resultProblem(event);
}

function parseLine(file: string, line: number, text: string): RecordedEvent {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new RecordingError(file, line, "not JSON; a recording has one JSON object a line");
  }
  const problem = eventProblem(value);
  if (problem !== null) throw new RecordingError(file, line, problem);
  return value as RecordedEvent;
}

/** Events of a JSONL text. @throws RecordingError naming file and line */
export function parseRecording(file: string, text: string): Recording {
  const events: RecordedEvent[] = [];
  let last = 0;
  for (const [i, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue;
    const event = parseLine(file, i + 1, line);
    if (event.t < last) {
      throw new RecordingError(
        file,
        i + 1,
        `starts at ${event.t}, before the line above (${last})`,
      );
    }
    last = event.t;
    events.push(event);
  }
  if (events.length === 0) throw new RecordingError(file, 0, "no events in it");
  return { name: nameOf(file), events };
}

/** `/a/b/pg15-initdb.jsonl.gz` is `pg15-initdb`. */
export const nameOf = (file: string): string =>
  file.replace(/^.*\//, "").replace(/(\.(jsonl|strace|txt|log))?(\.gz)?$/, "");

/** When an event was over; a call that never returned ends with its process. */
export const endOf = (event: RecordedEvent): number => event.t + (event.dur ?? 0);
