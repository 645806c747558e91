/** What -c, -m and -r of jail(8) do with the jails of a file: which of them, in which order. */
import type { Process } from "@jailyard/trap/process";
import { type FileJail, type Stop, startJail, stopJail, updateJail } from "./jailfile.ts";
import { jailNamed } from "./jails.ts";
import { warnx } from "./warn.ts";

export interface Task {
  readonly create: boolean;
  readonly modify: boolean;
  /** -r, or with the others: make anew. */
  readonly remove: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
}

interface Chosen {
  /** Each after those that it depends on. */
  readonly jails: readonly FileJail[];
  /** Named by nobody, but depended on. */
  readonly helpers: ReadonlySet<FileJail>;
}

/** Those that are named, all if none is or `*`; or what is wrong. */
export function chooseJails(jails: readonly FileJail[], names: readonly string[]): Chosen | string {
  const unknown = names.find((name) => name !== "*" && !jails.some((jail) => jail.name === name));
  if (unknown !== undefined) return `"${unknown}" not found`;
  if (names.length === 0 || names.includes("*")) return { jails, helpers: new Set() };
  const wanted = new Set(names);
  for (const jail of jails.toReversed()) {
    if (wanted.has(jail.name)) for (const name of jail.depend) wanted.add(name);
  }
  const chosen = jails.filter(({ name }) => wanted.has(name));
  return { jails: chosen, helpers: new Set(chosen.filter(({ name }) => !names.includes(name))) };
}

/** @returns 1 if any failed; who depends on one that failed is left out */
export async function carryOutFile(
  p: Process,
  chosen: Chosen,
  task: Task,
  stop: Stop,
): Promise<number> {
  const round = new Round(p, chosen, task, stop);
  if (task.remove && !task.modify) await round.removeAll();
  if (task.create || task.modify) await round.setAll();
  return Number(round.lost.size > 0);
}

class Round {
  /** Names of those for which something failed. */
  readonly lost = new Set<string>();
  readonly #p: Process;
  readonly #chosen: Chosen;
  readonly #task: Task;
  readonly #how: { readonly verbose: boolean; readonly stop: Stop };

  constructor(p: Process, chosen: Chosen, task: Task, stop: Stop) {
    this.#p = p;
    this.#chosen = chosen;
    this.#task = task;
    this.#how = { verbose: task.verbose && !task.quiet, stop };
  }

  /** Who depends on others goes first. With -rc who is not there need not be. */
  async removeAll(): Promise<void> {
    const { jails, helpers } = this.#chosen;
    for (const jail of jails.toReversed()) {
      if (helpers.has(jail)) continue;
      if (this.#task.create && !(await this.#isThere(jail))) continue;
      this.#report(jail, "removed", await stopJail(this.#p, jail, this.#how));
    }
  }

  async setAll(): Promise<void> {
    for (const jail of this.#chosen.jails) {
      const missing = jail.depend.find((name) => this.lost.has(name));
      if (missing !== undefined) {
        this.#report(jail, "", `${jail.name}: depends on ${missing}`);
        continue;
      }
      if (this.#chosen.helpers.has(jail) && (await this.#isThere(jail))) continue;
      await this.#set(jail);
    }
  }

  async #set(jail: FileJail): Promise<void> {
    const { create, modify, remove } = this.#task;
    const isThere = await this.#isThere(jail);
    if (!isThere && !create) return this.#report(jail, "", `"${jail.name}" not found`);
    if (isThere && !modify) return this.#report(jail, "", `"${jail.name}" already exists`);
    if (isThere) {
      const why = await updateJail(this.#p, jail, this.#how);
      if (why === null || !remove) return this.#report(jail, "updated", why);
      const stays = await stopJail(this.#p, jail, this.#how);
      if (stays !== null) return this.#report(jail, "", stays);
    }
    this.#report(jail, "created", await startJail(this.#p, jail, this.#how));
  }

  #report({ name }: FileJail, done: string, why: string | null): void {
    if (why === null) {
      if (!this.#task.quiet) this.#p.print(`${name}: ${done}`);
      return;
    }
    warnx(this.#p, why);
    this.lost.add(name);
  }

  async #isThere({ name }: FileJail): Promise<boolean> {
    return typeof (await jailNamed(this.#p, name)) !== "string";
  }
}
