/** A process as the yard's user has it. */
import { EventEmitter } from "node:events";
import { SIGNALS, type SignalName } from "@jailyard/abi/signal";
import type { Pid } from "@jailyard/abi/types";
import type { Jail } from "./jail.ts";
import type { Yard } from "./yard.ts";

export interface Exit {
  readonly pid: Pid;
  /** Exit status; null if a signal ended the process. */
  readonly status: number | null;
  readonly signal: number | null;
  /** What the program threw, if that ended it. */
  readonly error: Error | null;
}

/** From the process or one that descends from it, as `pid` says, until the process has exited. */
interface Events {
  line: [text: string, pid: Pid];
  record: [record: unknown, pid: Pid];
  /** A descendant threw; of the process itself `exited` tells. */
  crash: [error: Error, pid: Pid];
}

export class ProcessHandle extends EventEmitter<Events> {
  readonly pid: Pid;
  readonly jail: Jail;
  /** Once the process has ended and nothing more comes from it. */
  readonly exited: Promise<Exit>;
  readonly #yard: Yard;
  #error: Error | null = null;
  #unwound = (): void => {};
  #claimed = (): void => {};
  /** Lines and records that came before anybody listened. */
  readonly #early: (() => void)[] = [];
  #listening = false;

  constructor(yard: Yard, jail: Jail, pid: Pid, threadOver: Promise<void>) {
    super();
    this.#yard = yard;
    this.jail = jail;
    this.pid = pid;
    const unwound = new Promise<void>((resolve) => {
      this.#unwound = resolve;
    });
    const gone = Promise.race([unwound, threadOver]);
    const claimed = new Promise<void>((resolve) => {
      this.#claimed = () => setImmediate(resolve);
    });
    const over = Promise.all([yard.ended(pid), gone, claimed]);
    this.exited = over.then(([xstat]) => this.#exit(xstat));
    this.once("newListener", () => setImmediate(() => this.#flush()));
  }

  /** Send a signal as root of the host. False if the process has ended. */
  kill(signal: SignalName | number): Promise<boolean> {
    const number = typeof signal === "number" ? signal : SIGNALS[signal];
    return this.#yard.control.kill(this.pid, number);
  }

  line(text: string, pid: Pid): void {
    this.#tell(() => this.emit("line", text, pid));
  }

  record(record: unknown, pid: Pid): void {
    this.#tell(() => this.emit("record", record, pid));
  }

  crashed(error: Error, pid: Pid): void {
    if (pid === this.pid) this.#error = error;
    else this.#tell(() => this.emit("crash", error, pid));
  }

  /**
   * Whoever started the process gets the handle now. It may have ended already: what came from it
   * waits a turn of the event loop longer, for listeners.
   */
  claim(): void {
    this.#claimed();
  }

  unwound(): void {
    this.#unwound();
  }

  #tell(event: () => void): void {
    if (this.#listening) event();
    else this.#early.push(event);
  }

  #flush(): void {
    this.#listening = true;
    for (const event of this.#early.splice(0)) event();
  }

  #exit(xstat: number): Exit {
    const signal = xstat & 0x7f;
    this.#flush();
    const ended = signal === 0 ? { status: xstat >> 8, signal: null } : { status: null, signal };
    return { pid: this.pid, ...ended, error: this.#error };
  }
}
