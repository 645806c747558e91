/** A host as its files describe it, with the line of everything that is said. */
import type { Facility } from "@jailyard/abi/types";
import type { ModelName } from "@jailyard/kernel/model";
import type { LimitScope } from "@jailyard/kernel/usage";
import type { HostSetting, RctlLine } from "../scenario/hostconf.ts";
import type { Place } from "./finding.ts";

/** A parameter of a jail as written; `sysvsem;` has the value null. */
export interface Param extends Place {
  readonly name: string;
  readonly value: string | null;
}

/** A program that runs in a jail from the beginning. */
export interface Program extends Place {
  readonly run: string;
  readonly args: readonly string[];
  readonly procs: number;
}

export interface DescribedJail extends Place {
  readonly name: string;
  /** In their order: of one name the last word counts. */
  readonly params: readonly Param[];
  readonly programs: readonly Program[];
}

export interface Described {
  readonly model: ModelName;
  readonly limitScope: LimitScope;
  /** null: all, as in GENERIC. */
  readonly modules: readonly Facility[] | null;
  readonly settings: readonly HostSetting[];
  readonly rules: readonly RctlLine[];
  readonly jails: readonly DescribedJail[];
}

export const NOTHING: Described = {
  model: "jail-keyed",
  limitScope: "host",
  modules: null,
  settings: [],
  rules: [],
  jails: [],
};

/** Several files of one host; of what only one may say, the last word counts. */
export const together = (a: Described, b: Partial<Described>): Described => ({
  ...a,
  ...b,
  settings: [...a.settings, ...(b.settings ?? [])],
  rules: [...a.rules, ...(b.rules ?? [])],
  jails: [...a.jails, ...(b.jails ?? [])],
});
