/** A process as its thread knows it: slot, frame, memory map, signal handlers. */
import { SIGNALS, type SignalName, sigmask, signalName } from "@jailyard/abi/signal";
import { SegvError } from "@jailyard/abi/syserror";
import type { Addr, Pid } from "@jailyard/abi/types";
import type { Frame } from "@jailyard/abi/wire";
import { VmMap } from "@jailyard/memory/vmmap";
import { Attachment } from "./attachment.ts";
import { ProcessEnded, type ProcessExit } from "./unwind.ts";
import type { UserGate } from "./user.ts";

const VM_MAXUSER = 0x7fff_ffff_f000;
export type SignalHandler = (signal: SignalName) => void;

export class UserProcess {
  readonly gate: UserGate;
  readonly slot: number;
  readonly frame: Frame;
  pid: Pid = 0 as Pid;
  comm = "";
  /** A call is under way: a process has one thread. */
  calling = false;
  /** Set by p.exit: a program that catches the unwinding gets it again. */
  exiting: ProcessExit | null = null;
  attachments: Attachment[] = [];
  handlers = new Map<number, SignalHandler>();
  #map = new VmMap<SharedArrayBuffer>(0, VM_MAXUSER);

  constructor(gate: UserGate, slot: number) {
    this.gate = gate;
    this.slot = slot;
    this.frame = gate.frame(slot);
  }

  /** Before each call. */
  begin(name: string): void {
    if (this.exiting !== null) throw this.exiting;
    if (this.gate.killed(this.slot) !== 0) throw new ProcessEnded();
    if (this.calling) {
      throw new Error(`${name}: the process is in a call already; await each call before the next`);
    }
    this.handleSignals();
  }

  /** Run the handlers of signals that came. @returns true if there were any */
  handleSignals(): boolean {
    const pending = this.gate.takeSignals(this.slot);
    if (pending === 0) return false;
    for (const signal of Object.values(SIGNALS)) {
      if ((pending & sigmask(signal)) !== 0) this.handlers.get(signal)?.(signalName(signal)!);
    }
    return true;
  }

  attach(at: Attachment, buffer: SharedArrayBuffer): void {
    this.attachments.push(at);
    this.#map.remove(at.addr, at.size); // SHM_REMAP
    this.#map.insert(at.addr, at.size, buffer, !at.readonly);
  }

  /** The kernel has detached the first attachment at `addr`; unmap what its range shows. [SHM-30] */
  detach(addr: number): void {
    const ix = this.attachments.findIndex((at) => at.addr === addr);
    if (ix === -1) return;
    const [at] = this.attachments.splice(ix, 1);
    at.detach();
    this.#map.remove(at.addr, at.size);
  }

  /** exec, exit. */
  detachAll(): void {
    for (const at of this.attachments) at.detach();
    this.attachments = [];
    this.#map.clear();
  }

  /** What a forked child has of this process. */
  inheritTo(child: UserProcess): void {
    child.comm = this.comm;
    child.handlers = new Map(this.handlers);
    child.attachments = this.attachments.map((at) => at.copy());
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
      attachments: this.attachments.map((at) => ({ ...at.fields() })),
      comm: this.comm,
    };
  }

  adopt({ attachments, comm }: Inheritance): void {
    this.comm = comm;
    for (const { addr, shmid, size, readOnly, buffer } of attachments) {
      this.attach(new Attachment(addr, shmid, size, readOnly, buffer), buffer);
    }
  }
}

export interface Inheritance {
  readonly attachments: readonly {
    readonly addr: Addr;
    readonly shmid: Attachment["shmid"];
    readonly size: number;
    readonly readOnly: boolean;
    readonly buffer: SharedArrayBuffer;
  }[];
  readonly comm: string;
}
