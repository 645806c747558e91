/**
 * A yard whose threads have points: victims of one jail die in calls on objects that processes of
 * another use, and after each death everything is looked at.
 */
import { fileURLToPath } from "node:url";
import type { Pid } from "@jailyard/abi/types";
import type { Jail } from "@jailyard/host/jail";
import { jailEntry } from "@jailyard/host/jailentry";
import type { Exit } from "@jailyard/host/processhandle";
import { Yard, type YardConfig } from "@jailyard/host/yard";
import { expect } from "vitest";
import {
  ARRIVED,
  type CallName,
  EMPTY,
  FULL,
  GIVEN,
  LACKING,
  type Objects,
  PLACE,
  QUEUE_KEYS,
  RECEIVED,
  REFILLED,
  SEMS,
  SLEEPS,
  SURVIVED,
  TAKEN,
  type Victim,
} from "../host/programs/pointcalls.ts";
import {
  EMPTY_LACKING,
  LOOK,
  PULSE,
  REMOVE,
  RESET,
  SEEN,
  WAKES,
} from "../host/programs/pointlooker.ts";
import { GOT, MATES } from "../host/programs/pointmates.ts";
import { Board, RELEASED } from "./board.ts";
import { PLACES, type Place } from "./instrument.ts";
import { programUrl, until } from "./yard.ts";

/** What kills a victim that stays at its point, until `release`. */
export type Killer = (jail: Jail, pid: Pid, release: () => void) => Promise<unknown>;

/** Whose thread: one of its own, or that of its jail's coroutines. */
export type Kind = "pointblocker" | "pointvictim";

export interface Death extends Omit<Victim, "board" | "objects"> {
  readonly kind: Kind;
  /** For the way `stay`. */
  readonly killer?: Killer;
}

/** How a victim ended, and where it was then; null: its call was over. */
export interface End {
  readonly place: Place | null;
  /** The places of all its points, if its call was over. */
  readonly places: readonly Place[];
  readonly exit: Exit;
}

interface Seen {
  readonly semval: number[];
  readonly semncnt: number[];
  readonly semzcnt: number[];
  readonly qnum: number[];
}

export class PointYard {
  readonly yard: Yard;
  readonly #looker = new Board();
  readonly #mates = new Board();
  #objects!: Objects;
  #jail: Jail | null = null;
  #staying: ReadonlySet<number> = new Set();

  private constructor(yard: Yard) {
    this.yard = yard;
  }

  static async boot(config: YardConfig): Promise<PointYard> {
    process.env.JAILYARD_TEST_ENTRY = fileURLToPath(await jailEntry());
    const entry = new URL("../host/points.worker.ts", import.meta.url);
    const yard = new Yard({ log: "silent", jailMemoryMib: 48, ...config }, entry);
    await yard.ready();
    const points = new PointYard(yard);
    await points.#begin();
    return points;
  }

  async #begin(): Promise<void> {
    const jail = await this.#sharing("b");
    const looker = await jail.spawn({
      module: programUrl("pointlooker"),
      arg: this.#looker.buffer,
    });
    const objects = await new Promise((resolve) => looker.on("record", resolve));
    this.#objects = objects as Objects;
    const arg = { buffer: this.#mates.buffer, objects };
    await jail.spawn({ module: programUrl("pointmates"), arg });
    await until(async () => (await this.yard.stats()).processes === 2 + MATES.length);
    await this.#settle();
    const pids = (await this.yard.control.processes()).map(({ pid }) => pid);
    this.#staying = new Set(pids);
  }

