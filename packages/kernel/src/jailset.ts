/**
 * jail_set(2): make a jail or change one, after kern_jail_set() of sys/kern/kern_jail.c.
 *
 * All tests come first, in FreeBSD's order; a call that fails changes nothing, and gives no jid
 * away. Missing: files, so that a path is not looked up; securelevel; descriptors of jails.
 * [JAIL-11] to [JAIL-28] [JAIL-36] to [JAIL-47]
 */
import {
  EAGAIN,
  EBUSY,
  EEXIST,
  EINVAL,
  ENAMETOOLONG,
  ENOENT,
  ENOTDIR,
  EPERM,
  type Errno,
  OK,
} from "@jailyard/abi/errno";
import {
  JAIL_ATTACH,
  JAIL_CREATE,
  JAIL_MAX,
  JAIL_SYS_DISABLE,
  JAIL_SYS_INHERIT,
  JAIL_UPDATE,
  type JailParams,
  MAXHOSTNAMELEN,
  unknownJailFlags,
} from "@jailyard/abi/jail";
import { JAIL, type Reason } from "@jailyard/abi/reason";
import { FACILITIES, type Facility, type Jid } from "@jailyard/abi/types";
import { enterPrison, type JailOut, jailError, mayJail, prisonOf } from "./jail.ts";
import { isInt, type JailRequest, nameTooLong, readJailParams } from "./jailparam.ts";
import type { Kernel } from "./kernel.ts";
import {
  descend,
  fullName,
  linkPrison,
  nameSeenBy,
  newPrison,
  PRISON_ALIVE,
  type Prison,
  prisonFind,
  prisonFindName,
  prisonIschild,
  prisonPersist,
  selfAndAncestors,
} from "./prison.ts";
import type { Thread } from "./thread.ts";

const JAIL_11 = JAIL(11);
const JAIL_24 = JAIL(24);
const JAIL_36 = JAIL(36);
const JAIL_37 = JAIL(37);
const JAIL_38 = JAIL(38);
const JAIL_39 = JAIL(39);
const JAIL_40 = JAIL(40);
const JAIL_41 = JAIL(41);
const JAIL_42 = JAIL(42, "children.max");
const JAIL_43 = JAIL(43, "children.max");
const JAIL_91 = JAIL(91);

/** One call, and what its tests have found so far. */
interface JailCall {
  readonly td: Thread | null;
  readonly me: Prison;
  readonly flags: number;
  readonly out: JailOut;
  readonly request: JailRequest;
  /** The jail to change; null: one is to be made. */
  pr: Prison | null;
  /** The parent of the jail, to be or as it is. */
  parent: Prison;
  /** Last part of the name; null if none is given. */
  namelc: string | null;
  /** The jid of a jail to be made; 0: the next automatic one. */
  jid: number;
}

/**
 * jail_set(2). Without a process behind it (`td` null) it cannot attach. `changes`, ours: the jail has
 * to be as it was when jail_get gave this number; 0: as it may be.
 *
 * @returns OK, the jid in td_retval and `out.jid`; EPERM, EINVAL, ENAMETOOLONG, ENOENT, ENOTDIR,
 * EAGAIN, EEXIST, or EBUSY for one that was changed meanwhile, nothing changed, `out.errmsg` the kernel's text if it has one [JAIL-36]
 */
export function jailSet(
  k: Kernel,
  td: Thread | null,
  params: JailParams,
  flags: number,
  out: JailOut,
  changes = 0,
): Errno {
  out.errmsg = "";
  const me = prisonOf(k, td);
  let error = checkFlags(td, me, flags, out);
  if (error !== OK) return error;
  const request = readJailParams(k, params);
  if (request === null) return jailError(td, out, EINVAL, JAIL_36);
  const call: JailCall = {
    td,
    me,
    flags,
    out,
    request,
    pr: null,
    parent: me,
    namelc: null,
    jid: 0,
  };
  error = checkRequest(call);
  if (error === OK) error = findByJid(k, call);
  if (error === OK) error = findByName(k, call);
  if (error === OK && changes !== 0) error = checkUnchanged(call, changes);
  if (error === OK && call.pr === null) error = checkCreation(k, call);
  if (error === OK) error = checkValues(k, call);
  return error === OK ? carryOut(k, call) : error;
}

/** Two who change one jail at once: one wins, the other is told. */
const checkUnchanged = (call: JailCall, changes: number): Errno =>
  call.pr === null || call.pr.pr_changes === changes ? OK : fail(call, EBUSY, JAIL_36, CHANGED);

const fail = ({ td, out }: JailCall, error: Errno, reason: Reason, errmsg = ""): Errno =>
  jailError(td, out, error, reason, errmsg);

