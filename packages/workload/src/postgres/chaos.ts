/**
 * What befalls a server, drawn from its seed: a backend is killed, the postmaster is killed and started
 * again, somebody starts a second one on the same directory. [PG-13] [PG-14] [PG-35] [PG-36]
 *
 * The process of this program is whoever starts the server, such as rc(8); its clients are pgbench's,
 * and survive it.
 */
import { ECHILD } from "@jailyard/abi/errno";
import type { SignalName } from "@jailyard/abi/signal";
import type { Process, WaitResult } from "@jailyard/trap/process";
import type { Clients } from "./clients.ts";
import { now } from "./clock.ts";
import { Postmaster } from "./postmaster.ts";
import { type Random, random, randomBelow } from "./random.ts";
import type { ChaosRecord } from "./records.ts";
import { attempt, errnoOf } from "./report.ts";
import type { Settings } from "./settings.ts";

const WNOHANG = 1;
const REFUSED = 1;
const LOOK_MILLIS = 20;
/** Between two attempts to start. */
const AGAIN_MILLIS = 50;
/** Children leave within a second or two, unless they wait for one that was killed. */
const PATIENCE = 60;
const ATTEMPTS = 2 * PATIENCE;

const ACTS = ["backend", "postmaster", "second"] as const;

export class Chaos {
  readonly #p: Process;
  readonly #settings: Settings;
  readonly #rng: Random;
  #postmaster: Postmaster | null = null;
  #clients: Clients | null = null;
  #pid = 0;
  /** Clients may begin; somebody wants an end. */
  #released: boolean;
  #over = false;
  readonly #toForward: SignalName[] = [];

  constructor(p: Process, settings: Settings) {
    this.#p = p;
    this.#settings = settings;
    this.#rng = random(settings.seed ^ 0x5bd1e995);
    this.#released = !settings.held;
  }

  /** @returns the exit status of the last postmaster */
  async run(): Promise<number> {
    await this.#catchSignals();
    await this.#start();
    for (let due = this.#due(); ; ) {
      await this.#forward();
      const end = await this.#ended(this.#pid);
      if (end !== null) return end.status ?? 2;
      if (this.#quiet()) due = this.#due();
      else if (now() >= due) {
        const lost = await this.#act();
        if (lost !== null) return lost;
        due = this.#due();
      }
      await this.#p.sleep(LOOK_MILLIS);
    }
  }

  #due(): number {
    return now() + this.#settings.chaosMillis * (0.5 + this.#rng());
  }

  /** Nobody works: before the clients begin, and once they are done. */
  #quiet(): boolean {
    return this.#over || !(this.#postmaster?.clients?.working ?? false);
  }

  async #catchSignals(): Promise<void> {
    for (const signal of ["SIGTERM", "SIGINT", "SIGQUIT"] as const) {
      await this.#p.signal(signal, () => {
        this.#over = true;
        this.#toForward.push(signal);
      });
    }
    await this.#p.signal("SIGUSR2", () => {
      this.#released = true;
      this.#toForward.push("SIGUSR2");
    });
  }

  /** Handlers run within calls, and can make none. */
  async #forward(): Promise<void> {
    for (const signal of this.#toForward.splice(0)) await this.#send(signal);
  }

  #send(signal: SignalName): Promise<unknown> {
    return attempt(this.#p.kill(this.#pid, signal));
  }

  /** Start the server, with the clients of the one before. */
  async #start(): Promise<void> {
    const settings = { ...this.#settings, held: !this.#released };
    const clients = this.#postmaster?.clients ?? this.#clients;
    clients?.disconnected();
    this.#clients = clients;
    this.#postmaster = null; // until the child runs
    this.#pid = await this.#p.fork((p) => {
      this.#postmaster = new Postmaster(p, settings, clients);
      return this.#postmaster.run();
    });
  }

  async #ended(pid: number): Promise<WaitResult | null> {
    try {
      return await this.#p.wait(pid, WNOHANG);
    } catch (error) {
      if (errnoOf(error) !== ECHILD) throw error;
      return null;
    }
  }

  /** @returns the exit status where this was the end of the server, else null */
  async #act(): Promise<number | null> {
    const { chaos } = this.#settings;
    const act = chaos === "all" ? ACTS[randomBelow(this.#rng, ACTS.length)] : chaos;
    if (act === "backend") await this.#killBackend();
    else if (act === "second") await this.#startSecond();
    else return await this.#restart();
    return null;
  }

  async #killBackend(): Promise<void> {
    const backends = this.#postmaster?.backends ?? [];
    if (backends.length === 0) return;
    const pid = backends[randomBelow(this.#rng, backends.length)];
    this.#say("death", `backend (PID ${pid}) is killed; the server has to start anew`);
    await attempt(this.#p.kill(pid, "SIGKILL"));
  }

  /** [PG-13] */
  async #startSecond(): Promise<void> {
    const settings = { ...this.#settings, startOnly: true };
    const pid = await this.#p.fork((p) => new Postmaster(p, settings).run());
    const { status } = (await this.#p.wait(pid))!;
    if (status === REFUSED) {
      this.#say("refusal", "a second postmaster on the same data directory is refused");
    } else this.#say("wrong", `a second postmaster on the same data directory: status ${status}`);
  }

  /** Kill it and start it again, until its children have gone. [PG-36] */
  async #restart(): Promise<number | null> {
    this.#say("death", `the postmaster (PID ${this.#pid}) is killed; its children live on`);
    const from = now();
    const children = this.#postmaster?.children ?? [];
    await this.#send("SIGKILL");
    await this.#p.wait(this.#pid);
    for (let refused = 0; refused < ATTEMPTS; refused++) {
      await this.#start();
      const end = await this.#upOrEnded();
      if (end === null) {
        this.#restarted(refused, now() - from);
        return null;
      }
      if (end.status !== REFUSED || this.#over) return end.status ?? 2;
      if (refused === 0) {
        this.#say(
          "refusal",
          "the postmaster is not started again while a child of the old one lives",
        );
      }
      if (refused === PATIENCE) await this.#terminateOld(children);
      await this.#p.sleep(AGAIN_MILLIS);
    }
    this.#say("wrong", `the postmaster does not start after ${ATTEMPTS} attempts`);
    return 2;
  }

  /** What the hint of the refusal asks for. */
  async #terminateOld(children: readonly number[]): Promise<void> {
    this.#say(
      "death",
      "children of the old postmaster that wait for ever are killed, as the hint has it",
    );
    for (const pid of children) await attempt(this.#p.kill(pid, "SIGKILL"));
  }

  async #upOrEnded(): Promise<WaitResult | null> {
    for (;;) {
      await this.#forward();
      const end = await this.#ended(this.#pid);
      if (end !== null || this.#postmaster?.isUp) return end;
      await this.#p.sleep(LOOK_MILLIS);
    }
  }

  #restarted(refused: number, millis: number): void {
    const after = refused === 0 ? "at once" : `after ${refused} refused attempts`;
    const text = `the postmaster is up again ${after}, ${Math.round(millis)} ms later; what the old one left is recycled`;
    this.#say("start", text);
  }

  #say(what: ChaosRecord["what"], text: string): void {
    this.#p.emit({ type: "chaos", instance: this.#settings.instance, what, text });
  }
}