  /** A jail that uses the host's objects. */
  #sharing(name: string): Promise<Jail> {
    return this.yard.jail({ name, sysvsem: "inherit", sysvmsg: "inherit" });
  }

  async #jailOfVictims(): Promise<Jail> {
    const { yard } = this;
    if (this.#jail === null || yard.jails.get("a") !== this.#jail) {
      this.#jail = await this.#sharing("a");
    }
    return this.#jail;
  }

  async shutdown(): Promise<void> {
    const { yard } = this;
    await this.#command(REMOVE);
    for (const jail of [...yard.jails.values()]) await jail.remove();
    const left = await yard.control.leftovers();
    await yard.shutdown();
    expect(left).toEqual({});
    expect(yard.pool.threads.length).toBe(0);
  }

  /** Every mate sleeps, and nothing is on its way. */
  async #settle(): Promise<void> {
    await until(async () => {
      const asleep = (await this.yard.control.processes()).filter((one) => one.asleep);
      return asleep.length > MATES.length; // and their parent
    });
  }

  async #command(command: number): Promise<void> {
    this.#looker.command(command);
    while (this.#looker.answered === 0) await this.#looker.changed(0);
  }

  async #look(): Promise<Seen> {
    await this.#command(LOOK);
    const words = [...this.#looker.words.slice(SEEN, SEEN + 3 * SEMS + QUEUE_KEYS.length)];
    const [semval, semncnt, semzcnt] = [0, 1, 2].map((which) =>
      Array.from({ length: SEMS }, (_, num) => words[3 * num + which]),
    );
    return { semval, semncnt, semzcnt, qnum: words.slice(3 * SEMS) };
  }

  #got(): number[] {
    return [...this.#mates.words.slice(GOT, GOT + MATES.length)];
  }

  /** A victim makes a call and dies at its `at`-th point; all is as it should be afterwards. */
  async die({ kind, killer, ...victim }: Death): Promise<End> {
    const jail = await this.#jailOfVictims();
    const board = new Board();
    const arg: Victim = { ...victim, board: board.buffer, objects: this.#objects };
    const process = await jail.spawn({ module: programUrl(kind), arg });
    const places: Place[] = [];
    process.on("record", (record) => places.push(...(record as Place[])));
    while (board.answered === 0) await board.changed(0);
    await this.#command(RESET);
    await this.#settle();
    this.#mates.words.fill(0);
    board.command(1);
    const given = await this.#watch(board, victim.call, process.pid, process.exited);
    const arrived = board.answered === ARRIVED;
    const release = (): void => board.store(RELEASED, 1);
    if (arrived) await killer?.(jail, process.pid, release);
    release();
    const exit = await process.exited;
    await this.#check(victim.call, given);
    return { place: arrived ? PLACES[board.load(PLACE) - 1] : null, places, exit };
  }

  /** Until the victim is at its point, or has ended; a sleep is ended. @returns whether one was */
  async #watch(
    board: Board,
    call: CallName,
    pid: number,
    exited: Promise<unknown>,
  ): Promise<boolean> {
    let over = false;
    void exited.then(() => {
      over = true;
    });
    const sleeps = SLEEPS.includes(call);
    while (!over && board.answered !== ARRIVED && board.answered !== SURVIVED) {
      if (sleeps && (await this.#isAsleep(pid))) {
        await this.#command(WAKES[call as keyof typeof WAKES]);
        await Promise.race([exited, this.#ends(board)]);
        return true;
      }
      await Promise.race([exited, board.changed(0, 1)]);
    }
    return false;
  }

  async #ends(board: Board): Promise<void> {
    while (board.answered === 0) await board.changed(0, 100);
  }

  async #isAsleep(pid: number): Promise<boolean> {
    const processes = await this.yard.control.processes();
    return processes.some((one) => one.pid === pid && one.asleep);
  }

  /** Invariants; each call happened or did not; undo once; nobody forgotten; nothing lost. */
  async #check(call: CallName, given: boolean): Promise<void> {
    const { yard } = this;
    await until(async () =>
      (await yard.control.processes()).every(({ pid }) => this.#staying.has(pid)),
    );
    await this.#settle();
    expect(await yard.control.check()).toEqual([]);
    const { semval, semncnt, semzcnt, qnum } = await this.#look();
    const got = this.#got();
    expect([semncnt, semzcnt]).toEqual([
      [0, 1, 0],
      [0, 0, 0],
    ]);
    const wakes = { give: 0, vector: 0, send: 1, receive: 2 } as Partial<Record<CallName, number>>;
    for (const [i, count] of got.entries())
      expect(count).toBeLessThanOrEqual(Number(wakes[call] === i));
    expect([semval[TAKEN], semval[GIVEN]]).toEqual([1, 0]);
    const woken = Number(given);
    if (call === "sleep") expect(semval[EMPTY]).toBeOneOf([woken, Math.max(0, woken - 1)]);
    else expect(semval[EMPTY], "EMPTY").toBe(call === "sleepUndo" ? woken : 0);
    expect([qnum[RECEIVED], qnum[REFILLED]]).toEqual([0, 1]);
    const full = call === "sendFull" && given ? [0, 1] : [1];
    expect(qnum[FULL]).toBeOneOf(full);
    const lacking = call === "receiveNone" && given ? [0, 1] : [0];
    expect(qnum[LACKING]).toBeOneOf(lacking);
    await this.#command(EMPTY_LACKING); // what was kept for the dead can be received
    expect(this.#looker.words[SEEN], "drained").toBe(qnum[LACKING]);
    await this.#command(PULSE);
    await until(() => this.#got().every((count, i) => count === got[i] + 1));
  }
}
