/** What IPC_STAT gave, field by field, beside the recorded structure. */
import { roundPage } from "@jailyard/abi/shm";
import type { Comparing } from "./compare.ts";
import type { Mapping } from "./mapping.ts";
import type { RecordedEvent } from "./recording.ts";
import * as rules from "./rules.ts";
import { explained, SAME, unexplained, type Verdict } from "./verdict.ts";

type Fields = Readonly<Record<string, unknown>>;

/** A field differs: by a rule, or without (null). */
interface Difference {
  readonly rule: rules.Rule | null;
  readonly field: string;
  readonly there: unknown;
  readonly here: unknown;
}

export function compareStat(c: Comparing, ix: number, event: RecordedEvent, ds: Fields): Verdict {
  const buf = event.args.buf;
  if (buf === undefined) return SAME;
  const differences: Difference[] = [];
  for (const [field, there] of Object.entries(buf)) {
    if (field.endsWith("_perm"))
      differences.push(...comparePerm(c, there as Fields, ds[field] as Fields));
    else differences.push(...compareField(c, ix, field, there, ds[field]));
  }
  return verdictOf(differences);
}

function verdictOf(differences: readonly Difference[]): Verdict {
  const unknown = differences.filter(({ rule }) => rule === null);
  if (unknown.length > 0) {
    const show = (side: "there" | "here") =>
      unknown.map((d) => `${d.field} ${String(d[side])}`).join(", ");
    return unexplained(show("there"), show("here"));
  }
  const known = new Set(differences.map(({ rule }) => rule!));
  return known.size === 0 ? SAME : explained(...known);
}

const differs = (field: string, there: unknown, here: unknown, rule: rules.Rule | null) => [
  { rule, field, there, here },
];

/** sem_perm, shm_perm, msg_perm. */
function comparePerm({ numbers }: Comparing, there: Fields, here: Fields): Difference[] {
  const found: Difference[] = [];
  for (const [field, value] of Object.entries(there)) {
    if (field === "mode") found.push(...compareMode(value, here.mode as number));
    else if (field === "key") {
      if (keyNumber(value) !== here.key) found.push(...differs("key", value, here.key, null));
    } else {
      const ids = field.endsWith("uid") ? numbers.uid : numbers.gid;
      found.push(...compareUser(ids, field, value, here[field] as number));
    }
  }
  return found;
}

const keyNumber = (key: unknown): number => (key === "IPC_PRIVATE" ? 0 : Number(key) | 0);

function compareMode(there: unknown, here: number): Difference[] {
  const mode = Number.parseInt(String(there), 8);
  if (mode === here) return [];
  const same = (mode & 0o777) === (here & 0o777);
  return differs("mode", there, here.toString(8), same ? rules.COM_25 : null);
}

/** A user of the recording is always the same user here. */
function compareUser(ids: Mapping, field: string, there: unknown, here: number): Difference[] {
  if (there === here) return [];
  const known = ids.put(there as number, here);
  return differs(field, there, here, known ? rules.COM_22 : null);
}

const PIDS = /_(cpid|lpid|lspid|lrpid)$/;
const TIMES = /_(atime|dtime|ctime|otime|stime|rtime)$/;

function compareField(
  c: Comparing,
  ix: number,
  field: string,
  there: unknown,
  here: unknown,
): Difference[] {
  if (TIMES.test(field)) return compareTime(field, there as number, here as number);
  if (PIDS.test(field)) return comparePid(c, ix, field, there as number, here as number);
  if (there === here || here === undefined) return [];
  if (field === "shm_segsz") {
    const rounded = roundPage(there as number) === here;
    return differs(field, there, here, rounded ? rules.SHM_15 : null);
  }
  if (field === "msg_qbytes" && (here as number) < (there as number)) {
    return differs(field, there, here, rules.MSG_24);
  }
  const inFlight = c.overlaps(ix).length;
  const near = Math.abs((there as number) - (here as number)) <= inFlight;
  return differs(field, there, here, near ? rules.ORDER : null);
}

/** Only whether there was such a moment can be compared. */
function compareTime(field: string, there: number, here: number): Difference[] {
  if ((there === 0) === (here === 0)) return [];
  const forked = field === "shm_atime" && here === 0;
  return differs(field, there, here, forked ? rules.SHM_33 : null);
}

function comparePid(
  c: Comparing,
  ix: number,
  field: string,
  there: number,
  here: number,
): Difference[] {
  const expected = there === 0 ? 0 : c.numbers.pid.here(there);
  if (expected === here) return [];
  if (field === "shm_lpid") return differs(field, there, here, rules.SHM_31);
  const pids = c.overlaps(ix).map(({ pid }) => pid);
  const near = pids.includes(there) || pids.includes(c.numbers.pid.there(here) ?? -1);
  return differs(field, there, here, near ? rules.ORDER : null);
}
