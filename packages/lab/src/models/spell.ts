/** Calls and results of a scenario as people read them, the same for each model where they are. */
import { IPC_CREAT, IPC_EXCL, IPC_NOWAIT, type IpcPerm } from "@jailyard/abi/ipc";
import type { IpcnsRow } from "@jailyard/abi/ipcns";
import { GETNCNT, GETPID, GETVAL, GETZCNT, SEM_UNDO } from "@jailyard/abi/sem";
import type { Facility } from "@jailyard/abi/types";
import type { ListRow } from "@jailyard/trap/records";
import { Outcome } from "./outcome.ts";

type Spell = (value: unknown) => string;

const FLAGS = [
  ["IPC_CREAT", IPC_CREAT],
  ["IPC_EXCL", IPC_EXCL],
  ["IPC_NOWAIT", IPC_NOWAIT],
] as const;
const MODE = 0o777;

const flags: Spell = (value) => {
  const bits = value as number;
  const names: string[] = FLAGS.filter(([, bit]) => (bits & bit) !== 0).map(([name]) => name);
  const mode = bits & MODE;
  if (mode !== 0) names.push(`0${mode.toString(8)}`);
  return names.join("|") || "0";
};

const COMMANDS = ["IPC_RMID", "IPC_SET", "IPC_STAT"];
const SEM_COMMANDS = ["GETNCNT", "GETPID", "GETVAL", "GETALL", "GETZCNT", "SETVAL", "SETALL"];
const command: Spell = (value) => [...COMMANDS, ...SEM_COMMANDS][value as number] ?? String(value);

const sops: Spell = (value) =>
  (value as readonly (readonly number[])[])
    .map(([num, op, flag = 0]) => {
      const undo = (flag & SEM_UNDO) !== 0 ? " SEM_UNDO" : "";
      const nowait = (flag & IPC_NOWAIT) !== 0 ? " IPC_NOWAIT" : "";
      return `${num}:${op > 0 ? "+" : ""}${op}${nowait}${undo}`;
    })
    .join(", ");

/** Arguments that are more than numbers and texts, by call and place. */
const SPELLS: Readonly<Record<string, Readonly<Record<number, Spell>>>> = {
  semget: { 2: flags },
  shmget: { 2: flags },
  msgget: { 1: flags },
  semctl: { 2: command },
  shmctl: { 1: command },
  msgctl: { 1: command },
  semop: { 1: sops },
};

/** `semget(5432001, 1, IPC_CREAT|0600)`; an id is that of the step that gave it. */
export function spellCall(
  call: string,
  args: readonly unknown[],
  stepOf: (outcome: Outcome) => number,
): string {
  const spelled = args.map((arg, at) => {
    if (arg instanceof Outcome) return `id of ${stepOf(arg)}`;
    const spell = SPELLS[call]?.[at];
    if (spell !== undefined) return spell(arg);
    return typeof arg === "object" ? JSON.stringify(arg).replaceAll('"', "") : String(arg);
  });
  return `${call}(${spelled.join(", ")})`;
}

const PERMS = { sem: "sem_perm", shm: "shm_perm", msg: "msg_perm" } as const;
const permOf = (f: Facility, ds: unknown): IpcPerm => (ds as Record<string, IpcPerm>)[PERMS[f]];

/** An id as the object that it is: `#1`. */
export type NameOf = (f: Facility, id: number) => string;

/** The objects of a listing, a line each. */
export function spellRows(f: Facility, rows: readonly ListRow[], nameOf: NameOf): string {
  const named = rows.map(({ id, ds, owner }) => {
    const key = permOf(f, ds).key;
    const whose = owner === undefined ? "" : ` of ${owner.jail === "" ? "host" : owner.jail}`;
    return `${nameOf(f, id)} key ${owner?.key ?? key}${whose}`;
  });
  return named.length === 0 ? "nothing" : named.join("\n");
}

const spellSpaces = (rows: readonly IpcnsRow[]): string =>
  rows
    .map(({ facility, name, mine }) => `${facility} ${name}${mine ? " (mine)" : ""}`)
    .join("\n") || "none";

/** Commands whose result is a value. */
const READS = new Set([GETNCNT, GETPID, GETVAL, GETZCNT]);

const FACILITY_OF: Readonly<Record<string, Facility>> = {
  semget: "sem",
  shmget: "shm",
  msgget: "msg",
};

/** What a call gave. */
export function spellValue(
  call: string,
  args: readonly unknown[],
  value: unknown,
  nameOf: NameOf,
): string {
  const f = FACILITY_OF[call];
  if (f !== undefined) return nameOf(f, value as number);
  if (call === "ipcs") return spellRows(args[0] as Facility, value as ListRow[], nameOf);
  if (call === "ipcns_list") return spellSpaces(value as IpcnsRow[]);
  if (call === "jail_get") return spellJail(value as Readonly<Record<string, unknown>>);
  if (/^(sem|shm|msg)ctl$/.test(call) && typeof value === "object" && value !== null) {
    return `key ${permOf(call.slice(0, 3) as Facility, value).key}`;
  }
  if (call === "sysctl" || (call === "semctl" && READS.has(args[2] as number))) {
    return String(value);
  }
  if (value instanceof Object && "mtext" in value) {
    return JSON.stringify(new TextDecoder().decode(value.mtext as Uint8Array));
  }
  if (value instanceof Uint8Array) return JSON.stringify(new TextDecoder().decode(value));
  return "OK";
}

/** What says whether it may use System V IPC. */
function spellJail(info: Readonly<Record<string, unknown>>): string {
  const shown = ["sysvmsg", "sysvsem", "sysvshm", "allow.sysvipc"].filter((name) => name in info);
  return shown.map((name) => `${name}=${String(info[name])}`).join("\n") || "no sysv* parameters";
}
