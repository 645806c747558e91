/**
 * sysctl(3) by name: limits, features, and what a caller's jail says of itself.
 *
 * Names of a facility that is absent do not exist [JAIL-67]. Only root of the host writes; values
 * are global, and a jail reads them as the host does [JAIL-33]. The listings kern.ipc.sema, shmsegs
 * and msqids are opaque: semList, shmList and msgList give them. [TOOL-43] to [TOOL-45]
 */

import { EINVAL, ENOENT, EPERM, type Errno, OK } from "@jailyard/abi/errno";
import { HISTORY_MAX } from "@jailyard/abi/ipchistory";
import { MAXHOSTNAMELEN } from "@jailyard/abi/jail";
import { JAIL_PARAMS, type JailParam } from "@jailyard/abi/jailparam";
import { LIMITS, type Limit } from "@jailyard/abi/limits";
import { JAIL, TOOL } from "@jailyard/abi/reason";
import { FACILITIES, type Facility } from "@jailyard/abi/types";
import { privileged, unjailed } from "./cred.ts";
import { prisonOf } from "./jail.ts";
import { jailParamExists } from "./jailparam.ts";
import { type Kernel, publish } from "./kernel.ts";
import type { Prison } from "./prison.ts";
import { deny, type Thread } from "./thread.ts";

const TOOL_43 = TOOL(43);
const JAIL_46 = JAIL(46);

export type SysctlValue = number | string;
/** `boot`: a tunable of the boot loader, read-only afterwards. `read`: never to be written. */
export type SysctlKind = "boot" | "run" | "read";

interface Node {
  readonly name: string;
  readonly kind: SysctlKind;
  /** What `sysctl -d` says. */
  readonly about: string;
  readonly min: number;
  readonly max: number;
  exists(k: Kernel): boolean;
  /** `me` is the prison of the reader. */
  read(k: Kernel, me: Prison): SysctlValue;
  write(k: Kernel, value: number): void;
}

const always = (_k: Kernel): boolean => true;

function readOnly(
  name: string,
  about: string,
  read: Node["read"],
  exists: Node["exists"] = always,
): Node {
  return { name, kind: "read", about, min: 0, max: 0, exists, read, write() {} };
}

/** The rows that hold the limits of a facility; the kernel reads them there at each call. */
const infoOf = (k: Kernel, f: Facility): Record<string, number> =>
  (f === "sem" ? k.seminfo : f === "shm" ? k.shminfo : k.msginfo) as never;

function limitNode({ name, about, min, max, writable }: Limit): Node {
  const field = name.slice("kern.ipc.".length);
  const f = field.slice(0, 3) as Facility;
  return {
    name,
    kind: writable === "derived" ? "read" : writable,
    about,
    min,
    max,
    exists: (k) => k.modules[f].loaded,
    read: (k) => infoOf(k, f)[field],
    write: (k, value) => {
      infoOf(k, f)[field] = value;
    },
  };
}

const featureNode = (f: Facility): Node =>
  readOnly(
    `kern.features.sysv_${f}`,
    `System V ${{ msg: "message queues", sem: "semaphores", shm: "shared memory segments" }[f]} support`,
    () => 1,
    (k) => k.modules[f].loaded,
  );

/** What security.jail.param.* shows: the size of a string, 0 for anything else. */
function paramNode(param: JailParam): Node {
  const dot = param.kind === "jailsys" ? "." : ""; // a node of its own [TOOL-45]
  const size = param.name === "path" ? 1024 : MAXHOSTNAMELEN;
  return readOnly(
    `security.jail.param.${param.name}${dot}`,
    `Jail parameter ${param.name}`,
    () => (param.kind === "string" ? String(size) : 0),
    (k) => jailParamExists(k, param),
  );
}

