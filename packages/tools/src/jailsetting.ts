/** The half of jail(8) that makes and changes a jail, and runs a command in it. */
import {
  JAIL_CREATE,
  JAIL_SYS_NAMES,
  JAIL_UPDATE,
  type JailInfo,
  type JailParams,
  type JailValue,
} from "@jailyard/abi/jail";
import { jailParamNamed, negatedParam, parseJailParam } from "@jailyard/abi/jailparam";
import type { Process } from "@jailyard/trap/process";
import { commandOf, execute } from "./execvp.ts";
import { jailNamed } from "./jails.ts";
import { uidOf } from "./owners.ts";
import { attempt, failed, reasonOf, type Surroundings } from "./tool.ts";
import { warnx } from "./warn.ts";

export interface JailHow {
  readonly create: boolean;
  readonly modify: boolean;
  /** -rc, -mr and -cmr: remove the jail where that is what it takes. */
  readonly restart: boolean;
  /** -i: print the jid of a new jail. */
  readonly jidOnly: boolean;
  /** -v: show each call, and what became of it. */
  readonly verbose: boolean;
  /** Who runs the command. */
  readonly user: string | undefined;
  readonly around: Surroundings;
  /** @returns why not */
  remove(jail: JailInfo): Promise<string | null>;
}

/** What the operands describe. */
interface Described {
  /** As messages call the jail: its name, else its jid, else nothing. */
  readonly title: string;
  readonly params: JailParams;
  /** Words after command=; null if there is none. */
  readonly command: readonly string[] | null;
}

/** @returns the exit status */
export async function setJail(
  p: Process,
  operands: readonly string[],
  how: JailHow,
): Promise<number> {
  const described = describe(operands);
  const uid = how.user === undefined ? 0 : uidOf(how.user);
  let why: string | null;
  if (typeof described === "string") why = described;
  else if (uid === null) why = `${how.user}: no such user`;
  else why = await carryOut(p, described, how, uid);
  if (why === null) return 0;
  warnx(p, why);
  return 1;
}

/** Or what is wrong with them, as libjail says it. [TOOL-35] */
function describe(operands: readonly string[]): Described | string {
  const at = operands.findIndex((operand) => operand.startsWith("command="));
  const words = at === -1 ? operands : operands.slice(0, at);
  const given = (name: string) => words.findLast((word) => word.startsWith(`${name}=`));
  const title = (given("name") ?? given("jid") ?? "=").replace(/^\w*=/, "");
  const params = paramsOf(words, title);
  if (typeof params === "string") return params;
  const command = at === -1 ? null : [operands[at].slice(8), ...operands.slice(at + 1)];
  return { title, params, command };
}

/** `name=value` and the like as jail_set(2) takes them, or what is wrong; the last word counts. */
export function paramsOf(words: readonly string[], title: string): JailParams | string {
  const params: Record<string, JailValue> = {};
  for (const word of words) {
    const parsed = parseJailParam(word);
    if (parsed.error !== undefined) return `${title === "" ? "" : `${title}: `}${parsed.error}`;
    const known = jailParamNamed(parsed.name);
    if (known === undefined) return `unknown parameter: ${parsed.name}`;
    delete params[known.negated ? known.param.name : negatedParam(parsed.name)];
    params[parsed.name] = parsed.value;
  }
  return params;
}

/** @returns why not */
async function carryOut(
  p: Process,
  described: Described,
  how: JailHow,
  uid: number,
): Promise<string | null> {
  const { title, params } = described;
  const found = title === "" ? `"${title}"` : await jailNamed(p, String(params.jid ?? params.name));
  const jail = typeof found === "string" ? null : found;
  if (how.create && !how.modify && !how.restart && jail !== null)
    return `"${title}" already exists`;
  if (how.modify && !how.create && jail === null && title !== "") return `"${title}" not found`;
  if (how.modify && !how.create && jail === null) return onlyCall(p, described, how); // says why not
  const changes = how.modify && jail !== null;
  const first = changes ? await change(p, described, how, jail) : null;
  const again = how.restart && jail !== null && (!changes || first !== null);
  if (changes && !again) return first ?? runIn(p, described, how, uid, jail.jid);
  if (again) {
    const why = await how.remove(jail);
    if (why !== null) return why;
    if (how.verbose) p.print(`${jail.name}: removed`);
  }
  return create(p, described, how, uid);
}

