/** Placement `kernel`: the jails and processes of a case, made on a Kernel value. */
import { errnoName, OK } from "@jailyard/abi/errno";
import { JAIL_CREATE, JAIL_SYS_NAMES, JAIL_UPDATE, type JailParams } from "@jailyard/abi/jail";
import { NSIG, SIGCHLD, SIGKILL, SIGNALS, sigmask } from "@jailyard/abi/signal";
import { FACILITIES, type Facility, type Jid } from "@jailyard/abi/types";
import type { JailOut } from "@jailyard/kernel/jail";
import { jailSet } from "@jailyard/kernel/jailset";
import { type Kernel, makeKernel, tick } from "@jailyard/kernel/kernel";
import { prisonFind } from "@jailyard/kernel/prison";
import { newproc } from "@jailyard/kernel/proc";
import type { Thread } from "@jailyard/kernel/thread";
import type { ConformCase, JailSettings, JailSpec, ProcSpec } from "./case.ts";
import { uidT } from "./structs.ts";

/** A kernel, and what a script calls its processes and jails. */
export interface Stage {
  readonly k: Kernel;
  /** By name; those that have ended stay. */
  readonly procs: Map<string, Thread>;
  readonly pidNames: Map<number, string>;
  readonly jails: Map<string, StageJail>;
}

export interface StageJail {
  jid: Jid;
  /** Dotted name as the host says it. */
  readonly fullName: string;
  /** Not to persist, but it has not had a process yet; persists until then. */
  awaited: boolean;
}

/** Processes of a case, zombies included, with room for all that a script forks. */
const MAXPROC = 2000;
/** The clock stands here at the start: times that are set are not 0. */
const START_MS = 1_000_000_000_000;

/** A handler for every signal that can have one, but for SIGCHLD, which nobody in a script sends. */
export const CATCH_ALL = caughtSignals();

function caughtSignals(): number {
  let mask = 0;
  for (let sig = 1; sig < NSIG; sig++) {
    if (sig !== SIGKILL && sig !== SIGNALS.SIGSTOP && sig !== SIGCHLD) mask |= sigmask(sig);
  }
  return mask;
}

/** @throws Error if the case cannot be set up */
export function makeStage({ limits = {}, jails = {}, procs }: ConformCase): Stage {
  const k = makeKernel({ limits, maxproc: MAXPROC });
  tick(k, START_MS);
  const stage: Stage = { k, procs: new Map(), pidNames: new Map(), jails: new Map() };
  stage.jails.set("host", { jid: k.prison0.pr_id, fullName: "", awaited: false });
  for (const [name, spec] of Object.entries(jails)) makeJail(stage, name, spec);
  for (const [name, spec] of Object.entries(procs)) makeProc(stage, name, spec);
  for (const [name, { persist }] of Object.entries(jails)) {
    const { jail = "host" } = Object.values(procs).find((proc) => proc.jail === name) ?? {};
    if (persist === false && jail === name) dropPersist(stage, name);
  }
  return stage;
}

/** A name that the kernel takes for one part of a jail's name, whatever the script's is. */
const kernelName = (name: string): string =>
  /^[A-Za-z_][\w-]*$/.test(name) ? name : `jail_${Buffer.from(name).toString("hex")}`;

export function fullNameOf(
  jails: ReadonlyMap<string, StageJail>,
  name: string,
  parent: string,
): string {
  const above = jails.get(parent)?.fullName ?? kernelName(parent);
  return above === "" ? kernelName(name) : `${above}.${kernelName(name)}`;
}

/** A full name as the jail `caller` says it, which is not above the host. */
export const nameSeenIn = (caller: string, fullName: string): string =>
  fullName.startsWith(`${caller}.`) ? fullName.slice(caller.length + 1) : fullName;

/** jailsys values cross as ints. */
export function jailParams(settings: JailSettings): Record<string, string | number | boolean> {
  const params: Record<string, string | number | boolean> = {};
  for (const f of FACILITIES) {
    const value = settings[`sysv${f}`];
    if (value !== undefined) params[`sysv${f}`] = JAIL_SYS_NAMES.indexOf(value);
  }
  const bit = settings["allow.sysvipc"];
  if (bit !== undefined) params["allow.sysvipc"] = bit;
  return params;
}

function makeJail(stage: Stage, name: string, spec: JailSpec): void {
  const fullName = fullNameOf(stage.jails, name, spec.parent);
  const above = prisonFind(stage.k, stage.jails.get(spec.parent)!.jid)!;
  const spelled = spelledOut(spec, (f) => above.pr_roots[f] !== null);
  const out: JailOut = { errmsg: "" };
  let error = OK;
  for (const settings of [spec, spelled]) {
    const params: JailParams = { name: fullName, persist: true, ...jailParams(settings) };
    error = jailSet(stage.k, null, params, JAIL_CREATE, out);
    if (error === OK) break;
  }
  if (error !== OK) throw new Error(`jail ${name}: ${errnoName(error)} ${out.errmsg}`);
  stage.jails.set(name, { jid: out.jid!, fullName, awaited: spec.persist === false });
}

/**
 * The settings without allow.sysvipc, which a jail whose parent lacks the bit cannot have: what it
 * stands for, as far as the parent `has` it to give. [JAIL-24]
 */
export function spelledOut(spec: JailSpec, has: (f: Facility) => boolean): JailSettings {
  const { "allow.sysvipc": bit, parent: _parent, persist: _persist, ...settings } = spec;
  for (const f of FACILITIES) {
    if (bit === true && has(f)) settings[`sysv${f}`] ??= "inherit";
  }
  return settings;
}

/** A jail that is not to persist has had its first process: from now on it may die. */
export function dropPersist(stage: Stage, name: string): void {
  const jail = stage.jails.get(name)!;
  if (!jail.awaited) return;
  jail.awaited = false;
  jailSet(stage.k, null, { jid: jail.jid, persist: false }, JAIL_UPDATE, { errmsg: "" });
}

function makeProc(stage: Stage, name: string, { uid, gid, groups, jail = "host" }: ProcSpec): void {
  const prison = prisonFind(stage.k, stage.jails.get(jail)!.jid)!;
  const ids = { uid: uidT(uid), gid: uidT(gid), groups: groups?.map(uidT) ?? [] };
  const td = newproc(stage.k, { ...ids, prison, comm: name });
  if (td === null) throw new Error(`process ${name} cannot be made`);
  addProc(stage, name, td);
}

export function addProc(stage: Stage, name: string, td: Thread): void {
  td.p_sigcatch = CATCH_ALL;
  stage.procs.set(name, td);
  stage.pidNames.set(td.p_pid, name);
}

/** A pid as a script names it; null for 0. */
export const pidName = ({ pidNames }: Stage, pid: number): string | null =>
  pid === 0 ? null : (pidNames.get(pid) ?? `pid ${pid}`);
