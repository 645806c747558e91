/** Why a call was refused, in full: the rule, and where it is a limit, its numbers and who uses it. */
import { type LimitName, limitOf, type Reason, ruleOf } from "./reason.ts";

/** Who uses most of a limit. */
export interface Holder {
  readonly jid: number;
  /** As the caller says it; `0` for the host, empty for the caller's own jail. */
  readonly jail: string;
  readonly amount: number;
}

/** Numbers of a limit, in its own unit; null where there is none. */
export interface LimitUse {
  readonly value: number | null;
  /** On the host all that is in use, in a jail what it and the jails below it use. */
  readonly use: number | null;
  readonly request: number | null;
  /** Among those whom the caller may see. */
  readonly holder: Holder | null;
}

export interface Refusal extends LimitUse {
  /** `SEM-20`; empty if the call is refused by no rule of the kernel's. */
  readonly rule: string;
  /** `kern.ipc.semmns`, `rctl nsem`; empty if it is no limit. */
  readonly limit: LimitName;
}

/** What fails at a limit, or does not, told to the process: it crosses the gate in JSON. */
export interface Told {
  readonly errmsg?: string;
  readonly limit?: LimitUse;
}

const UNKNOWN: LimitUse = { value: null, use: null, request: null, holder: null };

export const refusalOf = (reason: Reason, numbers: LimitUse = UNKNOWN): Refusal => ({
  rule: ruleOf(reason),
  limit: limitOf(reason),
  ...numbers,
});

/** `SEM-20: kern.ipc.semmns is 60; 17 asked for, 55 in use, most by jail web: 34`. */
export function refusalText({ rule, limit, value, use, request, holder }: Refusal): string {
  if (limit === "") return rule;
  const parts: string[] = [];
  if (request !== null) parts.push(`${request} asked for`);
  if (use !== null) parts.push(`${use} in use`);
  if (holder !== null) parts.push(`most by ${holderText(holder)}: ${holder.amount}`);
  const numbers = parts.length === 0 ? "" : `; ${parts.join(", ")}`;
  return `${rule}: ${limit}${value === null ? "" : ` is ${value}`}${numbers}`;
}

function holderText({ jid, jail }: Holder): string {
  if (jail === "") return "this jail";
  return jid === 0 ? "the host" : `jail ${jail}`;
}
