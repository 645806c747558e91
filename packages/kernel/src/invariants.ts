/**
 * What must hold in a kernel whenever nothing can run: counts equal contents, links are sound.
 *
 * Each check says what it finds broken and goes on, so that one report has all of it.
 */
import { MSG_LOCKED } from "@jailyard/abi/msg";
import { PAGE_SIZE } from "@jailyard/abi/shm";
import { FACILITIES, type Facility } from "@jailyard/abi/types";
import { KERNEL } from "@jailyard/memory/sleepers";
import { SLEEPS_MSG, SLEEPS_SEM } from "./commons.ts";
import { sleepsElsewhere, waitsElsewhere } from "./elsewhere.ts";
import { tableOf } from "./facility.ts";
import { type IpcPage, P_IX, P_KEY, P_MODE, P_SLEEP_HEAD, P_SLEEPERS } from "./ipcpage.ts";
import type { IpcObject, IpcTable } from "./ipctable.ts";
import type { Kernel } from "./kernel.ts";
import { type MsgPage, P_CBYTES, P_QNUM, rowAfter } from "./msgpage.ts";
import { isDead, segsOf } from "./msgpass.ts";
import { isAncestor, PRISON_ALIVE, PRISON_GONE, type Prison } from "./prison.ts";
import { type SemSet, semSleeps } from "./sem.ts";
import { structuresInUse } from "./semundo.ts";
import { NOT_COUNTED } from "./semvec.ts";
import { P_NATTCH } from "./shmpage.ts";
import { isRemoved, segBytes } from "./shmseg.ts";
import { brokenSockets } from "./socket.ts";
import { RUNNING, SLEEPING, type Thread, ZOMBIE } from "./thread.ts";

type AnyObject = IpcObject<IpcPage>;

/** A check of `k`, and what it has found broken. */
interface Check {
  readonly k: Kernel;
  readonly broken: string[];
}

/** Counts and sleepers: cheap enough for every call. @returns what does not hold, a line each */
export function brokenCounts(k: Kernel): string[] {
  const c: Check = { k, broken: [] };
  checkCounts(c);
  return c.broken;
}

/** References, names, keys and memory too. @returns what does not hold, a line each */
export function brokenInvariants(k: Kernel): string[] {
  const c: Check = { k, broken: [] };
  checkCounts(c);
  checkThreads(c);
  for (const f of present(k)) checkTable(c, f);
  checkUndo(c);
  c.broken.push(...brokenSockets(k));
  const objects = tables(k).flatMap(liveIn);
  checkPrisons(
    c,
    objects.filter((object) => !isLeaving(object)),
  );
  equal(c, "bytes lent", k.pages.lentBytes, sum(objects, bytesOf));
  return c.broken;
}

const present = (k: Kernel): Facility[] => FACILITIES.filter((f) => k.modules[f].loaded);

/** What a kernel still has: processes, jails, objects, charges. All empty is `{}`. */
export function leftIn(k: Kernel): Record<string, number> {
  const counts = {
    procs: k.procs.size,
    prisons: k.prisons.size - 1,
    sem: k.modules.sem.loaded ? k.sem.live : 0,
    shm: k.modules.shm.loaded ? k.shm.table.live : 0,
    msg: k.modules.msg.loaded ? k.msg.table.live : 0,
    undo: structuresInUse(k.commons),
    timeouts: k.timeouts.size,
    sockets: k.files.sockets.size,
    pages: k.pages.lentBytes,
    ipcns: k.model.spaces === null ? 0 : k.ipcns.size - present(k).length, // one of each is the host's
    usage: k.usage === null ? 0 : present(k).reduce((all, f) => all + k.usage![f].size, 0),
    charges: k.racct === null || k.racct.empty ? 0 : 1,
  };
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => count !== 0));
}

function checkCounts(c: Check): void {
  const { k } = c;
  equal(c, "threads in the run queue", k.runq.length, 0);
  checkSleepers(c);
  if (k.modules.sem.loaded) checkSem(c);
  if (k.modules.shm.loaded) checkShm(c);
  if (k.modules.msg.loaded) checkMsg(c);
}

