/** A scenario under one model: its yard, its jails, and the record of what came of each step. */
import { FACILITIES, type Facility } from "@jailyard/abi/types";
import type { Jail } from "@jailyard/host/jail";
import type { Yard } from "@jailyard/host/yard";
import type { Model } from "@jailyard/kernel/model";
import type { ListRow } from "@jailyard/trap/records";
import { PRIVATE } from "../scenario/inyard.ts";
import { makeActor } from "./actor.ts";
import { Cast, type Ending, type Player } from "./cast.ts";
import { Outcome, type Step } from "./outcome.ts";
import type { Actor, JailSetup } from "./scenario.ts";
import { spellCall, spellValue } from "./spell.ts";

/** Runs a tool in a yard: its output and exit status. `jail` absent: on the host. */
export type RunTool = (
  yard: Yard,
  tool: string,
  args: readonly string[],
  jail?: string,
) => Promise<{ readonly status: number; readonly lines: readonly string[] }>;

export class Stage {
  readonly yard: Yard;
  readonly cast: Cast;
  readonly tool: RunTool;
  readonly steps: Step[] = [];
  /** Modules that are there now: without one there is no parameter of jails for it. */
  readonly #modules: Set<string>;
  readonly #model: Model;
  /** `#1` by facility and id: the step that first gave it. */
  readonly #names = new Map<string, string>();
  readonly #sleepers = new Map<Player, { step: Step; args: readonly unknown[] }>();
  /** The first process of each place, for the survey. */
  readonly #places = new Map<string, Player>();

  constructor(yard: Yard, model: Model, tool: RunTool) {
    this.#modules = new Set((yard.config.modules ?? FACILITIES).map((f) => `sysv${f}`));
    this.yard = yard;
    this.#model = model;
    this.tool = tool;
    this.cast = new Cast(yard);
  }

  async hostActor(): Promise<Actor> {
    return this.#place("host", await this.yard.host);
  }

  /** A jail, in the model's own way, and a process there. */
  async jailActor(name: string, setup: JailSetup = {}): Promise<Actor> {
    const { sysv = "new", path = `/jails/${name.replaceAll(".", "/")}`, params = {} } = setup;
    return this.#place(name, await this.yard.jail({ name, path, ...this.#sysv(sysv), ...params }));
  }

  #sysv(value: NonNullable<JailSetup["sysv"]> | null): Readonly<Record<string, string>> {
    if (this.#model.jailsys === null || value === null) return {};
    const there = Object.keys(PRIVATE).filter((param) => this.#modules.has(param));
    return Object.fromEntries(there.map((param) => [param, value]));
  }

  /** Another process of a place. */
  async actor(name: string, home: Jail, uid: number): Promise<Actor> {
    return makeActor(this, await this.cast.start(name, home, uid));
  }

  async #place(name: string, home: Jail): Promise<Actor> {
    const player = await this.cast.start(name, home);
    this.#places.set(name, player);
    return makeActor(this, player);
  }

  /** Make a call, and record it. */
  async call(player: Player, call: string, args: readonly unknown[]): Promise<Outcome> {
    if (this.#sleepers.has(player)) throw new Error(`${player.name} sleeps in its last call`);
    const step = this.begin(
      player.name,
      spellCall(call, args, (of) => this.number(of.step)),
      call,
    );
    const passed = args.map((arg) => (arg instanceof Outcome ? arg.id : arg));
    const ending = await this.cast.ask(player, { call, args: passed });
    if (ending === "sleeps") this.#sleepers.set(player, { step, args });
    const outcome = this.#note(step, args, ending);
    await this.settle(step);
    return outcome;
  }

  /** A step whose outcome is not known yet. */
  begin(who: string, what: string, call: string): Step {
    const step: Step = { who, what, call, outcome: "", detail: "", limit: "", micros: 0 };
    this.steps.push(step);
    return step;
  }

  number(step: Step): number {
    return this.steps.indexOf(step) + 1;
  }

  #note(step: Step, args: readonly unknown[], ending: Ending): Outcome {
    if (typeof ending === "string") {
      step.outcome = ending;
      return new Outcome(step, false, undefined);
    }
    step.micros = ending.micros;
    if ("code" in ending) {
      const [rule, limit = ""] = ending.reason.split(", ");
      Object.assign(step, { outcome: ending.code, detail: rule, limit });
      return new Outcome(step, false, undefined);
    }
    step.outcome = spellValue(step.call, args, ending.value, this.#nameIn(step));
    if (step.call === "kldload") this.#modules.add(String(args[0]));
    if (step.call === "kldunload") this.#unloaded(String(args[0]));
    return new Outcome(step, true, ending.value);
  }

  /** Ids begin again with the next load. */
  #unloaded(module: string): void {
    this.#modules.delete(module);
    for (const known of this.#names.keys()) {
      if (known.startsWith(module.slice("sysv".length))) this.#names.delete(known);
    }
  }

  /** Those who slept and do not any more: their step tells how it ended, and after which. */
  async settle(after: Step): Promise<void> {
    for (const [player, { step, args }] of this.#sleepers) {
      if (step === after) continue;
      const ending = await this.cast.look(player);
      if (ending === null) continue;
      this.#sleepers.delete(player);
      this.#note(step, args, ending);
      step.outcome = `sleeps, ${step.outcome} after ${this.number(after)}`;
    }
  }

  #nameIn(step: Step): (f: Facility, id: number) => string {
    return (f, id) => {
      const known = this.#names.get(`${f} ${id}`);
      if (known !== undefined) return known;
      if (!/^(sem|shm|msg)get$/.test(step.call)) return "another";
      const name = `#${this.number(step)}`;
      this.#names.set(`${f} ${id}`, name);
      return name;
    };
  }

  /** Which objects each place lists in the end, by name, and those whose keys it is shown. */
  async survey(): Promise<Record<string, string>> {
    const seen: Record<string, string> = {};
    for (const [place, player] of this.#places) {
      if (!this.#sleepers.has(player)) seen[place] = await this.#listed(player, false);
    }
    seen["host, ipcs -Z"] = await this.#listed(this.#places.get("host")!, true);
    return seen;
  }

  async #listed(player: Player, all: boolean): Promise<string> {
    const [named, others]: [string[], string[]] = [[], []];
    for (const f of FACILITIES) {
      const ending = await this.cast.ask(player, { call: "ipcs", args: [f, all] });
      if (typeof ending === "string") return "gone";
      if (!("value" in ending)) continue;
      for (const row of ending.value as ListRow[]) {
        const name = this.#names.get(`${f} ${row.id}`);
        if (name === undefined) others.push(f);
        else named.push(`${name}${isKeyShown(row, all) ? "" : " (no key)"}`);
      }
    }
    if (others.length > 0) named.push(`${others.length} others`);
    return named.join(", ") || "nothing";
  }
}

/** By the structure, as ipcs has it; with -Z the true key is shown beside it. */
function isKeyShown({ ds, owner }: ListRow, all: boolean): boolean {
  const perm = Object.values(ds).find((value) => typeof value === "object") as { key: number };
  return perm.key !== 0 || (all && owner !== undefined && owner.key !== 0);
}