/** A change of no jail in particular: the kernel has a text for it. [JAIL-41] */
async function onlyCall(p: Process, { title, params }: Described, how: JailHow) {
  const jid = await call(p, title, params, JAIL_UPDATE, how);
  return typeof jid === "string" ? jid : null;
}

/** @returns why not */
async function change(
  p: Process,
  { title, params }: Described,
  how: JailHow,
  jail: JailInfo,
): Promise<string | null> {
  const jid = await call(p, title, params, JAIL_UPDATE, how, jail.changes);
  if (typeof jid === "string") return jid;
  if (how.verbose) p.print(`${jail.name}: updated`);
  return null;
}

/** A jail that does not persist lives as long as its command. */
async function create(
  p: Process,
  described: Described,
  how: JailHow,
  uid: number,
): Promise<string | null> {
  const { title, params, command } = described;
  const stays = params.persist === true || command === null;
  const made = stays ? params : { ...without(params, "nopersist"), persist: true };
  const jid = await call(p, title, made, JAIL_CREATE, how);
  if (typeof jid === "string") return jid;
  const name = title === "" ? String(jid) : title;
  if (how.jidOnly) p.print(String(jid));
  if (how.verbose) p.print(`${name}: created`);
  const why = await runIn(p, { ...described, title: name }, how, uid, jid);
  if (!stays) await attempt(p.jail_set({ jid, nopersist: true }, JAIL_UPDATE));
  return why;
}

function without(params: JailParams, name: string): JailParams {
  const { [name]: _, ...rest } = params;
  return rest;
}

/** jail_set(2), shown with -v. @returns the jid, or why not [TOOL-35] [TOOL-37] */
export async function call(
  p: Process,
  title: string,
  params: JailParams,
  flags: number,
  { verbose }: Pick<JailHow, "verbose">,
  changes = 0,
): Promise<number | string> {
  const result = await attempt(p.jail_set(params, flags, changes));
  const prefix = title === "" ? "" : `${title}: `;
  if (verbose)
    p.print(`${prefix}${callText(params, flags)}${failed(result) ? `: ${reasonOf(result)}` : ""}`);
  if (!failed(result)) return result;
  if (/not found$|already exists$|^unknown parameter/.test(result.errmsg)) return result.errmsg;
  return prefix + (result.errmsg || `jail_set: ${reasonOf(result)}`);
}

function callText(params: JailParams, flags: number): string {
  const name = flags === JAIL_CREATE ? "JAIL_CREATE" : "JAIL_UPDATE";
  return [`jail_set(${name})`, ...Object.entries(params).map(paramText)].join(" ");
}

function paramText([name, value]: [string, JailValue]): string {
  if (typeof value === "boolean") return value ? name : negatedParam(name);
  const isJailsys = jailParamNamed(name)?.param.kind === "jailsys";
  const shown = isJailsys ? (JAIL_SYS_NAMES[Number(value)] ?? value) : value;
  return `${name}=${shown}`;
}

/** Run the command, if there is one, in a child that enters the jail. @returns why not */
async function runIn(
  p: Process,
  { title, command: words }: Described,
  { around }: JailHow,
  uid: number,
  jid: number,
): Promise<string | null> {
  if (words === null) return null;
  const pid = await startIn(p, { title, words, around, uid, jid });
  const ended = await p.wait(pid);
  return ended?.status === 0 ? null : `${title}: ${words.join(" ")}: failed`;
}

export interface Run {
  /** As messages call the jail. */
  readonly title: string;
  readonly words: readonly string[];
  readonly around: Surroundings;
  readonly uid: number;
  /** null: on the host. */
  readonly jid: number | null;
}

/** Start a command in a child, which complains for itself. @returns its pid */
export const startIn = (p: Process, { title, words, around, uid, jid }: Run): Promise<number> =>
  p.fork(async (child) => {
    const attached = jid === null ? undefined : await attempt(child.jail_attach(jid));
    if (failed(attached)) return complainIn(child, `${title}: jail_attach: ${reasonOf(attached)}`);
    const set = uid === 0 ? undefined : await attempt(child.setcred(uid, uid));
    if (failed(set)) return complainIn(child, `${title}: setusercontext: ${reasonOf(set)}`);
    const command = await commandOf(words, around);
    if (typeof command === "string") return complainIn(child, command);
    return execute(child, command);
  });

function complainIn(child: Process, why: string): number {
  warnx(child, why);
  return 1;
}
