/**
 * Why a call was refused: the rule, and the limit if it was one, packed into one int so that it
 * crosses the gate beside the errno. `SEM(20, LIMITS.indexOf("kern.ipc.semmns"))`.
 */
declare const reason: unique symbol;
export type Reason = number & { readonly [reason]: true };

const FAMILIES = ["", "COM", "SEM", "SHM", "MSG", "JAIL", "TOOL", "PROC", "HIST"] as const;
const RULES = 1000;
const FAMILY = FAMILIES.length * RULES;

/** Limits a call can meet, by sysctl name (or rctl resource); the index crosses the gate. */
export const LIMIT_NAMES = [
  "",
  "kern.ipc.semmni",
  "kern.ipc.semmns",
  "kern.ipc.semmnu",
  "kern.ipc.semmsl",
  "kern.ipc.semopm",
  "kern.ipc.semume",
  "kern.ipc.semvmx",
  "kern.ipc.semaem",
  "kern.ipc.shmmax",
  "kern.ipc.shmmin",
  "kern.ipc.shmmni",
  "kern.ipc.shmseg",
  "kern.ipc.shmall",
  "kern.ipc.msgmni",
  "kern.ipc.msgmnb",
  "kern.ipc.msgtql",
  "kern.ipc.msgseg",
  "kern.maxproc",
  "children.max",
  "rctl nsem",
  "rctl nsemop",
  "rctl nshm",
  "rctl shmsize",
  "rctl nmsgq",
  "rctl msgqqueued",
  "rctl msgqsize",
] as const;
export type LimitName = (typeof LIMIT_NAMES)[number];

export const NO_REASON = 0 as Reason;

function rule(family: number): (n: number, limit?: LimitName) => Reason {
  return (n, limit = "") => (LIMIT_NAMES.indexOf(limit) * FAMILY + family * RULES + n) as Reason;
}

/** Rules of the reference by family; `SEM(46)` is SEM-46. Make them once, at module level. */
export const COM = rule(1);
export const SEM = rule(2);
export const SHM = rule(3);
export const MSG = rule(4);
export const JAIL = rule(5);
export const TOOL = rule(6);
/** Rules of processes that the reference leaves to the manual pages (fork, wait, kill). */
export const PROC = rule(7);
/** The open questions of the history, for what is ours and not FreeBSD's. */
export const HIST = rule(8);

/** `SEM-20`; empty for NO_REASON. */
export function ruleOf(r: Reason): string {
  if (r === NO_REASON) return "";
  return `${FAMILIES[Math.trunc((r % FAMILY) / RULES)]}-${r % RULES}`;
}

/** The limit that refused, or empty. */
export const limitOf = (r: Reason): LimitName => LIMIT_NAMES[Math.trunc(r / FAMILY)] ?? "";

/** `SEM-20, kern.ipc.semmns`; empty for NO_REASON. */
export const reasonText = (r: Reason): string =>
  [ruleOf(r), limitOf(r)].filter((part) => part !== "").join(", ");
