/**
 * Plays conformance cases on a placement and compares each step. A case ends at its first step that
 * is not as wanted, as what follows would only echo it.
 */
import type { Answer, Call, ConformCase, LoadedCase, Ref, Step } from "./case.ts";
import { type Difference, differences, fixedAddresses, type Known } from "./compare.ts";
import { rulesOf } from "./rules.ts";
import type { ConformTarget, Outcome } from "./target.ts";

/** A case that was not answered as wanted. */
export interface Failure {
  readonly file: string;
  readonly line: number;
  readonly case: string;
  /** Counted from 0; -1 if the case could not be set up. */
  readonly step: number;
  /** Who calls, and the call as the script writes it. */
  readonly proc: string | null;
  readonly call: string;
  readonly args: object;
  readonly expected: Answer | null;
  readonly got: Outcome | { readonly threw: string };
  readonly differences: readonly Difference[];
  /** Rules of the reference that it is about, as far as is known. */
  readonly rules: string;
}

export interface Skip {
  readonly file: string;
  readonly line: number;
  readonly case: string;
  readonly why: string;
}

export interface ConformResults {
  readonly placement: string;
  passed: number;
  readonly failures: Failure[];
  readonly skips: Skip[];
}

/** Play all cases, one after the other. */
export async function runCases(
  target: ConformTarget,
  cases: readonly LoadedCase[],
): Promise<ConformResults> {
  const results: ConformResults = {
    placement: target.placement,
    passed: 0,
    failures: [],
    skips: [],
  };
  for (const loaded of cases) {
    const { file, line, conform } = loaded;
    const why = target.skips?.(conform) ?? null;
    if (why !== null) {
      results.skips.push({ file, line, case: conform.name, why });
      continue;
    }
    const failure = await runCase(target, loaded);
    if (failure === null) results.passed++;
    else results.failures.push(failure);
  }
  return results;
}

/** Play one case; null if every step was answered as wanted. */
export async function runCase(target: ConformTarget, loaded: LoadedCase): Promise<Failure | null> {
  const play = new Play(target, loaded);
  try {
    const problem = await caught(() => target.begin(loaded.conform));
    if (problem !== null) return play.failure(-1, { threw: problem }, []);
    return await play.steps();
  } finally {
    await target.end();
  }
}

/** What a promise was rejected with; null if it was not. */
async function caught(act: () => Promise<void>): Promise<string | null> {
  try {
    await act();
    return null;
  } catch (error) {
    return error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
}

/** One case as it is played. */
class Play {
  readonly #target: ConformTarget;
  readonly #loaded: LoadedCase;
  readonly #bound = new Map<string, number>();
  readonly #known: Known;

  constructor(target: ConformTarget, loaded: LoadedCase) {
    this.#target = target;
    this.#loaded = loaded;
    this.#known = { bound: this.#bound, fixed: fixedAddresses(loaded.conform) };
  }

  async steps(): Promise<Failure | null> {
    const { conform } = this.#loaded;
    const last = lastStep(conform);
    for (let at = 0; at <= last; at++) {
      const failure = await this.#step(at, answersAt(conform, at));
      if (failure !== null) return failure;
    }
    return null;
  }

  /** Carry out step `at`; one of `answers` must be what comes of it. */
  async #step(at: number, answers: readonly Answer[]): Promise<Failure | null> {
    const step = this.#loaded.conform.steps[at];
    let outcome: Outcome | undefined;
    const problem = await caught(async () => {
      const call = resolveCall(step, this.#bound);
      outcome = await this.#target.call({ of: at, proc: step.proc, call });
    });
    if (outcome === undefined) return this.failure(at, { threw: problem! }, []);
    const differing = answers.map((answer) => differences(answer, outcome!, this.#known));
    if (!differing.some((found) => found.length === 0)) {
      return this.failure(at, outcome, differing[0]);
    }
    const { ret } = outcome.ending;
    if (step.bind !== undefined && typeof ret === "number") this.#bound.set(`$${step.bind}`, ret);
    return null;
  }

  failure(at: number, got: Failure["got"], found: readonly Difference[]): Failure {
    const { file, line, conform } = this.#loaded;
    const step = conform.steps[at] as Step | undefined;
    return {
      file,
      line,
      case: conform.name,
      step: at,
      proc: step?.proc ?? null,
      call: step?.call ?? "begin",
      args: step?.args ?? {},
      expected: step === undefined ? null : answerOf(step),
      got,
      differences: found,
      rules: step === undefined ? "" : rulesOf(conform, at, reasonsOf(got)),
    };
  }
}

/** Comparing stops after the step from which on the order of waking shows. */
const lastStep = ({ order_dependent, order_step, steps }: ConformCase): number =>
  order_dependent === true ? order_step! : steps.length - 1;

/** The answers that a step may have: one, but where the order of waking first shows. */
function answersAt(conform: ConformCase, at: number): readonly Answer[] {
  const recorded = conform.steps[at];
  if (conform.order_dependent !== true || at !== conform.order_step) return [recorded];
  return [recorded, ...(conform.order_alts ?? [])];
}

function answerOf({ expect, out, completes }: Step): Answer {
  return {
    expect,
    ...(out === undefined ? {} : { out }),
    ...(completes === undefined ? {} : { completes }),
  };
}

function reasonsOf(got: Failure["got"]): string[] {
  if ("threw" in got) return [];
  return [got.ending, ...got.completed].flatMap(({ reason }) => (reason ? [reason] : []));
}

const IDS = new Set(["semid", "msqid", "shmid"]);

/** The call with numbers in place of names. @throws Error if a name is not bound */
export function resolveCall(step: Step, bound: ReadonlyMap<string, number>): Call<number> {
  const args: Record<string, unknown> = { ...step.args };
  for (const [field, value] of Object.entries(args)) {
    if (IDS.has(field))
      args[field] = resolve(value as Ref, bound) | 0; // an id is an int
    else if (field === "addr" && value !== null) args[field] = resolve(value as Ref, bound);
  }
  return { call: step.call, args } as Call<number>;
}

function resolve(ref: Ref, bound: ReadonlyMap<string, number>): number {
  if (typeof ref === "number") return ref;
  if (typeof ref === "string") return lookUp(ref, bound);
  if ("index_of" in ref) return lookUp(ref.index_of, bound) & 0xffff;
  return lookUp(ref.base, bound) + ref.add;
}

function lookUp(name: string, bound: ReadonlyMap<string, number>): number {
  const value = bound.get(name);
  if (value === undefined) throw new Error(`nothing was bound to ${name}: its call has failed`);
  return value;
}
