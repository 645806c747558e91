/** Does what a target did equal what a case wants? Exactly, but for the freedoms of the format. */
import { PAGE_SIZE, SHM_RND } from "@jailyard/abi/shm";
import type { Answer, Completes, ConformCase, Expect, Out, Text, Value } from "./case.ts";
import { flagBits } from "./names.ts";
import type { Completion, Ending, Outcome } from "./target.ts";

/** One thing that is not as wanted. */
export interface Difference {
  /** Such as `ret`, `out.qnum`, `completes.B.errno`. */
  readonly field: string;
  readonly expected: Value | undefined;
  readonly got: Value | undefined;
}

/** What a comparison needs to know of the case so far. */
export interface Known {
  /** Ids and addresses by `$name`. */
  readonly bound: ReadonlyMap<string, number>;
  /** Addresses that the script asks shmat for. */
  readonly fixed: ReadonlySet<number>;
}

/** The addresses that a script asks for; one that the system chooses is none of them. */
export function fixedAddresses({ steps }: ConformCase): Set<number> {
  const fixed = new Set<number>();
  for (const { call, args } of steps) {
    if (call !== "shmat" || typeof args.addr !== "number") continue;
    const rounds = (flagBits(args.flags) & SHM_RND) !== 0;
    fixed.add(rounds ? args.addr - (args.addr % PAGE_SIZE) : args.addr);
  }
  return fixed;
}

/** Everything in which an outcome differs from an answer; nothing if they are equal. */
export function differences(answer: Answer, outcome: Outcome, known: Known): Difference[] {
  return [
    ...endingDiffers("", answer.expect, answer.out, outcome.ending, known),
    ...completionsDiffer(answer.completes ?? [], outcome.completed, known),
  ];
}

const ENDINGS = ["ret", "errno", "blocks", "fault", "exits", "killed"] as const;

function endingDiffers(
  at: string,
  expect: Expect & { killed?: true },
  out: Out | undefined,
  got: Ending,
  known: Known,
): Difference[] {
  const found: Difference[] = [];
  for (const field of ENDINGS) {
    if (field === "ret") continue;
    const [wanted, is] = [expect[field], got[field]];
    if (wanted !== is) found.push({ field: at + field, expected: wanted, got: is });
  }
  if (!retAgrees(expect.ret, got.ret, known)) {
    found.push({ field: `${at}ret`, expected: expect.ret, got: got.ret });
  } else if (expect.same !== undefined && known.bound.get(expect.same) !== got.ret) {
    found.push({
      field: `${at}same`,
      expected: `${expect.same}, ${known.bound.get(expect.same)}`,
      got: got.ret,
    });
  }
  if (out !== undefined && found.length === 0) outDiffers(`${at}out`, out, got.out, known, found);
  return found;
}

/** `"addr"` stands for any page-aligned address that the script does not ask for anywhere. */
function retAgrees(wanted: number | string | undefined, got: Ending["ret"], known: Known): boolean {
  if (wanted !== "addr") return wanted === got;
  return typeof got === "number" && got > 0 && got % PAGE_SIZE === 0 && !known.fixed.has(got);
}

/** Completions are a set; a process has at most one in a step. */
function completionsDiffer(
  wanted: readonly Completes[],
  got: readonly Completion[],
  known: Known,
): Difference[] {
  const found: Difference[] = [];
  for (const one of wanted) {
    const at = `completes.${one.proc}.`;
    const is = got.find(({ proc }) => proc === one.proc);
    if (is === undefined) {
      found.push({ field: at.slice(0, -1), expected: { ...one } as Value, got: undefined });
      continue;
    }
    if (one.of !== is.of) found.push({ field: `${at}of`, expected: one.of, got: is.of });
    found.push(...endingDiffers(at, one, one.out, is, known));
  }
  for (const one of got) {
    if (wanted.some(({ proc }) => proc === one.proc)) continue;
    found.push({ field: `completes.${one.proc}`, expected: undefined, got: { ...one } as Value });
  }
  return found;
}

type Fields = { [name: string]: Value };
const isRecord = (value: Value | undefined): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const isFill = (value: Value): value is { fill: string; len: number } =>
  isRecord(value) && Object.hasOwn(value, "fill");

/** The characters of a text. */
export function spelled(text: Text): string {
  return typeof text === "string" ? text : text.fill.repeat(text.len);
}

/** `mode_raw` is compared where it is given; a `ref` is the id that was bound. */
function outDiffers(
  at: string,
  wanted: Value,
  got: Value | undefined,
  known: Known,
  found: Difference[],
): void {
  const want = isFill(wanted) ? spelled(wanted) : wanted;
  if (Array.isArray(want) && Array.isArray(got) && want.length === got.length) {
    for (const [i, one] of want.entries()) outDiffers(`${at}[${i}]`, one, got[i], known, found);
  } else if (isRecord(want) && isRecord(got)) {
    for (const field of new Set([...Object.keys(want), ...Object.keys(got)])) {
      if (field === "mode_raw" && want[field] === undefined) continue;
      if (field === "ref") refDiffers(`${at}.ref`, want, got, known, found);
      else outDiffers(`${at}.${field}`, want[field], got[field], known, found);
    }
  } else if (want !== got) {
    found.push({ field: at, expected: want, got });
  }
}

function refDiffers(
  field: string,
  want: Fields,
  got: Fields,
  known: Known,
  found: Difference[],
): void {
  const { ref } = want;
  if (typeof ref !== "string" || known.bound.get(ref) === got.id) return;
  found.push({ field, expected: `${ref}, ${known.bound.get(ref)}`, got: got.id });
}
