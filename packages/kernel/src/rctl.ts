/**
 * Resource accounting and limits for System V IPC, after kern_racct.c and kern_rctl.c.
 *
 * What a process creates is charged to the process, its real user, its login class, its prison and
 * every prison above; a rule with action deny bounds one of them. Containers of jails go by name,
 * as prison_racct does: a rule outlives the jail. There is one login class, `default`. Of the
 * actions there are deny and log, which tells the console once each time that a process passes the
 * amount, and lets it. [COM-33] to [COM-35] [TOOL-46] to [TOOL-52]
 */
import {
  EEXIST,
  EINVAL,
  ENAMETOOLONG,
  ENOSYS,
  EPERM,
  ERANGE,
  type Errno,
  ESRCH,
  OK,
} from "@jailyard/abi/errno";
import { MAXHOSTNAMELEN } from "@jailyard/abi/jail";
import { COM, TOOL } from "@jailyard/abi/reason";
import type { Pid } from "@jailyard/abi/types";
import { privileged, type Ucred, unjailed } from "./cred.ts";
import type { Kernel } from "./kernel.ts";
import { selfAndAncestors } from "./prison.ts";
import { deny, type Thread } from "./thread.ts";

/** Resources of System V IPC in the order in which rctl -u prints them. [TOOL-47] */
export const RESOURCES = [
  "msgqqueued",
  "msgqsize",
  "nmsgq",
  "nsem",
  "nsemop",
  "nshm",
  "shmsize",
] as const;
export type Resource = (typeof RESOURCES)[number];

const SUBJECTS = ["process", "user", "loginclass", "jail"] as const;
export type Subject = (typeof SUBJECTS)[number];
const ACTIONS = ["deny", "log"] as const;
export type Action = (typeof ACTIONS)[number];

export interface Rule {
  readonly subject: Subject;
  /** pid, uid, login class, or full name of a jail as the host says it. */
  readonly id: string;
  readonly resource: Resource;
  readonly action: Action;
  readonly amount: number;
  /** Whose use is compared: the subject's, or that of the caller's container of this kind. */
  readonly per: Subject;
  /** Of a log: processes that have passed the amount, and have been told of. */
  readonly passed: Set<Pid>;
}

const LOGINCLASS = "default";
const TOOL_46 = TOOL(46);
const TOOL_48 = TOOL(48);
const COM_33 = COM(33);

/** The containers of a credential, `subject:id`: user, login class, prison and those above. */
function* containersOf(cred: Ucred): Generator<string> {
  yield `user:${cred.cr_ruid}`;
  yield `loginclass:${LOGINCLASS}`;
  for (const pr of selfAndAncestors(cred.cr_prison)) yield `jail:${pr.pr_name}`;
}

const processOf = (td: Thread): string => `process:${td.p_pid}`;

/** Does a rule about this container bind the process? */
function bindsProcess(rule: Rule, td: Thread): boolean {
  const subject = `${rule.subject}:${rule.id}`;
  if (subject === processOf(td)) return true;
  for (const container of containersOf(td.p_ucred)) if (container === subject) return true;
  return false;
}

/** The container whose use a rule compares for this process. */
function comparedWith({ subject, id, per }: Rule, td: Thread): string {
  if (per === subject) return `${subject}:${id}`;
  const { cr_ruid, cr_prison } = td.p_ucred;
  if (per === "process") return processOf(td);
  if (per === "user") return `user:${cr_ruid}`;
  return per === "jail" ? `jail:${cr_prison.pr_name}` : `loginclass:${LOGINCLASS}`;
}

export class Racct {
  /** A line for the console. */
  tell: (line: string) => void = () => {};
  readonly rules: Rule[] = [];
  /** Use by container; one that is all zero is not kept. */
  readonly #used = new Map<string, Float64Array>();

