/**
 * Carries out a plan in a yard: makes the processes, makes their calls, compares what comes back.
 *
 * Steps are done one after the other. The root process stands for everybody outside of the
 * recording: it makes the first processes, sends signals that came from elsewhere, and asks the
 * kernel whether a call that has to sleep does. A second process keeps the time: if nothing ends for
 * long, the call that is waited for will never return.
 */
import { IPC_CREAT, IPC_PRIVATE, IPC_RMID } from "@jailyard/abi/ipc";
import { GETNCNT, GETZCNT } from "@jailyard/abi/sem";
import { SIGKILL } from "@jailyard/abi/signal";
import type { Shmid } from "@jailyard/abi/types";
import type { Process, WaitResult } from "@jailyard/trap/process";
import { type Comparing, compare } from "./compare.ts";
import { Emulated, failure, type Outcome, type Pending } from "./emulated.ts";
import { isCatchable, signalOf } from "./names.ts";
import { Overlaps } from "./overlap.ts";
import { leftOut, type Numbers, numbers, perform } from "./perform.ts";
import { isFatal, type Plan, type Step } from "./plan.ts";
import type { RecordedEvent } from "./recording.ts";
import type { Report } from "./report.ts";
import * as rules from "./rules.ts";
import { explained, SAME, unexplained } from "./verdict.ts";

const WNOHANG = 1;
/** How often the watch looks, in milliseconds; a call has `patience` looks to return. */
const WATCH_MS = 250;

export class Replay {
  readonly #plan: Plan;
  readonly #root: Process;
  readonly #report: Report;
  readonly #patience: number;
  readonly #numbers: Numbers = numbers();
  readonly #processes = new Map<number, Emulated>();
  readonly #comparing: Comparing;
  #step = 0;
  /** Looks of the watch since the last step, and who is told when they are too many. */
  #looks = 0;
  #giveUp: (() => void) | null = null;
  #watching = true;

  constructor(plan: Plan, root: Process, report: Report, patienceMs: number) {
    this.#plan = plan;
    this.#root = root;
    this.#report = report;
    this.#patience = Math.ceil(patienceMs / WATCH_MS);
    const overlaps = new Overlaps(plan.events, plan.effects);
    this.#comparing = { numbers: this.#numbers, overlaps: (ix) => overlaps.of(ix) };
  }

  /** Segments of somebody who is not in the recording. @returns their ids */
  async occupy(segments: number): Promise<Shmid[]> {
    const ids: Shmid[] = [];
    while (ids.length < segments)
      ids.push(await this.#root.shmget(IPC_PRIVATE, 1, IPC_CREAT | 0o600));
    return ids;
  }

  async vacate(ids: readonly Shmid[]): Promise<void> {
    for (const id of ids) await this.#root.shmctl(id, IPC_RMID);
  }

  /** `progress` is told the number of steps done, now and then. */
  async run(progress: (steps: number) => void): Promise<void> {
    const watch = await this.#root.fork(this.#watch);
    const { steps } = this.#plan;
    const tenth = Math.ceil(steps.length / 10);
    for (this.#step = 0; this.#step < steps.length; this.#step++) {
      if (this.#step % tenth === 0) progress(this.#step);
      this.#looks = 0;
      await this.#do(steps[this.#step]);
    }
    progress(steps.length);
    await this.#clearAway();
    this.#watching = false;
    await this.#root.kill(watch, SIGKILL);
    await this.#root.wait(watch);
  }

  /** The life of the process that keeps the time. */
  readonly #watch = async (p: Process): Promise<void> => {
    while (this.#watching) {
      await p.sleep(WATCH_MS);
      if (++this.#looks > this.#patience) this.#giveUp?.();
    }
  };

  async #do(step: Step): Promise<void> {
    if (step.kind === "reap") return this.#reap(this.#process(step.pid));
    const event = this.#plan.events[step.ix];
    const process = await this.#processOf(event);
    if (step.kind === "skip") return this.#report.explain(step.ix, event, rules.CUT_SHORT);
    if (step.kind === "interrupt") return this.#signal(process, step.signal);
    if (process.stuck)
      return this.#report.fail(
        step.ix,
        event,
        String(event.errno ?? event.ret ?? "-"),
        "not made: the process still sleeps in an earlier call",
      );
    if (step.kind === "finish") return this.#finish(step, event, process);
    if (step.sleeps) return this.#startSleeping(step.ix, event, process);
    return this.#issue(step.ix, event, process);
  }