/** The old switch: of all jails under model flat, else a template of jail(2) alone. [JAIL-82] */
const sysvipcAllowed: Node = {
  name: "security.jail.sysvipc_allowed",
  kind: "run",
  about: "Processes in jail can use System V IPC primitives",
  min: 0,
  max: 1,
  exists: always,
  read(k, me) {
    const own = !k.model.hasSwitch && me !== k.prison0;
    return Number(own ? me.pr_allow_sysvipc : k.sysvipc_allowed);
  },
  write(k, value) {
    k.sysvipc_allowed = value !== 0;
    k.hooks.revoke(null);
  },
};

/** How many removed objects are remembered. Ours. */
const history: Node = {
  name: "kern.ipc.history",
  kind: "run",
  about: "Number of removed objects that are remembered",
  min: 0,
  max: HISTORY_MAX,
  exists: always,
  read: (k) => k.history.most,
  write(k, value) {
    k.history.most = value;
  },
};

/** Written by root of the host, it panics the kernel: to see what becomes of those who depend on it. */
const kdbPanic: Node = {
  name: "debug.kdb.panic",
  kind: "run",
  about: "set to panic the kernel",
  min: -(2 ** 31),
  max: 2 ** 31 - 1,
  exists: always,
  read: () => 0,
  write() {
    throw new Error("panic: kdb_sysctl_panic");
  },
};

const boot = (name: string, about: string, read: Node["read"]): Node => ({
  ...readOnly(name, about, read),
  kind: "boot",
});

const NODES: readonly Node[] = [
  boot("kern.maxproc", "Maximum number of processes", (k) => k.maxproc),
  boot("kern.racct.enable", "Enable RACCT/RCTL", (k) => Number(k.racct !== null)),
  ...LIMITS.map(limitNode),
  ...FACILITIES.map(featureNode),
  readOnly("security.bsd.suser_enabled", "Processes with uid 0 have privilege", (_k, me) =>
    Number(me.pr_allow_suser),
  ),
  readOnly("security.jail.jailed", "Process in jail?", (k, me) => Number(me !== k.prison0)),
  readOnly(
    "security.jail.children.max",
    "Maximum number of child jails",
    (_k, me) => me.pr_childmax,
  ),
  readOnly(
    "security.jail.children.cur",
    "Current number of child jails",
    (_k, me) => me.pr_childcount,
  ),
  sysvipcAllowed,
  history,
  kdbPanic,
  ...[...JAIL_PARAMS.values()].map(paramNode),
];

const BY_NAME = new Map(NODES.map((node) => [node.name, node]));

function nodeNamed(k: Kernel, name: string): Node | null {
  const node = BY_NAME.get(name);
  return node?.exists(k) ? node : null;
}

/** The value for this reader; null: there is no such name, ENOENT. */
export function sysctlRead(k: Kernel, td: Thread | null, name: string): SysctlValue | null {
  return nodeNamed(k, name)?.read(k, prisonOf(k, td)) ?? null;
}

/**
 * Write a value. `td` null is root of the host.
 * @returns OK; ENOENT; EPERM for what cannot be written, or not by this caller; EINVAL out of range
 */
export function sysctlWrite(k: Kernel, td: Thread | null, name: string, value: number): Errno {
  const refuse = (error: Errno, reason = TOOL_43) =>
    td === null ? error : deny(td, error, reason);
  const node = nodeNamed(k, name);
  if (node === null) return refuse(ENOENT);
  if (node.kind !== "run") return refuse(EPERM);
  if (td !== null && !(privileged(td.p_ucred) && unjailed(td.p_ucred))) {
    return refuse(EPERM, JAIL_46);
  }
  const inRange = Number.isSafeInteger(value) && value >= node.min && value <= node.max;
  if (!inRange) return refuse(EINVAL);
  node.write(k, value);
  publish(k);
  return OK;
}

/** The names that exist now, in a fixed order. */
export function sysctlNames(k: Kernel): string[] {
  return NODES.filter((node) => node.exists(k)).map(({ name }) => name);
}

/** How a name may be written, and what `sysctl -d` says of it; null if it does not exist. */
export function sysctlAbout(k: Kernel, name: string): Pick<Node, "kind" | "about"> | null {
  const node = nodeNamed(k, name);
  return node === null ? null : { kind: node.kind, about: node.about };
}
