/** What must hold in a kernel whenever nothing can run: counts equal contents, links are sound. */
import { MSG_LOCKED } from "@jailyard/abi/msg";
import { PAGE_SIZE } from "@jailyard/abi/shm";
import { FACILITIES } from "@jailyard/abi/types";
import { type IpcPage, P_KEY, P_MODE, P_SLEEP_HEAD, P_SLEEPERS } from "@jailyard/kernel/ipcpage";
import type { IpcObject, IpcTable } from "@jailyard/kernel/ipctable";
import type { Kernel } from "@jailyard/kernel/kernel";
import { P_CBYTES, P_QNUM, rowAfter } from "@jailyard/kernel/msgpage";
import { isDead, segsOf } from "@jailyard/kernel/msgpass";
import { isAncestor, PRISON_ALIVE, PRISON_GONE, type Prison } from "@jailyard/kernel/prison";
import { type SemSet, semSleeps } from "@jailyard/kernel/sem";
import { structuresInUse } from "@jailyard/kernel/semundo";
import { P_NATTCH } from "@jailyard/kernel/shmpage";
import { isRemoved, segBytes } from "@jailyard/kernel/shmseg";
import { RUNNING, SLEEPING, type Thread, ZOMBIE } from "@jailyard/kernel/thread";

type AnyObject = IpcObject<IpcPage>;

/** Counts and sleepers: cheap enough for every call. @throws Error that says what does not hold */
export function checkCounts(k: Kernel): void {
  equal("threads in the run queue", k.runq.length, 0);
  checkSleepers(k);
  if (k.modules.sem.loaded) checkSem(k);
  if (k.modules.shm.loaded) checkShm(k);
  if (k.modules.msg.loaded) checkMsg(k);
}

/** References, names, keys and memory too. @throws Error that says what does not hold */
export function checkKernel(k: Kernel): void {
  checkCounts(k);
  checkThreads(k);
  for (const table of tables(k)) checkTable(k, table);
  checkUndo(k);
  const objects = tables(k).flatMap(liveIn);
  checkPrisons(k, objects);
  equal("bytes lent", k.pages.lentBytes, sum(objects, bytesOf));
}

function equal(what: string, is: unknown, wanted: unknown): void {
  if (is !== wanted) throw new Error(`${what}: ${String(is)}, not ${String(wanted)}`);
}

function sum<T>(all: Iterable<T>, value: (one: T) => number): number {
  let total = 0;
  for (const one of all) total += value(one);
  return total;
}

const byFacility = {
  sem: (k: Kernel): IpcTable<IpcPage> => k.sem as unknown as IpcTable<IpcPage>,
  shm: (k: Kernel): IpcTable<IpcPage> => k.shm.table as unknown as IpcTable<IpcPage>,
  msg: (k: Kernel): IpcTable<IpcPage> => k.msg.table as unknown as IpcTable<IpcPage>,
};
const tables = (k: Kernel): IpcTable<IpcPage>[] =>
  FACILITIES.filter((f) => k.modules[f].loaded).map((f) => byFacility[f](k));

const liveIn = ({ slots }: IpcTable<IpcPage>): AnyObject[] =>
  slots.filter((object) => object !== null);

function bytesOf({ page }: AnyObject): number {
  const { buffer, data } = page as IpcPage & { data?: SharedArrayBuffer };
  return buffer.byteLength + (data?.byteLength ?? 0);
}

/** A key finds its object, and no key finds anything else. [COM-6] */
function checkTable(k: Kernel, table: IpcTable<IpcPage>): void {
  const live = liveIn(table);
  equal("live objects", table.live, live.length);
  const keyed = live.filter(({ page }) => page.hdr[P_KEY] !== 0);
  equal("keys", table.keys, keyed.length);
  for (const object of keyed) {
    equal("object of a key", table.find(object.space, object.page.hdr[P_KEY]), object);
    equal("its key space", object.space, k.model.keySpace(k, "sem", object.cred));
  }
}