/** Steps 1 to 4. */
function checkFlags(td: Thread | null, me: Prison, flags: number, out: JailOut): Errno {
  if ((flags & JAIL_CREATE) !== 0 && me.pr_childmax === 0) {
    return jailError(td, out, EPERM, JAIL_43);
  }
  if (unknownJailFlags(flags) !== 0) return jailError(td, out, EINVAL, JAIL_36);
  if ((flags & (JAIL_CREATE | JAIL_UPDATE)) === 0) {
    return jailError(td, out, EINVAL, JAIL_36, "no valid operation (create or update)");
  }
  const cannotAttach = td === null && (flags & JAIL_ATTACH) !== 0;
  return mayJail(td) && !cannotAttach ? OK : jailError(td, out, EPERM, JAIL_36);
}

const CHANGED = "another changed it meanwhile: look at it with jls, and try again";
const MUST_PERSIST = "new jail must persist or attach";

/** Steps 6 to 9. */
function checkRequest(call: JailCall): Errno {
  const { request, flags, me } = call;
  if ((flags & (JAIL_UPDATE | JAIL_ATTACH)) === 0 && request.persist !== true) {
    return fail(call, EINVAL, JAIL_36, MUST_PERSIST);
  }
  if (nameTooLong(request)) return fail(call, ENAMETOOLONG, JAIL_36);
  const { path } = request;
  if (path !== undefined) {
    if ((flags & JAIL_UPDATE) !== 0) {
      return fail(call, EINVAL, JAIL_36, "path cannot be changed after creation");
    }
    if (path === "") return fail(call, ENOENT, JAIL_36);
    if (!path.startsWith("/")) return fail(call, ENOTDIR, JAIL_36); // nobody has a current directory
  }
  return me.pr_state === PRISON_ALIVE ? OK : fail(call, EAGAIN, JAIL_36);
}

const mustExist = ({ flags }: JailCall): boolean => (flags & JAIL_CREATE) === 0;
const mustBeNew = ({ flags }: JailCall): boolean => (flags & JAIL_UPDATE) === 0;
/** What strtoul takes for a number. [JAIL-40] */
const NUMBER = /^\s*[+-]?\d+$/;

const lastPart = (name: string): string => name.slice(name.lastIndexOf(".") + 1);

/** Step 10, the jid. A dying jail does not stand in the way of a new one. [JAIL-38] [JAIL-57] */
function findByJid(k: Kernel, call: JailCall): Errno {
  const { request, me } = call;
  let { jid } = request;
  if (jid === 0 && mustBeNew(call)) jid = jidOfName(request.name);
  if (jid < 0) return fail(call, EINVAL, JAIL_37, "negative jid");
  call.jid = jid;
  if (jid === 0) return OK;
  const pr = prisonFind(k, jid);
  const alive = pr !== null && pr.pr_state === PRISON_ALIVE;
  if (alive && mustBeNew(call)) return fail(call, EEXIST, JAIL_38, `jail ${jid} already exists`);
  const hidden = alive && !prisonIschild(me, pr); // ENOENT for create-or-update, too
  if (hidden || (!alive && mustExist(call))) {
    return fail(call, ENOENT, JAIL_38, `jail ${jid} not found`);
  }
  if (alive) {
    call.pr = pr;
    call.parent = pr.pr_parent!;
  }
  return OK;
}

/** A new jail whose name is a number has that jid; 0 if it is none. [JAIL-40] */
function jidOfName(name: string): number {
  const part = lastPart(name);
  return NUMBER.test(part) && isInt(Number(part)) ? Number(part) : 0;
}

/** Step 10, the name: the parent it says, then who has it. [JAIL-39] [JAIL-41] [JAIL-91] */
function findByName(k: Kernel, call: JailCall): Errno {
  const { name } = call.request;
  if (name === "") {
    const nobody = mustExist(call) && call.pr === null;
    return nobody ? fail(call, ENOENT, JAIL_41, "update specified no jail") : OK;
  }
  const error = findParent(k, call, name);
  if (error !== OK) return error;
  const namelc = lastPart(name);
  if (namelc === "") return OK;
  call.namelc = namelc;
  const full = fullName(call.parent, namelc);
  for (const pr of call.parent.pr_children) {
    if (pr === call.pr || pr.pr_name !== full || pr.pr_state !== PRISON_ALIVE) continue;
    if (call.pr !== null || mustBeNew(call)) {
      return fail(call, EEXIST, JAIL_39, `jail "${name}" already exists`);
    }
    call.pr = pr;
    return OK;
  }
  const missing = call.pr === null && mustExist(call);
  return missing ? fail(call, ENOENT, JAIL_91, `jail "${name}" not found`) : OK;
}

