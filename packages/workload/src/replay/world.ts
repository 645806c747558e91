/**
 * What the recorded machine held at each moment: values of semaphores, messages in queues, segments
 * and attachments, as the results of the recorded calls tell it. Small and slow, and not a kernel:
 * it answers whether a call could go on at once, and how much of everything was there at most.
 *
 * Ids are those of the recording. What the recording never made is unknown, and blocks nobody.
 */
import type { RecordedEvent, RecordedSop } from "./recording.ts";

interface SemSet {
  readonly values: number[];
}

interface Queue {
  /** Type and bytes of each message, oldest first. */
  readonly messages: { readonly type: number; readonly bytes: number }[];
  bytes: number;
}

interface Segment {
  readonly bytes: number;
  nattch: number;
  removed: boolean;
}

/** Highest use of each resource at one time, under the names of the limits. */
export interface Peak {
  semmni: number;
  semmns: number;
  semmsl: number;
  semopm: number;
  semmnu: number;
  semume: number;
  shmmni: number;
  shmpages: number;
  shmbytes: number;
  shmseg: number;
  msgmni: number;
  msgtql: number;
  msgseg: number;
}

const PAGE = 4096;
/** Bytes of a message segment on FreeBSD. [MSG-10] */
const MSGSSZ = 8;
/** Bytes a queue of Linux holds unless told otherwise. */
export const LINUX_MSGMNB = 16384;

const has = (flags: readonly string[] | undefined, name: string): boolean =>
  flags?.includes(name) ?? false;

export class World {
  readonly #sets = new Map<number, SemSet>();
  readonly #queues = new Map<number, Queue>();
  readonly #segments = new Map<number, Segment>();
  /** Attachments of each process: address to segment. */
  readonly #attached = new Map<number, Map<string, number>>();
  /** What exit gives back, of each process: `id:num` to amount. */
  readonly #undo = new Map<number, Map<string, number>>();
  readonly #qbytes: number;
  #semaphores = 0;
  #messages = 0;
  #msgSegments = 0;
  #pages = 0;
  readonly peak: Peak = {
    semmni: 0,
    semmns: 0,
    semmsl: 0,
    semopm: 0,
    semmnu: 0,
    semume: 0,
    shmmni: 0,
    shmpages: 0,
    shmbytes: 0,
    shmseg: 0,
    msgmni: 0,
    msgtql: 0,
    msgseg: 0,
  };

  /** `qbytes` is what a queue of the recorded machine holds. */
  constructor(qbytes: number) {
    this.#qbytes = qbytes;
  }

  /** Could the call go on at once? True for calls that never sleep. */
  ready({ call, args }: RecordedEvent): boolean {
    if (call === "semop" || call === "semtimedop") return this.#semReady(args.id!, args.sops!);
    if (call !== "msgsnd" && call !== "msgrcv") return true;
    const queue = this.#queues.get(args.id!);
    if (queue === undefined) return true;
    if (call === "msgrcv") return findMessage(queue, args.type!) >= 0;
    return queue.bytes + args.size! <= this.#qbytes && queue.messages.length < this.#qbytes;
  }

