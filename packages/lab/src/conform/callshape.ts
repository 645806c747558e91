/** The arguments of each call: which there are and what they may be. */
import { JAIL_SYS_NAMES } from "@jailyard/abi/jail";
import { SIGNALS } from "@jailyard/abi/signal";
import { FACILITIES } from "@jailyard/abi/types";
import type { CallName } from "./case.ts";
import { FLAGS, IPC_COMMANDS, SEM_COMMANDS, SHM_COMMANDS } from "./names.ts";
import {
  bool,
  type Check,
  either,
  type Fields,
  int,
  list,
  matching,
  name,
  oneOf,
  record,
  text,
  whole,
} from "./shape.ts";

export const REF = /^\$.+$/;
const bound = matching('a bound name "$..."', REF);
const ref = either(
  "a number, $name, {base, add} or {index_of}",
  int,
  bound,
  record({ base: bound, add: int }),
  record({ index_of: bound }),
);
const addr = either("null, a number, $name or {base, add}", oneOf(null), ref);
const key = either('a number or "IPC_PRIVATE"', int, oneOf("IPC_PRIVATE"));
const mode = matching("an octal string", /^[0-7]+$/);
const flags = list(oneOf(...Object.keys(FLAGS)));
const bytes = either(
  "a string or {fill, len}",
  text,
  record({ fill: matching("a character", /^.$/s), len: whole }),
);
const bad = oneOf("bad");
const sop = record({ num: int, op: int }, { flags });
const perm = { uid: int, gid: int, mode };
const jailsys = oneOf(...JAIL_SYS_NAMES);
const command = (names: object): Check =>
  either(`a number or one of ${Object.keys(names).join(", ")}`, int, oneOf(...Object.keys(names)));
const signal = oneOf(...Object.keys(SIGNALS).map((sig) => sig.slice("SIG".length)));

/** Settings of a jail, at its start and in jail_set. */
export const JAIL_SETTINGS: Fields = {
  sysvsem: jailsys,
  sysvmsg: jailsys,
  sysvshm: jailsys,
  "allow.sysvipc": bool,
};

/** A check over the whole of an object that passed `check`. */
function also(check: Check, problem: (args: Record<string, unknown>) => string | null): Check {
  return (value, path) => {
    const first = check(value, path);
    if (first !== null) return first;
    const second = problem(value as Record<string, unknown>);
    return second === null ? null : `${path}: ${second}`;
  };
}

/** IPC_SET, SETVAL and SETALL need what they set, unless it is not mapped. */
const setsWhat = (args: Record<string, unknown>): string | null => {
  const { cmd, buf } = args;
  if (cmd === "SETVAL" && args.val === undefined) return "val is missing";
  if (buf !== undefined) return null;
  if (cmd === "IPC_SET" && args.set === undefined) return "set is missing";
  return cmd === "SETALL" && args.vals === undefined ? "vals is missing" : null;
};

const semopArgs = also(
  record(
    { semid: ref, sops: either('a list or "bad"', list(sop), bad) },
    { repeat: whole, nsops: whole },
  ),
  ({ sops, nsops }) => (sops === "bad" && nsops === undefined ? "nsops is missing" : null),
);
/** Written out, as `either` names no part of a list. */
const semop: Check = (value, path) => {
  const sops = (value as { sops?: unknown } | null)?.sops;
  const inside = Array.isArray(sops) ? list(sop)(sops, `${path}.sops`) : null;
  return inside ?? semopArgs(value, path);
};

const msgsnd = also(
  record({ msqid: ref, type: int }, { text: bytes, size: int, flags, buf: bad }),
  ({ text: body, buf }) => (body === undefined && buf === undefined ? "text is missing" : null),
);

export const CALLS: Readonly<Record<CallName, Check>> = {
  semget: record({ key, nsems: int }, { flags, mode }),
  semop,
  semctl: also(
    record(
      { semid: ref, cmd: command(SEM_COMMANDS) },
      { semnum: int, val: int, vals: list(int), set: record(perm), buf: bad },
    ),
    setsWhat,
  ),
  msgget: record({ key }, { flags, mode }),
  msgsnd,
  msgrcv: record({ msqid: ref, size: int, type: int }, { flags, buf: bad }),
  msgctl: also(
    record(
      { msqid: ref, cmd: command(IPC_COMMANDS) },
      { set: record({ ...perm, qbytes: int }), buf: bad },
    ),
    setsWhat,
  ),
  shmget: record({ key, size: int }, { flags, mode }),
  shmat: record({ shmid: ref, addr }, { flags }),
  shmdt: record({ addr }),
  shmctl: also(
    record({ shmid: ref, cmd: command(SHM_COMMANDS) }, { set: record(perm), buf: bad }),
    setsWhat,
  ),
  peek: record({ addr, len: whole }),
  poke: record({ addr, data: bytes }),
  fork: record({ child: name }),
  exec: record({}),
  exit: record({}),
  signal: record({ sig: signal }, { sa_restart: bool }),
  setcred: record({ uid: int, gid: int }, { groups: list(int) }),
  jail_set: record({ jail: name }, { ...JAIL_SETTINGS, create: bool, parent: name }),
  jail_get: record({ jail: name }),
  jail_remove: record({ jail: name }),
  jail_attach: record({ jail: name }),
  advance: record({ ms: whole }),
  ipcs: record({ which: oneOf(...FACILITIES) }),
};

/** Calls that may be made from outside, without a process. */
export const FROM_OUTSIDE: ReadonlySet<string> = new Set([
  "jail_set",
  "jail_get",
  "jail_remove",
  "advance",
]);