  #process(pid: number): Emulated {
    return this.#processes.get(pid)!;
  }

  /** A process that no fork names begins with its first event. */
  async #processOf({ pid }: RecordedEvent): Promise<Emulated> {
    return this.#processes.get(pid) ?? this.#make(pid, this.#root);
  }

  async #make(pid: number, parent: Process): Promise<Emulated> {
    const process = new Emulated(this.#plan.processes.get(pid)!);
    const here = await parent.fork(process.life);
    this.#processes.set(pid, process);
    this.#numbers.pid.renew(pid, here);
    this.#report.processes++;
    await this.#turn();
    await process.ready();
    return process;
  }

  /** A call and back: what was begun before it, by whichever process, the kernel has taken. */
  #turn(): Promise<void> {
    return this.#root.kill(this.#root.pid, 0);
  }

  #issue(ix: number, event: RecordedEvent, process: Emulated): Promise<void> | void {
    const rule = leftOut(event);
    if (rule !== null) return this.#report.add(ix, event, explained(rule));
    switch (event.call) {
      case "fork":
        return this.#fork(ix, event, process);
      case "execve":
        return this.#exec(ix, event, process);
      case "kill":
        return this.#kill(ix, event, process);
      case "signal":
        return this.#delivered(ix, event, process);
      case "exit":
        return this.#exit(process, event.args.status!);
      case "killed":
        return this.#killed(process, event.args.sig!);
      default:
        return this.#call(ix, event, process);
    }
  }

  /** A call that returns at once. */
  async #call(ix: number, event: RecordedEvent, process: Emulated): Promise<void> {
    const pending = this.#begin(ix, event, process);
    if (await this.#settled(pending)) this.#judge(pending, event, process);
    else {
      process.stuck = true;
      this.#report.fail(ix, event, String(event.errno ?? event.ret), "no return: it sleeps");
    }
  }

  #begin(ix: number, event: RecordedEvent, process: Emulated): Pending {
    this.#report.calls++;
    return process.begin(ix, this.#performed(process, event), () => this.#step);
  }

  /** What a call refuses before it is made counts as its outcome. */
  async #performed(process: Emulated, event: RecordedEvent): Promise<unknown> {
    return perform(this.#numbers, process, event);
  }

  #judge({ ix, outcome }: Pending, event: RecordedEvent, process: Emulated): void {
    process.pending = null;
    this.#report.add(ix, event, compare(this.#comparing, process, ix, event, outcome!));
  }

  /** Wait for the end of a call. @returns false if it will never come */
  async #settled(pending: Pending): Promise<boolean> {
    if (pending.outcome !== null) return true;
    const gaveUp = new Promise<void>((resolve) => {
      this.#giveUp = resolve;
    });
    await Promise.race([pending.done, gaveUp]);
    this.#giveUp = null;
    return pending.outcome !== null;
  }

  /** A call that has to sleep now. */
  async #startSleeping(ix: number, event: RecordedEvent, process: Emulated): Promise<void> {
    const pending = this.#begin(ix, event, process);
    const asleep = await this.#isAsleep(event);
    if (pending.outcome === null && asleep) this.#report.sleeps++;
    else if (pending.outcome !== null) {
      this.#report.fail(ix, event, "sleeps", `returned at once: ${outcomeText(pending.outcome)}`);
    }
  }

  /**
   * Ask the kernel after a semaphore's sleepers. The question comes after the call at the gate, so
   * its answer says, for a queue too, that the call has been taken.
   */
  async #isAsleep({ args }: RecordedEvent): Promise<boolean> {
    const waits = args.sops?.find(({ op }) => op <= 0);
    try {
      if (waits === undefined) await this.#turn();
      else if (args.sops!.length === 1) {
        const id = this.#numbers.sem.id(args.id!);
        const cmd = waits.op === 0 ? GETZCNT : GETNCNT;
        return (await this.#root.semctl(id, waits.num, cmd)) > 0;
      } else await this.#turn();
    } catch {
      return true; // the set may not be read, or is gone: whether the call returned will tell
    }
    return true;
  }

  /** A sleeping call has what it waited for. */
  async #finish(
    { ix, cause }: Step & { kind: "finish" },
    event: RecordedEvent,
    process: Emulated,
  ): Promise<void> {
    const { pending } = process;
    if (pending === null || pending.ix !== ix) return;
    if (!(await this.#settled(pending))) {
      process.stuck = true;
      return this.#report.fail(
        ix,
        event,
        String(event.errno ?? event.ret),
        "no return: it sleeps on",
      );
    }
    const early = pending.endedAt < cause && pending.outcome!.kind === "ok";
    if (early) this.#tooEarly(ix, cause, event);
    this.#judge(pending, event, process);
  }

  #tooEarly(ix: number, cause: number, event: RecordedEvent): void {
    const step = this.#plan.steps[cause];
    const waker = step.kind === "reap" ? "" : ` ${step.ix + 1}`;
    this.#report.fail(ix, event, `sleeps until event${waker}`, "returned before");
  }

  async #fork(ix: number, event: RecordedEvent, process: Emulated): Promise<void> {
    this.#report.calls++;
    try {
      const child = await this.#make(event.ret as number, process.p!);
      child.attached = new Map(process.attached);
      this.#report.add(ix, event, SAME);
    } catch (error) {
      this.#report.add(ix, event, unexplained("a child", outcomeText(failure(error))));
    }
  }

  async #exec(ix: number, event: RecordedEvent, process: Emulated): Promise<void> {
    this.#report.calls++;
    await process.exec();
    this.#report.add(ix, event, SAME);
  }

  async #kill(ix: number, event: RecordedEvent, process: Emulated): Promise<void> {
    const pid = event.args.pid!;
    const sig = event.args.sig!;
    const signal = signalOf(sig);
    const here = this.#numbers.pid.here(Math.abs(pid));
    if (here === undefined || signal === null) {
      const rule = here === undefined ? rules.OUTSIDE : rules.NO_SIGNAL;
      return this.#report.add(ix, event, explained(rule));
    }
    if (pid < 0) this.#report.explain(ix, event, rules.NO_GROUPS);
    if (sig === "SIGSTOP") this.#report.explain(ix, event, rules.NO_STOP);
    const target = this.#processes.get(Math.abs(pid));
    // a process that ends itself would not hear the answer: the root process does it for it
    const suicide = target === process && isFatal(process.planned, sig);
    const pending = this.#sending(ix, suicide ? this.#root : process.p!, here, signal, process);
    if (target !== undefined && sig !== "0" && event.errno === undefined) noteSent(target, sig);
    await this.#settled(pending);
    this.#judge(pending, event, process);
  }

  #sending(ix: number, by: Process, pid: number, signal: number, process: Emulated): Pending {
    this.#report.calls++;
    return process.begin(ix, by.kill(pid, signal), () => this.#step);
  }

  /** Send a signal that came from outside of the recording. */
  async #signal(process: Emulated, sig: string): Promise<void> {
    const signal = signalOf(sig);
    const pid = this.#numbers.pid.here(process.planned.pid);
    if (signal === null || pid === undefined) return;
    noteSent(process, sig);
    await this.#root.kill(pid, signal).catch(() => {});
  }

  /** The recorded process got a signal; its handler has to have run. */
  async #delivered(ix: number, event: RecordedEvent, process: Emulated): Promise<void> {
    const sig = event.args.sig!;
    if (signalOf(sig) === null) return this.#report.add(ix, event, explained(rules.NO_SIGNAL));
    if (sig === "SIGSTOP") return this.#report.add(ix, event, explained(rules.NO_STOP));
    const sent = process.sent.get(sig) ?? 0;
    if (sent === 0) await this.#signal(process, sig);
    process.sent.set(sig, Math.max(0, (process.sent.get(sig) ?? 0) - 1));
    if (isFatal(process.planned, sig) || !isCatchable(sig)) return;
    // a process learns of its signals when it makes a call
    if (process.undelivered.has(sig)) await process.p!.sleep(1);
    const missed = process.undelivered.has(sig);
    this.#report.add(ix, event, missed ? unexplained("delivered", "not delivered") : SAME);
  }

  /** A call that its process did not outlive ends with it. */
  async #exit(process: Emulated, status: number): Promise<void> {
    await this.#reapChildren(process);
    process.exit(status);
    await this.#turn();
  }

  /** Nobody in the recording may have sent what killed the process. */
  async #killed(process: Emulated, sig: string): Promise<void> {
    if ((process.sent.get(sig) ?? 0) === 0) await this.#signal(process, sig);
    const { pending } = process;
    if (pending !== null && (await this.#settled(pending))) {
      this.#judge(pending, this.#plan.events[pending.ix], process);
    }
    process.gone();
    await this.#turn();
  }

  /** Statuses of children that have ended, before their parent does. */
  async #reapChildren(parent: Emulated): Promise<void> {
    for (const child of this.#processes.values()) {
      if (child.planned.parent === parent.planned.pid && child.ended) await this.#reap(child);
    }
  }

  async #reap(child: Emulated): Promise<void> {
    const parent = this.#processes.get(child.planned.parent ?? -1);
    if (child.reaped || parent === undefined || parent.p === null || parent.ended) return;
    if (parent.pending !== null || parent.stuck) return;
    child.reaped = true;
    await this.#wait(parent.p, child);
  }

  /** The child has ended as it did in the recording. */
  async #wait(parent: Process, child: Emulated): Promise<void> {
    const pid = this.#numbers.pid.here(child.planned.pid)!;
    const status = await parent.wait(pid, WNOHANG).catch(() => null);
    const ix = this.#plan.endOf.get(child.planned.pid);
    if (ix === undefined) return;
    const event = this.#plan.events[ix];
    const expected = endText(event);
    const got = statusText(status);
    this.#report.add(ix, event, expected === got ? SAME : unexplained(expected, got));
  }

  /** End whatever the recording left alive, and look at what the first processes came to. */
  async #clearAway(): Promise<void> {
    for (const process of this.#processes.values()) {
      const { pid } = process.planned;
      if (!process.ended) {
        await this.#signal(process, "SIGKILL");
        process.gone();
      }
      if (process.planned.parent !== null) continue;
      const ended = this.#plan.endOf.has(pid) && !process.stuck;
      if (ended) await this.#wait(this.#root, process);
      else await this.#root.wait(this.#numbers.pid.here(pid)).catch(() => null);
    }
  }
}

function noteSent(target: Emulated, sig: string): void {
  target.sent.set(sig, (target.sent.get(sig) ?? 0) + 1);
  if (target.planned.caught.has(sig) && !target.ended) target.undelivered.add(sig);
}

function outcomeText(outcome: Outcome): string {
  if (outcome.kind === "ok") return "success";
  if (outcome.kind === "errno") return outcome.code;
  return outcome.kind === "gone" ? "the process was killed" : outcome.message;
}

const endText = ({ call, args }: RecordedEvent): string =>
  call === "exit" ? `exit status ${args.status}` : `killed by ${signalOf(args.sig!)}`;

function statusText(result: WaitResult | null): string {
  if (result === null) return "it still runs";
  return result.signal === null ? `exit status ${result.status}` : `killed by ${result.signal}`;
}