  #semReady(id: number, sops: readonly RecordedSop[]): boolean {
    const set = this.#sets.get(id);
    if (set === undefined) return true;
    if (sops.length === 1) {
      const value = set.values[sops[0].num] ?? 0;
      return sops[0].op === 0 ? value === 0 : value + sops[0].op >= 0;
    }
    const values = [...set.values];
    for (const { num, op } of sops) {
      if (op === 0 ? values[num] !== 0 : values[num] + op < 0) return false;
      values[num] += op;
    }
    return true;
  }

  /** The event has taken effect. Of a call that failed nothing remains. */
  apply(event: RecordedEvent): void {
    if (event.errno !== undefined) return;
    const { call, args, pid, ret } = event;
    if (call === "semop" || call === "semtimedop") this.#semop(pid, args.id!, args.sops!);
    else if (call === "semget") this.#semget(ret as number, args.nsems!);
    else if (call === "semctl") this.#semctl(event);
    else if (call === "msgsnd") this.#msgsnd(args.id!, args.type!, args.size!);
    else if (call === "msgrcv") this.#msgrcv(event);
    else if (call === "msgget") this.#msgget(ret as number);
    else if (call === "msgctl" && args.cmd === "IPC_RMID") this.#msgRemove(args.id!);
    else this.#applyOther(event);
  }

  #applyOther({ call, args, pid, ret }: RecordedEvent): void {
    if (call === "shmget") this.#shmget(ret as number, args.size!);
    else if (call === "shmat") this.#shmat(pid, ret as string, args.id!);
    else if (call === "shmdt") this.#detach(pid, args.addr!);
    else if (call === "shmctl" && args.cmd === "IPC_RMID") this.#shmRemove(args.id!);
    else if (call === "fork" && args.thread !== true) this.#fork(pid, ret as number);
    else if (call === "execve") this.#detachAll(pid);
    else if (call === "exit" || call === "killed") this.end(pid);
  }

  #raise(name: keyof Peak, value: number): void {
    if (value > this.peak[name]) this.peak[name] = value;
  }

  #semget(id: number, nsems: number): void {
    if (this.#sets.has(id)) return;
    this.#sets.set(id, { values: new Array(Math.max(nsems, 0)).fill(0) });
    this.#semaphores += nsems;
    this.#raise("semmni", this.#sets.size);
    this.#raise("semmns", this.#semaphores);
    this.#raise("semmsl", nsems);
  }

  #semctl({ args }: RecordedEvent): void {
    const set = this.#sets.get(args.id!);
    if (set === undefined) return;
    if (args.cmd === "SETVAL") {
      set.values[args.num!] = args.val!;
      for (const undo of this.#undo.values()) undo.delete(`${args.id}:${args.num}`);
    } else if (args.cmd === "SETALL" && args.array !== undefined) {
      for (const [i, value] of args.array.entries()) set.values[i] = value;
    } else if (args.cmd === "IPC_RMID") {
      this.#semaphores -= set.values.length;
      this.#sets.delete(args.id!);
    }
  }

  #semop(pid: number, id: number, sops: readonly RecordedSop[]): void {
    this.#raise("semopm", sops.length);
    const set = this.#sets.get(id);
    if (set === undefined) return;
    for (const { num, op, flg } of sops) {
      set.values[num] = Math.max(0, (set.values[num] ?? 0) + op);
      if (op !== 0 && has(flg, "SEM_UNDO")) this.#adjust(pid, `${id}:${num}`, -op);
    }
  }

  #adjust(pid: number, key: string, value: number): void {
    const undo = this.#undo.get(pid) ?? new Map<string, number>();
    this.#undo.set(pid, undo);
    undo.set(key, (undo.get(key) ?? 0) + value);
    this.#raise("semmnu", this.#undo.size);
    this.#raise("semume", undo.size);
  }

  #msgget(id: number): void {
    if (!this.#queues.has(id)) this.#queues.set(id, { messages: [], bytes: 0 });
    this.#raise("msgmni", this.#queues.size);
  }

  #msgsnd(id: number, type: number, bytes: number): void {
    const queue = this.#queues.get(id);
    if (queue === undefined) return;
    queue.messages.push({ type, bytes });
    queue.bytes += bytes;
    this.#messages++;
    this.#msgSegments += Math.ceil(bytes / MSGSSZ);
    this.#raise("msgtql", this.#messages);
    this.#raise("msgseg", this.#msgSegments);
  }

  #msgrcv({ args }: RecordedEvent): void {
    const queue = this.#queues.get(args.id!);
    if (queue === undefined || has(args.flags, "MSG_COPY")) return;
    const ix = Math.max(0, findMessage(queue, args.type!));
    const [message] = queue.messages.splice(ix, 1);
    if (message !== undefined) this.#forget(queue, message.bytes);
  }

  #forget(queue: Queue, bytes: number): void {
    queue.bytes -= bytes;
    this.#messages--;
    this.#msgSegments -= Math.ceil(bytes / MSGSSZ);
  }

  #msgRemove(id: number): void {
    const queue = this.#queues.get(id);
    if (queue === undefined) return;
    for (const { bytes } of queue.messages) this.#forget(queue, bytes);
    this.#queues.delete(id);
  }

  #shmget(id: number, bytes: number): void {
    if (this.#segments.has(id)) return;
    this.#segments.set(id, { bytes, nattch: 0, removed: false });
    this.#pages += Math.ceil(bytes / PAGE);
    this.#raise("shmmni", this.#segments.size);
    this.#raise("shmpages", this.#pages);
    this.#raise("shmbytes", bytes);
  }

  #shmat(pid: number, addr: string, id: number): void {
    const segment = this.#segments.get(id);
    if (segment === undefined) return;
    const mine = this.#attached.get(pid) ?? new Map<string, number>();
    this.#attached.set(pid, mine);
    mine.set(addr, id);
    segment.nattch++;
    this.#raise("shmseg", mine.size);
  }

  #detach(pid: number, addr: string): void {
    const mine = this.#attached.get(pid);
    const id = mine?.get(addr);
    if (mine === undefined || id === undefined) return;
    mine.delete(addr);
    const segment = this.#segments.get(id);
    if (segment === undefined) return;
    segment.nattch--;
    this.#dropSegment(id, segment);
  }

  #shmRemove(id: number): void {
    const segment = this.#segments.get(id);
    if (segment === undefined) return;
    segment.removed = true;
    this.#dropSegment(id, segment);
  }

  #dropSegment(id: number, segment: Segment): void {
    if (!segment.removed || segment.nattch > 0) return;
    this.#segments.delete(id);
    this.#pages -= Math.ceil(segment.bytes / PAGE);
  }

  #fork(pid: number, child: number): void {
    const mine = this.#attached.get(pid);
    if (mine === undefined) return;
    this.#attached.set(child, new Map(mine));
    for (const id of mine.values()) {
      const segment = this.#segments.get(id);
      if (segment !== undefined) segment.nattch++;
    }
  }

  #detachAll(pid: number): void {
    for (const addr of [...(this.#attached.get(pid)?.keys() ?? [])]) this.#detach(pid, addr);
    this.#attached.delete(pid);
  }

  /** The process is gone: what SEM_UNDO gives back, its attachments. */
  end(pid: number): void {
    for (const [key, value] of this.#undo.get(pid) ?? []) {
      const [id, num] = key.split(":").map(Number);
      const values = this.#sets.get(id)?.values;
      if (values !== undefined) values[num] = Math.max(0, values[num] + value);
    }
    this.#undo.delete(pid);
    this.#detachAll(pid);
  }
}

/** Index of the message that msgrcv of `type` takes on Linux, or -1. */
function findMessage(queue: Queue, type: number): number {
  if (type === 0) return queue.messages.length > 0 ? 0 : -1;
  if (type > 0) return queue.messages.findIndex((m) => m.type === type);
  const lowest = queue.messages.reduce((low, m) => Math.min(low, m.type), Number.POSITIVE_INFINITY);
  return lowest <= -type ? queue.messages.findIndex((m) => m.type === lowest) : -1;
}

/** Bytes that queues of the recording hold: the first msg_qbytes seen, or Linux's default. */
export function qbytesOf(events: readonly RecordedEvent[]): number {
  for (const { call, args } of events) {
    const qbytes = call === "msgctl" ? args.buf?.msg_qbytes : undefined;
    if (args.cmd === "IPC_STAT" && typeof qbytes === "number") return qbytes;
  }
  return LINUX_MSGMNB;
}
