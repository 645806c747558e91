/** Simulated PostgreSQL servers in a one-thread yard, and their calls as readable lines. */
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { errnoName, OK } from "@jailyard/abi/errno";
import { signalName } from "@jailyard/abi/signal";
import type { KernelConfig } from "@jailyard/kernel/kernel";
import type { Prison } from "@jailyard/kernel/prison";
import { setClock } from "@jailyard/workload/postgres/clock";
import postgres from "@jailyard/workload/postgres/instance";
import type { PostgresRecord, ResultRecord } from "@jailyard/workload/postgres/records";
import type { InstanceConfig } from "@jailyard/workload/postgres/settings";
import { type SimHandle, SimYard, type Traced } from "./simproc.ts";

/** The settings of the recordings. */
export const RECORDED: InstanceConfig = {
  version: "15",
  inode: 2212011,
  sharedMemoryType: "sysv",
  maxConnections: 20,
  maxWalSenders: 2,
  maxWorkerProcesses: 4,
  autovacuumWorkers: 2,
  sharedBuffers: 2048,
};

/** A yard whose virtual clock is the servers' clock. */
export function simYard(config: KernelConfig = {}, seed = 1): SimYard {
  const yard = new SimYard(config, seed);
  setClock({ now: () => yard.now, spend: (micros) => yard.advance(micros / 1000) });
  return yard;
}

let directories = 0;
/** A data directory that no other test has. */
export const freshDirectory = (): string => `/data/${++directories}`;

export function startServer(
  yard: SimYard,
  config: InstanceConfig,
  prison?: Prison,
  uid?: number,
): SimHandle {
  const arg = { dataDirectory: freshDirectory(), transactions: 10, seconds: 1000, ...config };
  return yard.start(postgres.main, arg, prison, uid);
}

export const recordsOf = (handle: SimHandle): PostgresRecord[] =>
  handle.records as PostgresRecord[];
/** `FATAL: text`, in order. */
export const logOf = (handle: SimHandle): string[] =>
  recordsOf(handle).flatMap((r) => (r.type === "log" ? [`${r.level}: ${r.text}`] : []));
export const isReady = (handle: SimHandle): boolean =>
  recordsOf(handle).some(({ type }) => type === "ready");
export function resultOf(handle: SimHandle): ResultRecord {
  const result = recordsOf(handle).find((r) => r.type === "result");
  if (result === undefined) throw new Error(`no result; log: ${logOf(handle).join("\n")}`);
  return result;
}

export const finished = (yard: SimYard, handle: SimHandle): Promise<void> =>
  yard.until(() => handle.xstat !== null);
export const ready = (yard: SimYard, handle: SimHandle): Promise<void> =>
  yard.until(() => isReady(handle) || handle.xstat !== null);

const CMDS: Readonly<Record<number, string>> = {
  0: "IPC_RMID",
  2: "IPC_STAT",
  4: "GETPID",
  5: "GETVAL",
  8: "SETVAL",
};