  /** Charge `amount`; false, and nothing charged, if a rule denies it. [COM-33] */
  add(td: Thread, resource: Resource, amount: number): boolean {
    if (this.#refused(td, resource, amount)) return false;
    this.#change(processOf(td), resource, amount);
    for (const container of containersOf(td.p_ucred)) this.#change(container, resource, amount);
    return true;
  }

  /** How much more the process may take; Infinity if no rule says. */
  available(td: Thread, resource: Resource): number {
    let available = Number.POSITIVE_INFINITY;
    for (const rule of this.rules) {
      if (rule.resource !== resource || rule.action !== "deny" || !bindsProcess(rule, td)) continue;
      available = Math.min(available, this.#left(rule, td));
    }
    return Math.max(0, available);
  }

  /** The deny rule that leaves the process least of a resource, and what is used of it; or null. */
  tightest(td: Thread, resource: Resource): { amount: number; used: number } | null {
    const rules = this.rules.filter(
      (rule) => rule.resource === resource && rule.action === "deny" && bindsProcess(rule, td),
    );
    const [rule] = rules.sort((a, b) => this.#left(a, td) - this.#left(b, td));
    return rule === undefined
      ? null
      : { amount: rule.amount, used: rule.amount - this.#left(rule, td) };
  }

  /** An object is gone: refund its creator's user, login class and prisons. [COM-34] */
  sub(cred: Ucred, resource: Resource, amount: number): void {
    for (const container of containersOf(cred)) this.#change(container, resource, -amount);
  }

  /** A call that charged `amount` fails after all: take it back from the process too. */
  giveBack(td: Thread, resource: Resource, amount: number): void {
    this.#change(processOf(td), resource, -amount);
    this.sub(td.p_ucred, resource, amount);
  }

  /** A process was waited for: what it holds is refunded, live objects or not. [COM-34] */
  reaped(td: Thread): void {
    this.#dropRulesOf(processOf(td));
    for (const rule of this.rules) rule.passed.delete(td.p_pid);
    const used = this.#used.get(processOf(td));
    if (used === undefined) return;
    for (const [i, resource] of RESOURCES.entries()) this.sub(td.p_ucred, resource, used[i]);
    this.#used.delete(processOf(td));
  }

  /** A process that was under `old` has new credentials: its use moves along. */
  credChanged(td: Thread, old: Ucred): void {
    const used = this.#used.get(processOf(td));
    if (used === undefined) return;
    for (const [i, resource] of RESOURCES.entries()) {
      this.sub(old, resource, used[i]);
      for (const container of containersOf(td.p_ucred)) this.#change(container, resource, used[i]);
    }
  }

  /** A jail has another name: its use moves there, rules stay with the old name. */
  jailRenamed(from: string, to: string): void {
    const used = this.#used.get(`jail:${from}`);
    if (used === undefined) return;
    this.#used.delete(`jail:${from}`);
    for (const [i, resource] of RESOURCES.entries()) this.#change(`jail:${to}`, resource, used[i]);
  }

  used(subject: Subject, id: string, resource: Resource): number {
    return this.#used.get(`${subject}:${id}`)?.[RESOURCES.indexOf(resource)] ?? 0;
  }

  /** True if nothing is charged to anybody. */
  get empty(): boolean {
    return this.#used.size === 0;
  }

  #refused(td: Thread, resource: Resource, amount: number): boolean {
    let refused = false;
    for (const rule of this.rules) {
      if (rule.resource !== resource || !bindsProcess(rule, td)) continue;
      if (amount <= this.#left(rule, td)) rule.passed.delete(td.p_pid);
      else if (rule.action === "deny") refused = true;
      else this.#log(rule, td);
    }
    return refused;
  }

  /** What rctl_enforce() prints; not again until the process was below the amount. */
  #log(rule: Rule, { p_pid, p_comm, p_ucred }: Thread): void {
    if (rule.passed.has(p_pid)) return;
    rule.passed.add(p_pid);
    const { cr_ruid, cr_prison } = p_ucred;
    const who = `pid ${p_pid} (${p_comm}), uid ${cr_ruid}, jail ${cr_prison.pr_name}`;
    this.tell(`rctl: rule "${ruleText(rule)}" matched by ${who}`);
  }

  #dropRulesOf(subject: string): void {
    const { rules } = this;
    for (let i = rules.length - 1; i >= 0; i--) {
      if (`${rules[i].subject}:${rules[i].id}` === subject) rules.splice(i, 1);
    }
  }

  #left(rule: Rule, td: Thread): number {
    const used = this.#used.get(comparedWith(rule, td));
    return rule.amount - (used?.[RESOURCES.indexOf(rule.resource)] ?? 0);
  }

  /** Counters are clamped at 0. [COM-34] */
  #change(container: string, resource: Resource, by: number): void {
    let used = this.#used.get(container);
    if (used === undefined) {
      if (by <= 0) return;
      used = new Float64Array(RESOURCES.length);
      this.#used.set(container, used);
    }
    const i = RESOURCES.indexOf(resource);
    used[i] = Math.max(0, used[i] + by);
    if (used[i] === 0 && used.every((amount) => amount === 0)) this.#used.delete(container);
  }
}