/** The parent that a dotted name says exists, or is the one that the jail has. */
function findParent(k: Kernel, call: JailCall, name: string): Errno {
  const dot = name.lastIndexOf(".");
  if (dot === -1) return OK;
  const above = name.slice(0, dot);
  const { me, pr, parent } = call;
  if (pr !== null) {
    const same = parent !== me && nameSeenBy(me, parent) === above;
    return same ? OK : fail(call, EINVAL, JAIL_39, "cannot change jail's parent");
  }
  const found = prisonFindName(k, me, above);
  if (found === null || found.pr_state !== PRISON_ALIVE) {
    return fail(call, ENOENT, JAIL_39, `jail "${above}" not found`);
  }
  call.parent = found;
  return OK;
}

/** Steps 11 and 12: may there be one more, and is there a jid for it? */
function checkCreation(k: Kernel, call: JailCall): Errno {
  const { me, request, flags } = call;
  if (request.persist !== true && (flags & JAIL_ATTACH) === 0) {
    return fail(call, EINVAL, JAIL_36, MUST_PERSIST); // create-or-update came to create
  }
  for (const pr of selfAndAncestors(me)) {
    if (pr.pr_childcount >= pr.pr_childmax) {
      return fail(call, EPERM, JAIL_43, "prison limit exceeded");
    }
  }
  const free =
    call.jid === 0 ? nextJid(k) !== 0 : prisonFind(k, call.jid) === null || lastFreeJid(k) !== 0;
  return free ? OK : fail(call, EAGAIN, JAIL_37, "no available jail IDs");
}

/** The jid after the last automatic one that nobody has; 0 if there is none. [JAIL-37] */
function nextJid(k: Kernel): number {
  let jid = k.lastJid;
  for (let tried = 0; tried < JAIL_MAX; tried++) {
    jid = jid >= JAIL_MAX ? 1 : jid + 1;
    if (prisonFind(k, jid) === null) return jid;
  }
  return 0;
}

/** For a dying jail whose jid a new one takes, counted down; 0 if there is none. [JAIL-57] */
function lastFreeJid(k: Kernel): number {
  let jid = JAIL_MAX;
  while (jid > 0 && prisonFind(k, jid) !== null) jid--;
  return jid;
}

/** Steps 13 to 17. */
function checkValues(k: Kernel, call: JailCall): Errno {
  const { request, parent } = call;
  const { childmax } = request;
  if (childmax !== undefined && childmax >= parent.pr_childmax) return fail(call, EPERM, JAIL_42);
  const badName = checkName(k, call);
  if (badName !== OK) return badName;
  const lacksBit =
    (request.sysvipc === true && !parent.pr_allow_sysvipc) ||
    (request.suser === true && !parent.pr_allow_suser);
  if (lacksBit) return fail(call, EPERM, JAIL_24);
  for (const f of FACILITIES) {
    const error = checkJailsys(k, call, f);
    if (error !== OK) return error;
  }
  const { unknown } = request;
  return unknown === null ? OK : fail(call, EINVAL, JAIL_36, `unknown parameter: ${unknown}`);
}

/** A name may be a number only if it is the jid; and names below it must still fit. [JAIL-40] */
function checkName(k: Kernel, call: JailCall): Errno {
  const { namelc, pr, parent, jid } = call;
  if (namelc === null) return OK;
  if (NUMBER.test(namelc) && namelc !== String(pr?.pr_id ?? (jid || nextJid(k)))) {
    return fail(call, EINVAL, JAIL_40, "name cannot be numeric (unless it is the jid)");
  }
  const longest = fullName(parent, namelc).length + (pr === null ? 0 : tailOf(pr));
  return longest < MAXHOSTNAMELEN ? OK : fail(call, ENAMETOOLONG, JAIL_36);
}

/** How much longer than its own the longest name below a prison is. */
function tailOf(pr: Prison): number {
  let tail = 0;
  descend(pr, (below) => {
    tail = Math.max(tail, below.pr_name.length - pr.pr_name.length);
    return true;
  });
  return tail;
}

/** The module's own test; the parent is the jail's, not the caller's prison. [JAIL-11] [JAIL-12] */
function checkJailsys(k: Kernel, call: JailCall, f: Facility): Errno {
  const value = call.request.jailsys[f];
  if (value === undefined) return OK;
  if (!isInt(value) || value < JAIL_SYS_DISABLE || value > JAIL_SYS_INHERIT) {
    return fail(call, EINVAL, JAIL_11);
  }
  return k.model.jailsys!.permits(f, call.parent, value) ? OK : fail(call, EPERM, JAIL_11);
}