function equal({ broken }: Check, what: string, is: unknown, wanted: unknown): void {
  if (is !== wanted) broken.push(`${what}: ${String(is)}, not ${String(wanted)}`);
}

function sum<T>(all: Iterable<T>, value: (one: T) => number): number {
  let total = 0;
  for (const one of all) total += value(one);
  return total;
}

const tables = (k: Kernel): IpcTable<IpcPage>[] => present(k).map((f) => tableOf(k, f));

const liveIn = ({ slots }: IpcTable<IpcPage>): AnyObject[] =>
  slots.filter((object) => object !== null);

function bytesOf({ page }: AnyObject): number {
  const { buffer, data } = page as IpcPage & { data?: SharedArrayBuffer };
  return buffer.byteLength + (data?.byteLength ?? 0);
}

/** A key finds its object, and no key finds anything else. [COM-6] */
function checkTable(c: Check, f: Facility): void {
  const { k } = c;
  const table: IpcTable<IpcPage> = tableOf(k, f);
  const live = liveIn(table);
  equal(c, "live objects", table.live, live.length);
  const keyed = live.filter((object) => object.page.hdr[P_KEY] !== 0 && !isLeaving(object));
  equal(c, "keys", table.keys, keyed.length);
  for (const object of keyed) {
    equal(c, "object of a key", table.find(object.space, object.page.hdr[P_KEY]), object);
    // Whoever made it in a name space of others may have lost its own: its jail is dying.
    if (k.model.root(k, f, object.cred) === null) continue;
    equal(c, "its key space", object.space, k.model.keySpace(k, f, object.cred));
  }
}

/** A queue that is gone for all but the sender that holds it, which is on its way. [MSG-32] */
const isLeaving = ({ page }: AnyObject): boolean => "msg" in page && isDead(page as MsgPage);

function checkThreads(c: Check): void {
  const { k } = c;
  equal(c, "free tids", k.freeTids.length + k.limbo.length, k.maxproc - k.procs.size);
  for (const td of k.procs.values()) {
    equal(c, "thread of a tid", k.threads[td.tid], td);
    const known = td.p_state === RUNNING || td.p_state === SLEEPING || td.p_state === ZOMBIE;
    if (!known) c.broken.push(`process ${td.p_pid} is in state ${td.p_state}`);
    equal(c, "a sleeper has a way on", td.td_resume !== null, td.p_state === SLEEPING);
    equal(c, "a killed process lives", td.p_killed !== 0 && td.p_state !== ZOMBIE, false);
    if (td.p_state === ZOMBIE) equal(c, "a zombie has a parent", td.p_pptr === null, false);
  }
}

/** Queues hold those who sleep there, and only they have timeouts. */
function checkSleepers(c: Check): void {
  const { k } = c;
  let queued = 0;
  for (const { slots } of tables(k)) {
    for (const object of slots) if (object !== null) queued += queueLength(c, object.page);
  }
  let timed = 0;
  for (const td of k.procs.values()) {
    if (td.td_wchan !== null || sleepsElsewhere(k, td)) queued--;
    if (td.td_deadline === 0) continue;
    timed++;
    equal(c, "a timeout is pending", k.timeouts.has(td), true);
  }
  equal(c, "sleepers beyond those in queues", queued, 0);
  equal(c, "timeouts", k.timeouts.size, timed);
  for (const td of k.drainers) equal(c, "a drainer sleeps", td.p_state, SLEEPING);
}

function queueLength(c: Check, page: IpcPage): number {
  const { k } = c;
  let length = 0;
  const { next } = k.commons.rows;
  for (let tid = page.hdr[P_SLEEP_HEAD]; tid !== 0 && length <= k.maxproc; tid = next[tid]) {
    equal(c, "what a queued thread sleeps on", wchan(k, tid), page.hdr[P_IX]);
    length++;
  }
  equal(c, "sleepers of an object", page.hdr[P_SLEEPERS], length);
  return length;
}

/** Slot of the object on which the process sleeps, here or in a thread of its jail. */
function wchan(k: Kernel, tid: number): number | undefined {
  const td = k.threads[tid];
  if (td === null) return undefined;
  return sleepsElsewhere(k, td) ? k.commons.rows.ix[tid] : td.td_wchan?.hdr[P_IX];
}

