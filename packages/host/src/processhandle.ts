/** A process as the yard's user has it. */
import { EventEmitter } from "node:events";
import { NSIG, SIGKILL, SIGNALS, type SignalName } from "@jailyard/abi/signal";
import type { Pid } from "@jailyard/abi/types";
import type { Jail } from "./jail.ts";
import { GRACE } from "./jailthread.ts";
import type { Yard } from "./yard.ts";

export interface Exit {
  readonly pid: Pid;
  /** Exit status; null if a signal ended the process. */
  readonly status: number | null;
  readonly signal: number | null;
  /** What the program threw, if that ended it. */
  readonly error: Error | null;
}

/** Events that are kept for whoever listens late. */
const EARLY_MAX = 1000;

/** From the process or one that descends from it, as `pid` says; children may outlive it. */
interface Events {
  line: [text: string, pid: Pid];
  record: [record: unknown, pid: Pid];
  /** A descendant threw; of the process itself `exited` tells. */
  crash: [error: Error, pid: Pid];
}

export class ProcessHandle extends EventEmitter<Events> {
  readonly pid: Pid;
  readonly jail: Jail;
  /**
   * Once the process has ended and nothing more comes from it, or it does not give its thread back.
   * Never rejected: a process whose kernel died has ended as by SIGKILL, with a YardError.
   */
  readonly exited: Promise<Exit>;
  isClaimed = false;
  readonly #yard: Yard;
  #error: Error | null = null;
  #unwound = (): void => {};
  #claimed = (): void => {};
  /** Lines and records that came before anybody listened: the last EARLY_MAX. */
  readonly #early: (() => void)[] = [];
  #dropped = 0;
  #listening = false;

  constructor(yard: Yard, jail: Jail, pid: Pid) {
    super();
    this.#yard = yard;
    this.jail = jail;
    this.pid = pid;
    const unwound = new Promise<void>((resolve) => {
      this.#unwound = resolve;
    });
    const claimed = new Promise<void>((resolve) => {
      this.#claimed = () => setImmediate(resolve);
    });
    this.exited = Promise.all([this.#xstat(unwound), claimed]).then(([xstat]) => this.#exit(xstat));
    this.once("newListener", () => setImmediate(() => this.#listened()));
  }

  /** How the kernel ended it, once its program has left too; that may take a GRACE. */
  async #xstat(unwound: Promise<void>): Promise<number> {
    const xstat = await this.#yard.ended(this.pid).catch((error) => this.#lost(error));
    const late = setTimeout(() => setImmediate(this.#unwound), GRACE); // after what lies in ports
    await unwound;
    clearTimeout(late);
    return xstat;
  }

  #lost(error: Error): number {
    this.#error = error;
    return SIGKILL;
  }

  /**
   * Send a signal as root of the host. False if the process has ended.
   * @throws TypeError for what is no signal
   */
  kill(signal: SignalName | number): Promise<boolean> {
    const number = typeof signal === "number" ? signal : SIGNALS[signal];
    if (!(Number.isInteger(number) && number >= 0 && number < NSIG)) {
      throw new TypeError(`there is no signal ${signal}`);
    }
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
    this.isClaimed = true;
    this.#claimed();
  }

  unwound(): void {
    this.#unwound();
  }

  #tell(event: () => void): void {
    if (this.#listening) return event();
    this.#early.push(event);
    if (this.#early.length <= EARLY_MAX) return;
    this.#early.shift();
    this.#dropped++;
  }

  #listened(): void {
    const lost = { jail: this.jail.name, pid: this.pid, events: this.#dropped };
    if (lost.events > 0) this.#yard.log.warn(lost, "nobody listened: its first events are lost");
    this.#flush();
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