function checkThreads(k: Kernel): void {
  equal("free tids", k.freeTids.length + k.limbo.length, k.maxproc - k.procs.size);
  for (const td of k.procs.values()) {
    equal("thread of a tid", k.threads[td.tid], td);
    const known = td.p_state === RUNNING || td.p_state === SLEEPING || td.p_state === ZOMBIE;
    if (!known) throw new Error(`process ${td.p_pid} is in state ${td.p_state}`);
    equal("a sleeper has a way on", td.td_resume !== null, td.p_state === SLEEPING);
    equal("a killed process lives", td.p_killed !== 0 && td.p_state !== ZOMBIE, false);
    if (td.p_state === ZOMBIE) equal("a zombie has a parent", td.p_pptr === null, false);
  }
}

/** Queues hold those who sleep there, and only they have timeouts. */
function checkSleepers(k: Kernel): void {
  let queued = 0;
  for (const { slots } of tables(k)) {
    for (const object of slots) if (object !== null) queued += queueLength(k, object.page);
  }
  let timed = 0;
  for (const td of k.procs.values()) {
    if (td.td_wchan !== null) queued--;
    if (td.td_deadline === 0) continue;
    timed++;
    equal("a timeout is pending", k.timeouts.has(td), true);
  }
  equal("sleepers beyond those in queues", queued, 0);
  equal("timeouts", k.timeouts.size, timed);
  for (const td of k.drainers) equal("a drainer sleeps", td.p_state, SLEEPING);
}

function queueLength(k: Kernel, page: IpcPage): number {
  let length = 0;
  for (let tid = page.hdr[P_SLEEP_HEAD]; tid !== 0; tid = k.commons.rows.next[tid]) {
    equal("what a queued thread sleeps on", k.threads[tid]?.td_wchan, page);
    length++;
  }
  equal("sleepers of an object", page.hdr[P_SLEEPERS], length);
  return length;
}

interface SemSleep {
  readonly set: SemSet;
}

/** A sleeper is counted on one semaphore. [SEM-60] */
function checkSem(k: Kernel): void {
  const sets = liveIn(byFacility.sem(k)) as unknown as SemSet[];
  equal(
    "semaphores in use",
    k.semtot,
    sum(sets, ({ page }) => page.nsems),
  );
  const counted = new Map<string, number>();
  for (const td of k.procs.values()) {
    if (!semSleeps(td)) continue;
    const { set } = td.td_sleep as SemSleep;
    const { num, zero } = k.commons.rows;
    const counter = `${set.ix} ${num[td.tid]} ${zero[td.tid] === 1}`;
    counted.set(counter, (counted.get(counter) ?? 0) + 1);
    equal("set of a sleeper", k.sem.slots[set.ix], set);
  }
  for (const { ix, page } of sets) {
    for (let num = 0; num < page.nsems; num++) {
      equal("semncnt", page.sem.semncnt[num], counted.get(`${ix} ${num} false`) ?? 0);
      equal("semzcnt", page.sem.semzcnt[num], counted.get(`${ix} ${num} true`) ?? 0);
    }
  }
}

/** nattch counts attaches; a removed segment has one. [SHM-30] [SHM-45] */
function checkShm(k: Kernel): void {
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
    equal("nattch", seg.page.hdr[P_NATTCH], attached.get(seg) ?? 0);
    attached.delete(seg);
    equal("a removed segment is attached", isRemoved(seg) && seg.page.hdr[P_NATTCH] === 0, false);
  }
  equal("segments attached but gone", attached.size, 0);
  equal("committed", k.shm.committed, pages);
  if (k.shm.lastFreed !== -1) equal("the last freed slot", slots[k.shm.lastFreed], null);
}

