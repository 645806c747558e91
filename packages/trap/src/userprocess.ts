/** A process as its thread knows it: slot, frame, memory map, signal handlers. */
import { SIGNALS, type SignalName, sigmask, signalName } from "@jailyard/abi/signal";
import { SegvError } from "@jailyard/abi/syserror";
import type { Pid } from "@jailyard/abi/types";
import type { Frame } from "@jailyard/abi/wire";
import { type VmEntry, VmMap } from "@jailyard/memory/vmmap";
import { Attachment } from "./attachment.ts";
import type { Def } from "./def.ts";
import type { Direct } from "./direct.ts";
import { SIGS } from "./gate.ts";
import { ProcessEnded, type ProcessExit } from "./unwind.ts";
import type { UserGate } from "./user.ts";

const VM_MAXUSER = 0x7fff_ffff_f000;
export type SignalHandler = (signal: SignalName) => void;

/** Makes calls that a coroutine awaits. */
export interface Awaited {
  make(name: string, def: Def, args: readonly unknown[]): Promise<unknown>;
}

export class UserProcess {
  readonly gate: UserGate;
  readonly slot: number;
  readonly frame: Frame;
  readonly #sigsAt: number;
  /** Its calls on mapped pages; null in placement `central`. */
  readonly direct: Direct | null;
  pid: Pid = 0 as Pid;
  comm = "";
  /** A call is under way: a process has one thread. */
  calling = false;
  /** What bind.ts keeps of it if a coroutine awaits it. */
  awaited: Awaited | null = null;
  /** Set by p.exit: a program that catches the unwinding gets it again. */
  exiting: ProcessExit | null = null;
  handlers = new Map<number, SignalHandler>();
  /** In the order of the attach table. */
  attachments: readonly Attachment[] = [];
  /** By entry of the kernel's attach table; null is a free one, which the next attach takes. */
  #table: (Attachment | null)[] = [];
  #map = new VmMap<SharedArrayBuffer>(0, VM_MAXUSER);

  constructor(gate: UserGate, slot: number) {
    this.gate = gate;
    this.slot = slot;
    this.frame = gate.frame(slot);
    this.#sigsAt = gate.page.row(slot) + SIGS;
    this.direct = gate.direct?.bind(slot) ?? null;
  }

  /** May it make a call, as far as it knows itself? */
  get idle(): boolean {
    return this.exiting === null && !this.calling;
  }

  /** Before each call. @returns true if a handler ran: a sleep that follows is over at once */
  begin(name: string): boolean {
    if (this.exiting !== null) throw this.exiting;
    if (this.gate.killed(this.slot) !== 0) throw new ProcessEnded();
    if (this.calling) {
      throw new Error(`${name}: the process is in a call already; await each call before the next`);
    }
    return this.handleSignals();
  }

  /** Run the handlers of signals that came. @returns true if there were any */
  handleSignals(): boolean {
    return this.gate.page.words[this.#sigsAt] !== 0 && this.#handleSlow();
  }

  #handleSlow(): boolean {
    const pending = this.gate.takeSignals(this.slot);
    if (pending === 0) return false;
    for (const signal of Object.values(SIGNALS)) {
      if ((pending & sigmask(signal)) !== 0) this.handlers.get(signal)?.(signalName(signal)!);
    }
    return true;
  }

  attach(at: Attachment, buffer: SharedArrayBuffer): void {
    const free = this.#table.indexOf(null);
    this.#table[free === -1 ? this.#table.length : free] = at;
    this.#list();
    this.#map.remove(at.addr, at.size); // SHM_REMAP
    this.#map.insert(at.addr, at.size, buffer, !at.readonly);
  }

  /** The kernel has detached the first attachment at `addr`; unmap what its range shows. [SHM-30] */
  detach(addr: number): void {
    const ix = this.#table.findIndex((one) => one?.addr === addr);
    const at = this.#table[ix] ?? null;
    if (at === null) return;
    this.#table[ix] = null;
    this.#list();
    at.detach();
    this.#map.remove(at.addr, at.size);
  }

  /** exec, exit. */
  detachAll(): void {
    for (const at of this.attachments) at.detach();
    this.#table = [];
    this.#list();
    this.#map.clear();
  }

  #list(): void {
    this.attachments = this.#table.filter((at) => at !== null);
  }

  /** What a forked child has of this process. */
  inheritTo(child: UserProcess): void {
    child.comm = this.comm;
    child.handlers = new Map(this.handlers);
    child.#table = this.#table.map((at) => at?.copy() ?? null);
    child.#list();
    child.#map = this.#map.clone();
  }

  /** Load bytes. @throws SegvError unless all of them are mapped */
  peek(addr: number, bytes: number): Uint8Array {
    const out = new Uint8Array(bytes);
    this.#each(addr, bytes, false, (memory, at) => out.set(memory, at));
    return out;
  }

  /** Store bytes, all or none. @throws SegvError unless all of them are mapped and writable */
  poke(addr: number, bytes: Uint8Array): void {
    this.#each(addr, bytes.length, true, () => {});
    this.#each(addr, bytes.length, true, (memory, at) => {
      memory.set(bytes.subarray(at, at + memory.length));
    });
  }

  #each(
    addr: number,
    bytes: number,
    store: boolean,
    visit: (memory: Uint8Array, at: number) => void,
  ): void {
    for (let at = 0; at < bytes; ) {
      const entry = this.#map.lookup(addr + at);
      if (entry === undefined) throw new SegvError(addr + at, "no memory is mapped");
      if (store && !entry.writable) throw new SegvError(addr + at, "store to read-only memory");
      const offset = entry.offset + (addr + at - entry.start);
      const length = Math.min(bytes - at, entry.end - (addr + at));
      visit(new Uint8Array(entry.object, offset, length), at);
      at += length;
    }
  }

  /** For a child on a thread of its own: what it inherits, as it crosses threads. */
  get inheritance(): Inheritance {
    return {
      table: this.#table.map((at) => at?.fields() ?? null),
      map: this.#map.entries,
      comm: this.comm,
    };
  }

  adopt({ table, map, comm }: Inheritance): void {
    this.comm = comm;
    this.#table = table.map((at) => at && attachmentOf(at));
    this.#list();
    for (const entry of map) this.#map.restore(entry);
  }
}

type Fields = ReturnType<Attachment["fields"]>;

const attachmentOf = ({ addr, shmid, size, readOnly, buffer }: Fields): Attachment =>
  new Attachment(addr, shmid, size, readOnly, buffer);

export interface Inheritance {
  readonly table: readonly (Fields | null)[];
  readonly map: readonly VmEntry<SharedArrayBuffer>[];
  readonly comm: string;
}