/** A sleeper is counted on one semaphore. [SEM-60] */
function checkSem(c: Check): void {
  const { k } = c;
  const sets = liveIn(tableOf(k, "sem")) as unknown as SemSet[];
  equal(
    c,
    "semaphores in use",
    k.semtot,
    sum(sets, ({ page }) => page.nsems),
  );
  const counted = new Map<string, number>();
  const { ix, num, zero, facility } = k.commons.rows;
  for (const td of k.procs.values()) {
    const set = k.sem.slots[ix[td.tid]];
    const counts = facility[td.tid] === SLEEPS_SEM && zero[td.tid] !== NOT_COUNTED;
    const elsewhere = counts && set && waitsElsewhere(k, td, set.page);
    if (!semSleeps(td) && !elsewhere) continue;
    const counter = `${ix[td.tid]} ${num[td.tid]} ${zero[td.tid] === 1}`;
    counted.set(counter, (counted.get(counter) ?? 0) + 1);
  }
  for (const { ix, page } of sets) {
    for (let num = 0; num < page.nsems; num++) {
      equal(c, "semncnt", page.sem.semncnt[num], counted.get(`${ix} ${num} false`) ?? 0);
      equal(c, "semzcnt", page.sem.semzcnt[num], counted.get(`${ix} ${num} true`) ?? 0);
    }
  }
}

/** nattch counts attaches; a removed segment has one. [SHM-30] [SHM-45] */
function checkShm(c: Check): void {
  const { k } = c;
  const { slots } = k.shm.table;
  const attached = new Map<unknown, number>();
  for (const { p_vmspace } of k.procs.values()) {
    for (const entry of p_vmspace?.vm_shm ?? []) {
      if (entry !== null) attached.set(entry.seg, (attached.get(entry.seg) ?? 0) + 1);
    }
  }
  let pages = 0;
  for (const seg of slots) {
    if (seg === null) continue;
    pages += segBytes(seg) / PAGE_SIZE;
    equal(c, "nattch", seg.page.hdr[P_NATTCH], attached.get(seg) ?? 0);
    attached.delete(seg);
    equal(
      c,
      "a removed segment is attached",
      isRemoved(seg) && seg.page.hdr[P_NATTCH] === 0,
      false,
    );
  }
  equal(c, "segments attached but gone", attached.size, 0);
  equal(c, "committed", k.shm.committed, pages);
  if (k.shm.lastFreed !== -1) equal(c, "the last freed slot", slots[k.shm.lastFreed], null);
}

/** Is there a sender that has locked the queue, elsewhere or on its way from there? */
const isHeld = (k: Kernel, ix: number): boolean =>
  [...k.procs.values()].some(({ tid }) => {
    const { rows, sleepers } = k.commons;
    return rows.holder[tid] === 1 && rows.ix[tid] === ix && sleepers.home[tid] !== KERNEL;
  });

/** Counts of a queue and of the pool are those of the messages; a lock has one holder. */
function checkMsg(c: Check): void {
  const { k } = c;
  let segs = 0;
  let hdrs = 0;
  const holders = new Map<number, number>();
  const { rows } = k.commons;
  for (const td of k.procs.values()) {
    const queue = k.msg.table.slots[rows.ix[td.tid]];
    const sends =
      rows.facility[td.tid] === SLEEPS_MSG && queue && waitsElsewhere(k, td, queue.page);
    if (!(k.timeouts.has(td) || sends) || rows.holder[td.tid] === 0) continue;
    holders.set(rows.ix[td.tid], (holders.get(rows.ix[td.tid]) ?? 0) + 1);
  }
  for (const queue of k.msg.table.slots) {
    if (queue === null) continue;
    if (isDead(queue.page)) {
      equal(c, "a dead queue is held", isHeld(k, queue.ix), true);
      continue;
    }
    const { hdr, msg } = queue.page;
    let bytes = 0;
    let count = 0;
    const most = k.msginfo.msgtql; // broken links may go round in a circle
    for (let row = rowAfter(queue.page, 0); row !== 0 && count <= most; row = msg.next[row]) {
      bytes += msg.length[row];
      segs += segsOf(k, msg.length[row]);
      count++;
    }
    hdrs += count;
    equal(c, "msg_cbytes", hdr[P_CBYTES], bytes);
    equal(c, "msg_qnum", hdr[P_QNUM], count);
    equal(c, "holders of a lock", holders.get(queue.ix) ?? 0, hdr[P_MODE] & MSG_LOCKED ? 1 : 0);
  }
  equal(c, "free segments", k.msg.freeSegs, k.msginfo.msgseg - segs);
  equal(c, "free headers", k.msg.freeHdrs, k.msginfo.msgtql - hdrs);
}

