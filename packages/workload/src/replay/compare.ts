/**
 * A call's outcome beside the recorded one. Ids, pids, addresses and users are translated and have
 * to be the same thing each time; everything else has to be equal, or differ by a rule.
 */
import type { Attachment } from "@jailyard/trap/attachment";
import type { Message } from "@jailyard/trap/process";
import type { Emulated, Outcome } from "./emulated.ts";
import type { Mapping } from "./mapping.ts";
import { isInterrupted } from "./order.ts";
import { errnoHere, isCutVector, type Numbers } from "./perform.ts";
import type { RecordedEvent } from "./recording.ts";
import * as rules from "./rules.ts";
import { compareStat } from "./stat.ts";
import { explained, SAME, unexplained, type Verdict } from "./verdict.ts";

export interface Comparing {
  readonly numbers: Numbers;
  /** Calls in flight together with the event. */
  overlaps(ix: number): readonly RecordedEvent[];
}

export function compare(
  c: Comparing,
  process: Emulated,
  ix: number,
  event: RecordedEvent,
  outcome: Outcome,
): Verdict {
  const { errno, ret } = event;
  if (outcome.kind === "threw") return unexplained(errno ?? ret, `exception: ${outcome.message}`);
  if (outcome.kind === "gone") {
    return isInterrupted(errno) ? SAME : unexplained(errno ?? ret, "the process was killed");
  }
  if (errno !== undefined) return compareFailure(event, errnoHere(errno), outcome);
  if (outcome.kind === "ok") return compareValue(c, process, ix, event, outcome.value);
  const rule = explainRefusal(event, outcome.code);
  return rule === null ? unexplained(ret, outcome.code) : explained(rule);
}

/** The recorded call failed. */
function compareFailure(
  event: RecordedEvent,
  code: string,
  outcome: Extract<Outcome, { kind: "ok" | "errno" }>,
): Verdict {
  if (outcome.kind === "ok") {
    const rule = explainSuccess(event, code);
    return rule === null ? unexplained(code, "success") : explained(rule);
  }
  if (outcome.code === code) {
    if (isCutVector(event)) return explained(rules.SEM_43);
    return event.errno === code || event.errno === "?" ? SAME : explained(rules.COM_29);
  }
  const rule = explainErrno(event, code, outcome.code);
  return rule === null ? unexplained(code, outcome.code) : explained(rule);
}

const isCtl = (call: string): boolean => call.endsWith("ctl");
const isStranger = (code: string): boolean => code === "EPERM";

/** Both failed, with different errors. */
function explainErrno(event: RecordedEvent, there: string, here: string): rules.Rule | null {
  const { call, args } = event;
  if (call === "shmget" && there === "ENOSPC" && here === "ENOMEM") return rules.SHM_14;
  if (call === "semget" && there === "EINVAL" && here === "ENOENT") return rules.SEM_19;
  if (call === "semget" && there === "EINVAL" && here === "EEXIST") return rules.SEM_17;
  if (call === "semtimedop" && there === "EAGAIN" && here === "EINTR") return rules.SEM_40;
  if (isCtl(call) && isStranger(there) && here === "EACCES") return rules.COM_16;
  if (there === "EIDRM" && here === "EINVAL") return rules.COM_3;
  if (isCtl(call) && here === "EINVAL") return explainCommand(call, args.cmd!);
  return null;
}

/** It failed there and succeeds here. */
function explainSuccess({ call, args }: RecordedEvent, there: string): rules.Rule | null {
  if (call === "shmget" && there === "EACCES") return rules.SHM_12;
  if (call === "shmget" && there === "EINVAL" && !args.flags!.includes("IPC_CREAT")) {
    return rules.SHM_11;
  }
  if (call === "semop" && there === "EINVAL" && args.sops!.length === 0) return rules.SEM_49;
  if (call === "semctl" && args.cmd === "SEM_STAT") return rules.SEM_37;
  if (call === "shmctl" && args.cmd === "IPC_RMID") return rules.SHM_45;
  if ((call === "shmat" || call === "shmctl") && there === "EIDRM") return rules.SHM_22;
  return null;
}

/** It succeeded there and fails here. */
function explainRefusal({ call, args }: RecordedEvent, here: string): rules.Rule | null {
  if (isCtl(call) && here === "EINVAL") return explainCommand(call, args.cmd!);
  const opens = call === "semget" || call === "msgget";
  const wants0100 = (Number.parseInt(args.mode ?? "0", 8) & 0o100) !== 0;
  return opens && here === "EACCES" && wants0100 ? rules.COM_20 : null;
}