/** Parts of a rule that a filter names; an absent part matches anything. */
type Filter = { -readonly [F in keyof Omit<Rule, "passed">]?: Rule[F] };

const oneOf = <T extends string>(words: readonly T[], word: string): T | undefined =>
  words.find((one) => one === word);

/** `subject:id:resource:action=amount/per`, any part empty or left off from the end. [TOOL-46] */
function parseFilter(text: string): Filter | Errno {
  const [subject = "", id = "", resource = "", limit = "", ...rest] = text.split(":");
  const [action = "", quantity = "", ...more] = limit.split("=");
  const [amount = "", per = ""] = quantity.split("/");
  const filter: Filter = {};
  if (rest.length > 0 || more.length > 0) return EINVAL;
  if (!setWord(filter, "subject", SUBJECTS, subject)) return EINVAL;
  if (!setWord(filter, "resource", RESOURCES, resource)) return EINVAL;
  if (!setWord(filter, "action", ACTIONS, action)) return EINVAL;
  if (!setWord(filter, "per", SUBJECTS, per)) return EINVAL;
  if (id !== "") filter.id = id;
  const numeric = filter.subject === "process" || filter.subject === "user";
  if (id !== "" && (subject === "" || (numeric && !/^\d+$/.test(id)))) return EINVAL;
  if (amount === "") return filter;
  if (!/^-?\d+$/.test(amount)) return EINVAL;
  filter.amount = Number(amount);
  return filter.amount < 0 || !Number.isSafeInteger(filter.amount) ? ERANGE : filter;
}

/** Note a word of a filter; false if it is none that is known. */
function setWord<F extends "subject" | "resource" | "action" | "per">(
  filter: Filter,
  field: F,
  words: readonly NonNullable<Filter[F]>[],
  word: string,
): boolean {
  if (word === "") return true;
  const known = oneOf(words as readonly string[], word) as Filter[F];
  if (known !== undefined) filter[field] = known;
  return known !== undefined;
}

/** A rule from a filter that leaves nothing open; null if it does. */
function wholeRule(filter: Filter): Rule | null {
  const { subject, id, resource, action, amount, per } = filter;
  if (subject === undefined || id === undefined || resource === undefined) return null;
  if (action === undefined || amount === undefined) return null;
  return { subject, id, resource, action, amount, per: per ?? subject, passed: new Set() };
}

const FIELDS = ["subject", "id", "resource", "action", "amount", "per"] as const;

const matches = (rule: Rule, filter: Filter): boolean =>
  FIELDS.every((field) => filter[field] === undefined || filter[field] === rule[field]);

/** As rctl prints it: `jail:web:nshm:deny=2`. */
export function ruleText({ subject, id, resource, action, amount, per }: Rule): string {
  const suffix = per === subject ? "" : `/${per}`;
  return `${subject}:${id}:${resource}:${action}=${amount}${suffix}`;
}

/** Accounting is off: ENOSYS. Only root of the host: EPERM. `td` null is root of the host. */
function rctlCheck(k: Kernel, td: Thread | null): Errno {
  if (k.racct === null) return td === null ? ENOSYS : deny(td, ENOSYS, TOOL_48);
  if (td === null || (privileged(td.p_ucred) && unjailed(td.p_ucred))) return OK;
  return deny(td, EPERM, COM_33);
}