/** Names ids by the order in which they first appear, so that two kernels compare. */
class Ids {
  readonly #names = new Map<string, string>();
  name(kind: string, id: number | string): string {
    const key = `${kind}${id}`;
    if (!this.#names.has(key)) this.#names.set(key, `${kind}${this.#names.size + 1}`);
    return this.#names.get(key)!;
  }
}

const hex = (key: number): string => `0x${(key >>> 0).toString(16).padStart(8, "0")}`;
const octal = (flags: number): string => `0${flags.toString(8)}`;

/** The IPC calls of a process, and its kill(pid, 0), as lines. */
export function callsOf(yard: SimYard, pid: number, from = 0): string[] {
  const ids = new Ids();
  const own = yard.trace.slice(from).filter((traced) => traced.pid === pid);
  return own.flatMap((traced) => {
    const line = lineOf(traced, ids);
    return line === null ? [] : [traced.errno === OK ? line : `${line} ${errnoName(traced.errno)}`];
  });
}

function lineOf({ call, a, ret, errno }: Traced, ids: Ids): string | null {
  const found = (kind: string): string => (errno === OK ? ` ${ids.name(kind, ret)}` : "");
  switch (call) {
    case "shmget":
      return `shmget ${hex(a[0])} ${a[1]} ${octal(a[2])}${found("shm")}`;
    case "shmat":
      return `shmat ${ids.name("shm", a[0])}`;
    case "shmdt":
      return "shmdt";
    case "shmctl":
      return `shmctl ${ids.name("shm", a[0])} ${CMDS[a[1]]}`;
    case "semget":
      return `semget ${hex(a[0])} ${a[1]} ${octal(a[2])}${found("sem")}`;
    case "semop":
      return `semop ${ids.name("sem", a[0])} ${a[6]} ${a[7]}`;
    case "semctl": {
      const value = a[2] === 8 ? ` ${a[4]}` : a[2] === 5 ? ` = ${ret}` : "";
      return `semctl ${ids.name("sem", a[0])} ${a[1]} ${CMDS[a[2]]}${value}`;
    }
    case "kill":
      return a[1] === 0 ? "kill 0" : null;
    default:
      return null;
  }
}

/** Signals that a process sent, with the kinds of name that recordings have. */
export const signalsOf = (yard: SimYard, pid: number): string[] =>
  yard.trace
    .filter((t) => t.pid === pid && t.call === "kill" && t.a[1] !== 0)
    .map(({ a }) => `${signalName(a[1])} ${a[0]}`);

export interface RecordedCall {
  readonly pid: number;
  readonly call: string;
  readonly args: Readonly<Record<string, unknown>>;
  readonly ret?: number | string;
  readonly errno?: string;
}

export function recording(name: string): RecordedCall[] {
  const file = new URL(`../../packages/workload/data/traces/${name}.jsonl.gz`, import.meta.url);
  const lines = gunzipSync(readFileSync(file)).toString().trim().split("\n");
  return lines.map((line) => JSON.parse(line) as RecordedCall);
}

/** The same lines of a recorded process. */
export function recordedCalls(events: readonly RecordedCall[], pid: number): string[] {
  const ids = new Ids();
  return events.flatMap((event) => {
    const line = event.pid === pid ? recordedLine(event, ids) : null;
    return line === null ? [] : [event.errno === undefined ? line : `${line} ${event.errno}`];
  });
}

function recordedLine({ call, args, ret }: RecordedCall, ids: Ids): string | null {
  const found = (kind: string): string => (ret === undefined ? "" : ` ${ids.name(kind, ret)}`);
  const id = args.id as number;
  switch (call) {
    case "shmget":
      return `shmget ${args.key} ${args.size} ${flagsOf(args)}${found("shm")}`;
    case "shmat":
      return `shmat ${ids.name("shm", id)}`;
    case "shmdt":
      return "shmdt";
    case "shmctl":
      return `shmctl ${ids.name("shm", id)} ${args.cmd}`;
    case "semget":
      return `semget ${args.key} ${args.nsems} ${flagsOf(args)}${found("sem")}`;
    case "semop": {
      const [{ num, op }] = args.sops as { num: number; op: number }[];
      return `semop ${ids.name("sem", id)} ${num} ${op}`;
    }
    case "semctl": {
      const value =
        args.cmd === "SETVAL" ? ` ${args.val}` : args.cmd === "GETVAL" ? ` = ${ret}` : "";
      return `semctl ${ids.name("sem", id)} ${args.num} ${args.cmd}${value}`;
    }
    case "kill":
      return args.sig === "0" ? "kill 0" : null;
    default:
      return null;
  }
}

function flagsOf({ flags, mode }: Readonly<Record<string, unknown>>): string {
  const bits: Readonly<Record<string, number>> = { IPC_CREAT: 0o1000, IPC_EXCL: 0o2000 };
  const sum = (flags as string[]).reduce((all, flag) => all | bits[flag], 0);
  return octal(sum | Number.parseInt(mode as string, 8));
}