/** Commands that a native program of FreeBSD does not have. */
function explainCommand(call: string, cmd: string): rules.Rule | null {
  const informs = /^(IPC_INFO|(SEM|SHM|MSG)_(INFO|STAT|STAT_ANY))$/.test(cmd);
  if (call === "semctl") return cmd === "SEM_STAT" ? rules.SEM_37 : informs ? rules.SEM_38 : null;
  if (call === "msgctl") return informs ? rules.MSG_30 : null;
  if (cmd === "SHM_LOCK" || cmd === "SHM_UNLOCK") return rules.SHM_44;
  return informs ? rules.SHM_38 : null;
}

/** Both succeeded. */
function compareValue(
  c: Comparing,
  process: Emulated,
  ix: number,
  event: RecordedEvent,
  value: unknown,
): Verdict {
  const { call, args, ret } = event;
  switch (call) {
    case "semget":
      return compareId(c.numbers.sem, event, value as number);
    case "shmget":
      return compareId(c.numbers.shm, event, value as number);
    case "msgget":
      return compareId(c.numbers.msg, event, value as number);
    case "shmat":
      process.attached.set(ret as string, (value as Attachment).addr);
      return SAME;
    case "shmdt":
      process.attached.delete(args.addr!);
      return SAME;
    case "msgrcv":
      return compareMessage(event, value as Message);
    case "semctl":
      return compareSemctl(c, ix, event, value);
    case "shmctl":
    case "msgctl":
      if (args.cmd !== "IPC_STAT") return SAME;
      return compareStat(c, ix, event, value as Record<string, unknown>);
    default:
      return SAME;
  }
}

/** An id is new where the call has to create, or where the recording has not seen it. */
function compareId(ids: Mapping, { args, ret }: RecordedEvent, here: number): Verdict {
  const there = ret as number;
  const creates = args.key === "IPC_PRIVATE" || args.flags!.includes("IPC_EXCL");
  const known = ids.here(there);
  if (creates || known === undefined) {
    ids.renew(there, here);
    return SAME;
  }
  return known === here ? SAME : unexplained(`id ${there}, here ${known}`, `id ${here}`);
}

function compareMessage({ args, ret }: RecordedEvent, { mtype, mtext }: Message): Verdict {
  if (mtext.length !== ret) return unexplained(`${ret} bytes`, `${mtext.length} bytes`);
  if (args.got === undefined || args.got === mtype) return SAME;
  return unexplained(`type ${args.got}`, `type ${mtype}`);
}

function compareSemctl(c: Comparing, ix: number, event: RecordedEvent, value: unknown): Verdict {
  const { args } = event;
  switch (args.cmd) {
    case "IPC_STAT":
      return compareStat(c, ix, event, value as Record<string, unknown>);
    case "SEM_STAT":
      return explained(rules.SEM_37);
    case "IPC_INFO":
      return explained(rules.SEM_38);
    case "GETPID":
      return compareGetpid(c, ix, event, value as number);
    case "GETVAL":
    case "GETNCNT":
    case "GETZCNT":
      return compareCount(c, ix, event, value as number);
    case "GETALL":
      if (args.array === undefined || String(args.array) === String(value)) return SAME;
      return c.overlaps(ix).length > 0 ? explained(rules.ORDER) : unexplained(args.array, value);
    default:
      return SAME;
  }
}

/** A number that the calls in flight may have moved, each by what it is worth. */
function compareCount(c: Comparing, ix: number, event: RecordedEvent, here: number): Verdict {
  const there = event.ret as number;
  if (here === there) return SAME;
  let slack = 0;
  for (const { args } of c.overlaps(ix)) {
    for (const { num, op } of args.sops ?? []) {
      if (num === event.args.num) slack += event.args.cmd === "GETVAL" ? Math.abs(op) : 1;
    }
    if (args.cmd === "SETVAL" || args.cmd === "SETALL") slack = Number.POSITIVE_INFINITY;
  }
  return Math.abs(here - there) <= slack ? explained(rules.ORDER) : unexplained(there, here);
}

function compareGetpid(c: Comparing, ix: number, event: RecordedEvent, here: number): Verdict {
  const there = event.ret as number;
  const expected = there === 0 ? 0 : c.numbers.pid.here(there);
  if (expected === here) return SAME;
  if (there === 0) return explained(rules.GETPID_RAW);
  const inFlight = c.overlaps(ix).map(({ pid }) => c.numbers.pid.here(pid));
  if (inFlight.includes(here) || inFlight.includes(expected)) return explained(rules.ORDER);
  return unexplained(`pid ${there}, here ${expected}`, `pid ${here}`);
}
