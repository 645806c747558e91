/** From a call of a strace line to the arguments of a recorded event, for each call by name. */
import type { RecordedArgs, RecordedCall, RecordedSop } from "./recording.ts";
import { isList, isQuoted, isStruct, type Struct, type Value } from "./straceargs.ts";

/** A line's call: name of the event, its arguments. pids are still those of the machine. */
export interface StraceCall {
  readonly call: RecordedCall;
  readonly args: RecordedArgs;
}

/** A number that strace printed in any base; NULL is 0; null if it is none. */
export function numberOf(value: Value | undefined): number | null {
  if (typeof value !== "string") return null;
  if (value === "NULL") return 0;
  if (/^-?0[0-7]+$/.test(value)) return Number.parseInt(value, 8);
  if (/^-?\d+$|^0x[0-9a-f]+$/i.test(value)) return Number(value);
  return null;
}

/** An int: strace shows some as unsigned hex, -1 as 0xffffffff. */
function int(value: Value | undefined): number {
  const number = numberOf(value);
  if (number === null) throw new TypeError("a number is missing");
  return number > 0x7fffffff && number <= 0xffffffff ? number | 0 : number;
}

function word(value: Value | undefined): string {
  if (typeof value !== "string") throw new TypeError("a word is missing");
  return value;
}

/** `IPC_CREAT|0x40|0600` as names and the octal permission part. */
function flagsAndMode(value: Value | undefined): { flags: string[]; mode: string } {
  const flags: string[] = [];
  let mode = "0";
  for (const part of word(value).split("|")) {
    if (!/^0[0-7]*$/.test(part)) flags.push(part);
    else if (Number.parseInt(part, 8) !== 0) mode = part;
  }
  return { flags, mode };
}

const flagNames = (value: Value | undefined): string[] =>
  value === "0" ? [] : word(value).split("|");

function keyText(value: Value | undefined): string {
  if (value === "IPC_PRIVATE") return value;
  return `0x${(int(value) >>> 0).toString(16).padStart(8, "0")}`;
}

const address = (value: Value | undefined): string | null =>
  value === "NULL" ? null : word(value);

/** `{sem_num=0, sem_op=-1, sem_flg=SEM_UNDO}` or, older, `{0, -1, SEM_UNDO}`. */
function sop(value: Value): RecordedSop {
  if (!isStruct(value)) throw new TypeError("an operation is missing");
  const { members } = value;
  return {
    num: int(members.get("sem_num") ?? members.get("0")),
    op: int(members.get("sem_op") ?? members.get("1")),
    flg: flagNames(members.get("sem_flg") ?? members.get("2")),
  };
}

function sops(value: Value | undefined): RecordedSop[] {
  if (!isList(value)) throw new TypeError("the operations are missing");
  return value.map(sop);
}

/** Members of a struct as plain values; `mode` stays octal text, names stay text. */
function plain(struct: Struct): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const [name, value] of struct.members) {
    if (isStruct(value)) out[name] = plain(value);
    else if (name === "mode" && typeof value === "string") out[name] = value;
    else out[name] = numberOf(value) ?? value;
  }
  return out;
}

const buffer = (value: Value | undefined): { buf?: Record<string, unknown> } =>
  isStruct(value) ? { buf: plain(value) } : {};

/** Commands may carry IPC_64, which says how the C library passes the buffer. */
const command = (value: Value | undefined): string =>
  word(value)
    .split("|")
    .filter((part) => part !== "IPC_64")
    .join("|");

const ARRAY_COMMANDS: ReadonlySet<string> = new Set(["GETALL", "SETALL"]);
const BUFFER_COMMANDS = /^(IPC_STAT|IPC_SET|(SEM|SHM|MSG|IPC)_(INFO|STAT|STAT_ANY))$/;

function semctlArgs(v: readonly Value[]): RecordedArgs {
  const cmd = command(v[2]);
  const args = { id: int(v[0]), num: int(v[1]), cmd };
  if (cmd === "SETVAL") return { ...args, val: int(v[3]) };
  if (ARRAY_COMMANDS.has(cmd) && isList(v[3])) return { ...args, array: v[3].map(int) };
  return BUFFER_COMMANDS.test(cmd) ? { ...args, ...buffer(v[3]) } : args;
}