const refuse = (td: Thread | null, error: Errno): Errno =>
  td === null ? error : deny(td, error, TOOL_46);

/**
 * rctl_add_rule(2).
 * @returns OK; ENOSYS, EPERM; EINVAL for a rule that is malformed or not complete, ENAMETOOLONG for
 * a name that no jail can have, ERANGE for its amount, ESRCH for a process that is not there, EEXIST for a rule that is
 */
export function rctlAddRule(k: Kernel, td: Thread | null, text: string): Errno {
  const error = rctlCheck(k, td);
  if (error !== OK) return error;
  const filter = parseFilter(text);
  if (typeof filter === "number") return refuse(td, filter);
  const rule = wholeRule(filter);
  if (rule === null) return refuse(td, EINVAL);
  if (rule.id.length >= MAXHOSTNAMELEN) return refuse(td, ENAMETOOLONG);
  if (rule.subject === "process" && !k.procs.has(Number(rule.id) as Pid)) return refuse(td, ESRCH);
  const { rules } = k.racct!;
  if (rules.some((other) => matches(other, filter) && other.per === rule.per)) {
    return refuse(td, EEXIST);
  }
  rules.push(rule);
  return OK;
}

/** rctl_remove_rule(2): every rule that the filter matches. ESRCH if there is none. */
export function rctlRemoveRule(k: Kernel, td: Thread | null, text: string): Errno {
  const error = rctlCheck(k, td);
  if (error !== OK) return error;
  const filter = parseFilter(text);
  if (typeof filter === "number") return refuse(td, filter);
  const { rules } = k.racct!;
  const kept = rules.filter((rule) => !matches(rule, filter));
  if (kept.length === rules.length) return refuse(td, ESRCH);
  rules.splice(0, rules.length, ...kept);
  return OK;
}

/** rctl_get_rules(2): the rules that the filter matches, oldest first, into `out`. */
export function rctlGetRules(k: Kernel, td: Thread | null, text: string, out: string[]): Errno {
  const error = rctlCheck(k, td);
  if (error !== OK) return error;
  const filter = parseFilter(text);
  if (typeof filter === "number") return refuse(td, filter);
  for (const rule of k.racct!.rules) if (matches(rule, filter)) out.push(ruleText(rule));
  return OK;
}

/** rctl_get_limits(2) of `process:pid`: the rules that bind it, into `out`. ESRCH, EINVAL */
export function rctlGetLimits(k: Kernel, td: Thread | null, text: string, out: string[]): Errno {
  const error = rctlCheck(k, td);
  if (error !== OK) return error;
  const filter = parseFilter(text);
  if (typeof filter === "number") return refuse(td, filter);
  const { subject, id } = filter;
  if (subject !== "process" || id === undefined) return refuse(td, EINVAL);
  const target = k.procs.get(Number(id) as Pid);
  if (target === undefined) return refuse(td, ESRCH);
  for (const rule of k.racct!.rules) if (bindsProcess(rule, target)) out.push(ruleText(rule));
  return OK;
}

/** What rctl_get_racct(2) gives. */
export type Usage = [resource: Resource, amount: number];

/** rctl_get_racct(2) of `subject:id`. Of a process only nsemop is shown, which is 0. [COM-35] */
export function rctlGetRacct(k: Kernel, td: Thread | null, text: string, out: Usage[]): Errno {
  const error = rctlCheck(k, td);
  if (error !== OK) return error;
  const filter = parseFilter(text);
  if (typeof filter === "number") return refuse(td, filter);
  const { subject, id } = filter;
  if (subject === undefined || id === undefined) return refuse(td, EINVAL);
  const isProcess = subject === "process";
  if (isProcess && !k.procs.has(Number(id) as Pid)) return refuse(td, ESRCH);
  for (const resource of RESOURCES) {
    if (isProcess && resource !== "nsemop") continue;
    out.push([resource, k.racct!.used(subject, id, resource)]);
  }
  return OK;
}
