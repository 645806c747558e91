/** Kills processes, threads and jails of a yard under load, as a seed has it, and counts them. */
import { SIGNALS } from "@jailyard/abi/signal";
import type { Jail } from "@jailyard/host/jail";
import type { Exit } from "@jailyard/host/processhandle";
import type { Yard } from "@jailyard/host/yard";
import { Dice } from "./dice.ts";
import { privateJail, programUrl } from "./yard.ts";

const LOADS = ["load", "load", "blockingload"] as const;
/** Processes that are killed in one go. */
const VICTIMS = 8;

/** A jail and the ends of the programs that keep it busy; one that ended is started again. */
interface Ward {
  readonly name: string;
  jail: Jail;
  readonly running: (Promise<Exit> | null)[];
}

export class Killer {
  readonly killed = { processes: 0, threads: 0, jails: 0 };
  readonly #yard: Yard;
  readonly #dice: Dice;
  readonly #wards: Ward[] = [];
  readonly #spared: ReadonlySet<number>;
  readonly #ends: Promise<Exit>[] = [];

  /** `spared` are the pids of those who watch. */
  constructor(yard: Yard, seed: number, spared: ReadonlySet<number>) {
    this.#yard = yard;
    this.#dice = new Dice(seed);
    this.#spared = spared;
  }

  get deaths(): number {
    const { processes, threads, jails } = this.killed;
    return processes + threads + jails;
  }

  async begin(jails: number): Promise<void> {
    for (let i = 0; i < jails; i++) {
      const name = `ward${i}`;
      const jail = await privateJail(this.#yard, name);
      this.#wards.push({ name, jail, running: LOADS.map(() => null) });
    }
    await this.#revive();
  }

  /** Some deaths at once, then new life where there is none. */
  async step(): Promise<void> {
    const ward = this.#dice.pick(this.#wards);
    const deaths: Promise<unknown>[] = [this.#killProcesses()];
    if (this.#dice.once(6)) deaths.push(this.#crash(ward));
    await Promise.all(deaths);
    if (this.#dice.once(12)) await this.#removeJail(ward);
    await this.#revive();
  }

  /** Remove every jail. @returns how each program ended that was ever started */
  async end(): Promise<Exit[]> {
    await Promise.all(this.#wards.map(({ jail }) => jail.remove()));
    return await Promise.all(this.#ends);
  }

  async #killProcesses(): Promise<void> {
    const { control } = this.#yard;
    const pids = (await control.processes()).map(({ pid }) => pid);
    const victims = pids.filter((pid) => !this.#spared.has(pid) && this.#dice.once(4));
    const kills = victims.slice(0, VICTIMS).map((pid) => {
      const signal = this.#dice.once(3) ? SIGNALS.SIGTERM : SIGNALS.SIGKILL;
      return control.kill(pid, signal);
    });
    this.killed.processes += (await Promise.all(kills)).filter((found) => found).length;
  }

  /** The thread of the coroutines, or of some process that owns one. */
  async #crash({ jail }: Ward): Promise<void> {
    const pids = [...jail.processes.keys()];
    await jail.crash(this.#dice.once(2) || pids.length === 0 ? null : this.#dice.pick(pids));
    this.killed.threads++;
  }

  async #removeJail(ward: Ward): Promise<void> {
    await ward.jail.remove();
    this.killed.jails++;
    ward.jail = await privateJail(this.#yard, ward.name);
  }

  async #revive(): Promise<void> {
    for (const ward of this.#wards) {
      for (const [i, program] of LOADS.entries()) {
        if (ward.running[i] === null) await this.#start(ward, i, program);
      }
    }
  }

  async #start({ jail, running }: Ward, i: number, program: string): Promise<void> {
    const arg = { seed: this.#dice.below(2 ** 31) };
    const { exited } = await jail.spawn({ module: programUrl(program), arg });
    running[i] = exited;
    this.#ends.push(exited);
    void exited.then(() => {
      running[i] = null;
    });
  }
}
