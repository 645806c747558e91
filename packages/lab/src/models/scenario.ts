/**
 * Scenarios: jails, and who calls what in which order, to be run under each model and compared call by
 * call. A scenario is a module:
 *
 *   export default scenario({
 *     question: "Do two jails that use one key meet?",
 *     jails: { web: {}, db: {} },
 *     async run({ web, db }) {
 *       await web.semget(5432001, 1, IPC_CREAT | 0o600);
 *       await db.semget(5432001, 1, IPC_CREAT | 0o600);
 *     },
 *   });
 *
 * One call is made after the other, so that the order is the same in each run. A call that fails does
 * not throw: its outcome is recorded, and the scenario goes on as a C program that looks at no result.
 */
import type { LimitSettings } from "@jailyard/abi/limits";
import type { Facility } from "@jailyard/abi/types";
import type { LateLoad } from "@jailyard/kernel/lateload";
import type { LimitScope } from "@jailyard/kernel/usage";
import type { Calls } from "@jailyard/trap/process";
import type { Outcome } from "./outcome.ts";

/** A jail as a scenario wants it; each model has its own way to give it that. */
export interface JailSetup {
  /** Name spaces of its own if absent; null: what a jail gets that asks for nothing. */
  readonly sysv?: "new" | "inherit" | "disable" | null;
  /** Its root in the tree of files: `/jails/NAME` if absent. */
  readonly path?: string;
  /** Other parameters, as jail(8) takes them. */
  readonly params?: Readonly<Record<string, string | number | boolean>>;
}

/** An id can be given as the outcome of the call that made it. */
type Given<T> = T extends number ? T | Outcome : T;
type GivenAll<A extends readonly unknown[]> = { [I in keyof A]: Given<A[I]> };

/** The system calls, whose outcomes are recorded. */
export type ActorCalls = {
  readonly [C in keyof Calls<"awaited">]: (
    ...args: GivenAll<Parameters<Calls<"awaited">[C]>>
  ) => Promise<Outcome>;
};

/** A process of a jail or of the host, root unless it is said otherwise. */
export interface Actor extends ActorCalls {
  readonly jid: number;
  /** Another process there, of this user. */
  as(uid: number): Promise<Actor>;
  /** A child, which goes by this name. */
  fork(name: string): Promise<Actor>;
  /** Another jail, made now. */
  jail(name: string, setup?: JailSetup): Promise<Actor>;
  /** A tool such as ipcs(1), in a process of its own, where this one is. */
  tool(name: string, ...args: readonly string[]): Promise<Outcome>;
  /** A PostgreSQL server of 2006 (8.1), with clients. */
  postgres(): Promise<PostgresActor>;
  /** A MySQL server on /tmp/mysql.sock. */
  mysqld(): Promise<Outcome>;
  /** A MySQL client that makes one query there. */
  mysql(query: string): Promise<Outcome>;
}

export interface PostgresActor {
  /** Does it serve its clients still? Waits until it has done so for a while, or fails. */
  works(): Promise<Outcome>;
}

export interface Definition<J extends string = string> {
  /** What it is to show, in a sentence. */
  readonly question: string;
  /** Modules that are there at boot; all three if absent. */
  readonly modules?: readonly Facility[];
  readonly limits?: LimitSettings;
  /** The policy, or each model's own; freebsd if absent. */
  readonly lateLoad?: LateLoad | "own";
  /** Whose use counts, or each model's own; host if absent. */
  readonly limitScope?: LimitScope | "own";
  /** security.jail.sysvipc_allowed, which model flat knows; true if absent. */
  readonly sysvipc_allowed?: boolean;
  readonly jails: Readonly<Record<J, JailSetup>>;
  run(actors: Readonly<Record<J | "host", Actor>>): Promise<void>;
}

const KIND = "jailyard scenario";

export interface Scenario extends Definition {
  readonly kind: typeof KIND;
}

export const scenario = <const J extends string>(definition: Definition<J>): Scenario => ({
  ...(definition as unknown as Definition),
  kind: KIND,
});

export const isScenario = (value: unknown): value is Scenario =>
  typeof value === "object" && value !== null && (value as Partial<Scenario>).kind === KIND;