function checkUndo(c: Check): void {
  const { k } = c;
  const inUse = structuresInUse(k.commons);
  const owners = [...k.procs.values()].filter(({ p_semundo }) => p_semundo !== null);
  for (const { tid, p_semundo } of owners) {
    equal(c, "structure of a process", k.commons.semu.includes(tid), true);
    equal(c, "a vector is too long", p_semundo!.un_cnt > k.seminfo.semume, false);
  }
  equal(c, "processes with a vector", owners.length, inUse);
  if (!k.modules.sem.loaded) equal(c, "vectors without module", inUse, 0);
}

/** References are those who hold them. [JAIL-51] [JAIL-60] */
function checkPrisons(c: Check, objects: readonly AnyObject[]): void {
  const { k } = c;
  const procs = [...k.procs.values()];
  const jids = new Set<number>();
  const names = new Set<string>();
  for (const pr of k.prisons) {
    const mine = procs.filter(({ p_ucred }) => p_ucred.cr_prison === pr);
    checkReferences(c, pr, mine, objects);
    checkRoots(c, pr);
    if (jids.has(pr.pr_id)) c.broken.push(`two jails with jid ${pr.pr_id}`);
    jids.add(pr.pr_id);
    if (pr.pr_state !== PRISON_ALIVE) continue;
    if (names.has(pr.pr_name)) c.broken.push(`two living jails are called ${pr.pr_name}`);
    names.add(pr.pr_name);
  }
}

function checkReferences(
  c: Check,
  pr: Prison,
  procs: readonly Thread[],
  objects: readonly AnyObject[],
): void {
  const { k } = c;
  const host = pr === k.prison0 ? 1 : 0;
  const living = procs.filter(({ p_state }) => p_state !== ZOMBIE).length;
  const own = objects.filter(({ cred }) => cred.cr_prison === pr).length;
  const children = pr.pr_children.size;
  equal(
    c,
    `user references of ${pr.pr_name}`,
    pr.pr_uref,
    Number(pr.pr_persist) + living + children,
  );
  equal(c, `references of ${pr.pr_name}`, pr.pr_ref, host + procs.length + own + children);
  equal(
    c,
    `${pr.pr_name} is gone`,
    pr.pr_state === PRISON_GONE || pr.pr_uref + pr.pr_ref === 0,
    false,
  );
  equal(
    c,
    `${pr.pr_name} lives of nothing`,
    pr.pr_state === PRISON_ALIVE && pr.pr_uref === 0,
    false,
  );
  const below = [...k.prisons].filter((other) => isAncestor(pr, other)).length;
  equal(c, `children.cur of ${pr.pr_name}`, pr.pr_childcount, below);
}

/** A root is none, the jail or one above; below none there is none. [JAIL-2] [JAIL-15] */
function checkRoots(c: Check, pr: Prison): void {
  const { k } = c;
  for (const f of FACILITIES) {
    const root = pr.pr_roots[f];
    if (!k.modules[f].loaded) equal(c, "root without module", root, null);
    if (root === null || root === pr) continue;
    if (!isAncestor(root, pr)) c.broken.push(`${pr.pr_name}: root of ${f} is no ancestor`);
    const above = pr.pr_parent!.pr_roots[f];
    const shared = root === above || (pr.pr_allow_sysvipc && root === k.prison0);
    if (above !== null && !shared) c.broken.push(`${pr.pr_name} sees past its parent in ${f}`);
  }
}
