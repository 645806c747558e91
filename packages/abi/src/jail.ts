/** sys/jail.h: parameters of a jail as jail_set(2) and jail_get(2) take and give them. */
import type { Facility, Jid } from "./types.ts";

/** Values of a jailsys parameter such as sysvshm. [JAIL-6] */
export const JAIL_SYS_DISABLE = 0;
export const JAIL_SYS_NEW = 1;
export const JAIL_SYS_INHERIT = 2;
export const JAIL_SYS_NAMES = ["disable", "new", "inherit"] as const;
export type JailSysName = (typeof JAIL_SYS_NAMES)[number];

export const JAIL_CREATE = 0x01;
export const JAIL_UPDATE = 0x02;
export const JAIL_ATTACH = 0x04;
export const JAIL_DYING = 0x08;
const JAIL_SET_MASK = 0x0f;
export const unknownJailFlags = (flags: number): number => flags & ~JAIL_SET_MASK;

export const JAIL_MAX = 999999;
export const MAXHOSTNAMELEN = 256;

export type JailValue = string | number | boolean;
/**
 * Parameters by name: jid, name, path, host.hostname, persist, children.max, allow.sysvipc,
 * allow.suser, sysvmsg, sysvsem, sysvshm. A boolean may be negated by `no`: `nopersist`,
 * `allow.nosysvipc`. jailsys values cross as ints.
 */
export type JailParams = Readonly<Record<string, JailValue>>;

/** What jail_get(2) gives for one jail. */
export interface JailInfo {
  jid: Jid;
  name: string;
  /** jid of the parent; 0 if the parent is the caller's own prison. [JAIL-47] */
  parent: Jid;
  path: string;
  "host.hostname": string;
  persist: boolean;
  dying: boolean;
  "children.max": number;
  "children.cur": number;
  "allow.sysvipc": boolean;
  "allow.suser": boolean;
  /** Which change by jail_set(2) this is, from 1, for its third argument. Ours, and no parameter. */
  changes: number;
  /** Absent while the module is. [JAIL-7] */
  sysvmsg?: JailSysName;
  sysvsem?: JailSysName;
  sysvshm?: JailSysName;
}

export const jailParamOf = (f: Facility): "sysvmsg" | "sysvsem" | "sysvshm" => `sysv${f}`;