/** Counts of a queue and of the pool are those of the messages; a lock has one holder. */
function checkMsg(k: Kernel): void {
  let segs = 0;
  let hdrs = 0;
  const holders = new Map<number, number>();
  for (const td of k.timeouts) {
    const { ix } = td.td_sleep as { ix: number };
    if (k.commons.rows.holder[td.tid] === 1) holders.set(ix, (holders.get(ix) ?? 0) + 1);
  }
  for (const queue of k.msg.table.slots) {
    if (queue === null) continue;
    equal("a queue is dead", isDead(queue.page), false);
    const { hdr, msg } = queue.page;
    let bytes = 0;
    let count = 0;
    for (let row = rowAfter(queue.page, 0); row !== 0; row = msg.next[row]) {
      bytes += msg.length[row];
      segs += segsOf(k, msg.length[row]);
      count++;
    }
    hdrs += count;
    equal("msg_cbytes", hdr[P_CBYTES], bytes);
    equal("msg_qnum", hdr[P_QNUM], count);
    equal("holders of a lock", holders.get(queue.ix) ?? 0, hdr[P_MODE] & MSG_LOCKED ? 1 : 0);
  }
  equal("free segments", k.msg.freeSegs, k.msginfo.msgseg - segs);
  equal("free headers", k.msg.freeHdrs, k.msginfo.msgtql - hdrs);
}

function checkUndo(k: Kernel): void {
  const inUse = structuresInUse(k.commons);
  const owners = [...k.procs.values()].filter(({ p_semundo }) => p_semundo !== null);
  for (const { tid, p_semundo } of owners) {
    equal("structure of a process", k.commons.semu.includes(tid), true);
    equal("a vector is too long", p_semundo!.un_cnt > k.seminfo.semume, false);
  }
  equal("processes with a vector", owners.length, inUse);
  if (!k.modules.sem.loaded) equal("vectors without module", inUse, 0);
}

/** References are those who hold them. [JAIL-51] [JAIL-60] */
function checkPrisons(k: Kernel, objects: readonly AnyObject[]): void {
  const procs = [...k.procs.values()];
  const jids = new Set<number>();
  const names = new Set<string>();
  for (const pr of k.prisons) {
    const mine = procs.filter(({ p_ucred }) => p_ucred.cr_prison === pr);
    checkReferences(k, pr, mine, objects);
    checkRoots(k, pr);
    if (jids.has(pr.pr_id)) throw new Error(`two jails with jid ${pr.pr_id}`);
    jids.add(pr.pr_id);
    if (pr.pr_state !== PRISON_ALIVE) continue;
    if (names.has(pr.pr_name)) throw new Error(`two living jails are called ${pr.pr_name}`);
    names.add(pr.pr_name);
  }
}

function checkReferences(
  k: Kernel,
  pr: Prison,
  procs: readonly Thread[],
  objects: readonly AnyObject[],
): void {
  const host = pr === k.prison0 ? 1 : 0;
  const living = procs.filter(({ p_state }) => p_state !== ZOMBIE).length;
  const own = objects.filter(({ cred }) => cred.cr_prison === pr).length;
  const children = pr.pr_children.size;
  equal(`user references of ${pr.pr_name}`, pr.pr_uref, Number(pr.pr_persist) + living + children);
  equal(`references of ${pr.pr_name}`, pr.pr_ref, host + procs.length + own + children);
  equal(
    `${pr.pr_name} is gone`,
    pr.pr_state === PRISON_GONE || pr.pr_uref + pr.pr_ref === 0,
    false,
  );
  equal(`${pr.pr_name} lives of nothing`, pr.pr_state === PRISON_ALIVE && pr.pr_uref === 0, false);
  const below = [...k.prisons].filter((other) => isAncestor(pr, other)).length;
  equal(`children.cur of ${pr.pr_name}`, pr.pr_childcount, below);
}

/** A root is none, the jail or one above; below none there is none. [JAIL-2] [JAIL-15] */
function checkRoots(k: Kernel, pr: Prison): void {
  for (const f of FACILITIES) {
    const root = pr.pr_roots[f];
    if (!k.modules[f].loaded) equal("root without module", root, null);
    if (root === null || root === pr) continue;
    if (!isAncestor(root, pr)) throw new Error(`${pr.pr_name}: root of ${f} is no ancestor`);
    const above = pr.pr_parent!.pr_roots[f];
    const shared = root === above || (pr.pr_allow_sysvipc && root === k.prison0);
    if (above !== null && !shared) throw new Error(`${pr.pr_name} sees past its parent in ${f}`);
  }
}