/** All tests are passed: make the changes. A jail that loses persist may die by that, last. */
function carryOut(k: Kernel, call: JailCall): Errno {
  const { td, flags, request, out } = call;
  const pr = call.pr ?? create(k, call);
  pr.pr_changes++;
  rename(k, call, pr);
  if (request.hostname !== undefined) pr.pr_hostname = request.hostname;
  if (request.persist === true) prisonPersist(k, pr, true);
  if (request.childmax !== undefined) setChildmax(pr, request.childmax);
  setAllow(k, pr, request);
  for (const f of FACILITIES) setJailsys(k, pr, request, f);
  if (td !== null && (flags & JAIL_ATTACH) !== 0) enterPrison(k, td, pr);
  out.jid = pr.pr_id;
  if (td !== null) td.td_retval = pr.pr_id;
  if (request.persist === false) prisonPersist(k, pr, false);
  return OK;
}

/** A new prison below its parent, with the defaults. [JAIL-8] [JAIL-42] [JAIL-45] */
function create(k: Kernel, { parent, jid: asked, namelc, me, request }: JailCall): Prison {
  const dying = asked === 0 ? null : prisonFind(k, asked);
  if (dying !== null) dying.pr_id = lastFreeJid(k) as Jid;
  const jid = asked === 0 ? nextJid(k) : asked;
  if (asked === 0) k.lastJid = jid;
  const name = fullName(parent, namelc ?? String(jid));
  const pr = newPrison(++k.prisonSerial, jid as Jid, name, parent);
  pr.pr_hostname = parent.pr_hostname;
  pr.pr_allow_suser = parent.pr_allow_suser;
  const root = me.pr_path === "/" ? "" : me.pr_path;
  pr.pr_path = root + (request.path ?? "/");
  if (pr.pr_path.length > 1) pr.pr_path = pr.pr_path.replace(/\/+$/, "") || "/";
  linkPrison(k, pr);
  for (const f of FACILITIES) {
    if (k.modules[f].loaded) k.model.created(k, f, pr);
    else pr.pr_noipc[f] = true;
  }
  return pr;
}

/** The jail's name, and with it the beginning of every name below it. */
function rename(k: Kernel, { namelc, parent }: JailCall, pr: Prison): void {
  if (namelc === null) return;
  const from = pr.pr_name;
  const to = fullName(parent, namelc);
  if (from === to) return;
  const change = (one: Prison): true => {
    const old = one.pr_name;
    one.pr_name = to + old.slice(from.length);
    k.racct?.jailRenamed(old, one.pr_name);
    return true;
  };
  change(pr);
  descend(pr, change);
}

/** children.max; by each level below there is one less to have. [JAIL-42] */
function setChildmax(pr: Prison, childmax: number): void {
  pr.pr_childmax = childmax;
  for (const child of pr.pr_children) {
    const most = Math.max(0, childmax - 1);
    if (child.pr_childmax > most) setChildmax(child, most);
  }
}

/** The allow bits; what is taken from a jail is taken from all below it. [JAIL-23] [JAIL-25] */
function setAllow(k: Kernel, pr: Prison, { sysvipc, suser }: JailRequest): void {
  if (sysvipc === undefined && suser === undefined) return;
  if (sysvipc === true) pr.pr_allow_sysvipc = true;
  if (suser === true) pr.pr_allow_suser = true;
  const clear = (one: Prison): true => {
    if (sysvipc === false) one.pr_allow_sysvipc = false;
    if (suser === false) one.pr_allow_suser = false;
    return true;
  };
  clear(pr);
  descend(pr, clear);
  k.hooks.revoke(pr);
}

/** What the parameter asks, else what allow.sysvipc in the same call does. [JAIL-14] */
function setJailsys(k: Kernel, pr: Prison, { jailsys, sysvipc }: JailRequest, f: Facility): void {
  if (!k.modules[f].loaded) return;
  const alias = sysvipc === true ? JAIL_SYS_INHERIT : JAIL_SYS_DISABLE;
  const value = (jailsys[f] as number | undefined) ?? (sysvipc === undefined ? undefined : alias);
  if (value === undefined) return;
  if (k.model.jailsys !== null) {
    pr.pr_noipc[f] = false;
    k.model.jailsys.set(k, f, pr, value);
    k.hooks.revoke(pr);
  } else if (value === JAIL_SYS_INHERIT && pr.pr_noipc[f]) {
    pr.pr_noipc[f] = false; // the only way to let in whom a late load did not
    k.model.created(k, f, pr);
  }
}
