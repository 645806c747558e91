/**
 * Carries out a plan in a yard: makes the processes, makes their calls, compares what comes back.
 *
 * Steps are done one after the other; a call whose result nobody needs yet is awaited when its
 * process is to make the next, since the gate takes the calls of a thread in the order in which they
 * are made. The root process stands for everybody outside of the recording: it makes the first
 * processes, sends signals that came from elsewhere, and asks the kernel whether a call that has to
 * sleep does. A second process keeps the time: if nothing ends for long, the call that is waited for
 * will never return.
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
import { givesNumber, leftOut, type Numbers, numbers, perform } from "./perform.ts";
import { isFatal, type Plan, type Step } from "./plan.ts";
import type { RecordedEvent } from "./recording.ts";
import type { Report } from "./report.ts";
import * as rules from "./rules.ts";
import { explained, SAME, unexplained } from "./verdict.ts";

/** A signal that has not come after so long is lost, in milliseconds. */
const DELIVERY_MS = 10_000;

const WNOHANG = 1;
/** How often the watch looks, in milliseconds; a call has `patience` looks to return. */
const WATCH_MS = 250;

/** How a replay is done. */
export interface Manner {
  /** Milliseconds after which a call that has not returned counts as asleep for ever. */
  readonly patienceMs: number;
  /**
   * Go on while a call is under way. False where calls of one thread may overtake one another, as
   * they can if some of them do not go through the gate.
   */
  readonly pipelined: boolean;
}

const NOT_MADE = "not made: the process still sleeps in an earlier call";
const recorded = ({ errno, ret }: RecordedEvent): string => String(errno ?? ret ?? "-");

export class Replay {
  readonly #plan: Plan;
  readonly #root: Process;
  readonly #report: Report;
  readonly #patience: number;
  readonly #numbers: Numbers = numbers();
  readonly #processes = new Map<number, Emulated>();
  readonly #comparing: Comparing;
  readonly #pipelined: boolean;
  #step = 0;
  readonly #now = (): number => this.#step;
  /** What the root process asks the kernel at present. */
  #question: Promise<void> = Promise.resolve();
  /** Looks of the watch since the last step, and who is told when they are too many. */
  #looks = 0;
  #giveUp: (() => void) | null = null;
  #watching = true;

  constructor(plan: Plan, root: Process, report: Report, { patienceMs, pipelined }: Manner) {
    this.#pipelined = pipelined;
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
    while (ids.length < segments) {
      ids.push(await this.#root.shmget(IPC_PRIVATE, 1, IPC_CREAT | 0o600));
    }
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
    await this.#question;
    for (const process of this.#processes.values()) await this.#free(process);
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
    if (step.kind === "finish" && !process.stuck) return this.#finish(step, event, process);
    await this.#free(process);
    if (process.stuck) return this.#report.fail(step.ix, event, recorded(event), NOT_MADE);
    if (step.kind === "issue" && step.sleeps) return this.#startSleeping(step.ix, event, process);
    return this.#issue(step.ix, event, process);
  }

  /** Wait for the end of the process's last call, unless it is to sleep. */
  async #free(process: Emulated): Promise<void> {
    const { pending } = process;
    if (pending === null || pending.sleeps) return;
    const event = this.#plan.events[pending.ix];
    if (await this.#settled(pending)) return this.#judge(pending, event, process);
    process.stuck = true;
    this.#report.fail(pending.ix, event, recorded(event), "no return: it sleeps");
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
  async #turn(): Promise<void> {
    await this.#question;
    await this.#root.kill(this.#root.pid, 0);
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
    this.#begin(ix, false, event, process);
    if (!this.#pipelined || givesNumber(event)) await this.#free(process);
  }

  #begin(ix: number, sleeps: boolean, event: RecordedEvent, process: Emulated): Pending {
    this.#report.calls++;
    return process.begin(ix, sleeps, this.#performed(process, event), this.#now);
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

  /**
   * A call that has to sleep now. The kernel is asked after a semaphore's sleepers right behind it,
   * so its answer says, for a queue too, that the call has been taken and has not returned.
   */
  async #startSleeping(ix: number, event: RecordedEvent, process: Emulated): Promise<void> {
    await this.#question;
    const pending = this.#begin(ix, true, event, process);
    this.#question = this.#isAsleep(event).then((asleep) => {
      if (asleep || pending.outcome === null) this.#report.sleeps++;
      else this.#report.fail(ix, event, "sleeps", `no sleep: ${outcomeText(pending.outcome)}`);
    });
    if (!this.#pipelined) await this.#question;
  }

  /** Does somebody sleep as the call has to? */
  async #isAsleep({ args }: RecordedEvent): Promise<boolean> {
    try {
      const [sop] = args.sops?.length === 1 ? args.sops : [];
      if (sop === undefined) {
        await this.#root.kill(this.#root.pid, 0);
        return false;
      }
      const id = this.#numbers.sem.id(args.id!);
      return (await this.#root.semctl(id, sop.num, sop.op === 0 ? GETZCNT : GETNCNT)) > 0;
    } catch {
      return true; // the set may not be read: whether the call returns too early will tell
    }
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
      return this.#report.fail(ix, event, recorded(event), "no return: it sleeps on");
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
    if (suicide) await this.#question;
    const by = suicide ? this.#root : process.p!;
    if (target !== undefined && sig !== "0" && event.errno === undefined) noteSent(target, sig);
    this.#report.calls++;
    process.begin(ix, false, by.kill(here, signal), this.#now);
    if (suicide || !this.#pipelined) await this.#free(process);
  }

  /** Send a signal that came from outside of the recording. */
  async #signal(process: Emulated, sig: string): Promise<void> {
    const signal = signalOf(sig);
    const pid = this.#numbers.pid.here(process.planned.pid);
    if (signal === null || pid === undefined) return;
    noteSent(process, sig);
    await this.#question;
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
    // a process learns of its signals when it makes a call; the sender's kill may still be under
    // way, and the sleep ends with the signal
    const until = performance.now() + DELIVERY_MS;
    while (process.undelivered.has(sig) && performance.now() < until) {
      await process.p!.sleep(until - performance.now());
    }
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
    if (parent !== undefined) await this.#free(parent);
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