function ctlArgs(v: readonly Value[]): RecordedArgs {
  const cmd = command(v[1]);
  const args = { id: int(v[0]), cmd };
  return BUFFER_COMMANDS.test(cmd) ? { ...args, ...buffer(v[2]) } : args;
}

/** The long in front of a message; absent where strace shows only an address. */
const messageType = (value: Value | undefined): number | undefined =>
  isStruct(value)
    ? (numberOf(value.members.get("mtype") ?? value.members.get("0")) ?? undefined)
    : undefined;

function msgrcvArgs(v: readonly Value[]): RecordedArgs {
  const got = messageType(v[1]);
  const args = { id: int(v[0]), size: numberOf(v[2])!, type: int(v[3]), flags: flagNames(v[4]) };
  return got === undefined ? args : { ...args, got };
}

/** `{tv_sec=1, tv_nsec=500000000}` in seconds; null for NULL, which is no timeout. */
function timeoutOf(value: Value | undefined): number | null {
  if (!isStruct(value)) return null;
  const seconds = numberOf(value.members.get("tv_sec") ?? value.members.get("0")) ?? 0;
  return seconds + (numberOf(value.members.get("tv_nsec") ?? value.members.get("1")) ?? 0) / 1e9;
}

function timedop(v: readonly Value[]): StraceCall {
  const args = { id: int(v[0]), sops: sops(v[1]) };
  const timeout = timeoutOf(v[3]);
  if (timeout === null) return { call: "semop", args };
  return { call: "semtimedop", args: { ...args, timeout } };
}

/** clone(2) and its kin; a thread shares the process it was made in. */
function forked(v: readonly Value[]): StraceCall {
  const thread = v.some((value) => JSON.stringify(flagTexts(value)).includes("CLONE_THREAD"));
  return { call: "fork", args: thread ? { thread: true } : {} };
}

const flagTexts = (value: Value): unknown =>
  isStruct(value) ? [...value.members.values()].map(flagTexts) : value;

const texts = (value: Value | undefined): string[] =>
  isList(value) ? value.filter(isQuoted).map((v) => v.text) : [];

/** execve prints the variables of the environment as a count, which is no argument. */
const executed = (v: readonly Value[]): StraceCall => ({
  call: "execve",
  args: { path: isQuoted(v[0]) ? v[0].text : "", argv: texts(v[1]) },
});

const plainCall =
  (call: RecordedCall, args: (v: readonly Value[]) => RecordedArgs) =>
  (v: readonly Value[]): StraceCall => ({ call, args: args(v) });

/** Every call that a recording keeps, by the name that strace has for it. */
export const STRACE_CALLS: Readonly<Record<string, (v: readonly Value[]) => StraceCall>> = {
  shmget: plainCall("shmget", (v) => ({
    key: keyText(v[0]),
    size: numberOf(v[1])!,
    ...flagsAndMode(v[2]),
  })),
  shmat: plainCall("shmat", (v) => ({
    id: int(v[0]),
    addr: address(v[1]),
    flags: flagNames(v[2]),
  })),
  shmdt: plainCall("shmdt", (v) => ({ addr: address(v[0]) })),
  shmctl: plainCall("shmctl", ctlArgs),
  semget: plainCall("semget", (v) => ({
    key: keyText(v[0]),
    nsems: int(v[1]),
    ...flagsAndMode(v[2]),
  })),
  semop: plainCall("semop", (v) => ({ id: int(v[0]), sops: sops(v[1]) })),
  semtimedop: timedop,
  semctl: plainCall("semctl", semctlArgs),
  msgget: plainCall("msgget", (v) => ({ key: keyText(v[0]), ...flagsAndMode(v[1]) })),
  msgsnd: plainCall("msgsnd", (v) => ({
    id: int(v[0]),
    type: messageType(v[1]) ?? 1,
    size: numberOf(v[2])!,
    flags: flagNames(v[3]),
  })),
  msgrcv: plainCall("msgrcv", msgrcvArgs),
  msgctl: plainCall("msgctl", ctlArgs),
  fork: forked,
  vfork: forked,
  clone: forked,
  clone3: forked,
  execve: executed,
  kill: plainCall("kill", (v) => ({ pid: int(v[0]), sig: word(v[1]) })),
  exit_group: plainCall("exit", (v) => ({ status: int(v[0]) })),
};
