/** What crosses threads when they start, and the events that they send to the yard. */

import type { MessagePort } from "node:worker_threads";
import type { Contention, Deadlock } from "@jailyard/abi/contention";
import type { Pid } from "@jailyard/abi/types";
import type { CommonsShape } from "@jailyard/kernel/commons";
import type { KernelConfig } from "@jailyard/kernel/kernel";
import type { SiteBoot } from "@jailyard/kernel/mappedsite";
import type { GateBoot } from "@jailyard/trap/user";
import type { Inheritance } from "@jailyard/trap/userprocess";
import type { Epoch } from "./nanos.ts";

/** The commons as they cross threads. */
export interface CommonsBoot {
  readonly buffer: SharedArrayBuffer;
  readonly shape: CommonsShape;
  readonly epoch: Epoch;
  /** Where this thread tells of waits; absent: nobody wants to know. */
  readonly trace?: SharedArrayBuffer;
}

/** workerData of the kernel's thread. */
export interface KernelBoot {
  readonly bell: SharedArrayBuffer;
  readonly config: KernelConfig;
  readonly commons: CommonsBoot;
  /** Do threads of jails make calls on pages? */
  readonly direct: boolean;
  /** The clock stands still but for control.advance: for conformance runs. */
  readonly virtualClock: boolean;
}

/**
 * From the kernel, on the port of its answers, and so before any answer that it gives later: a
 * process has ended that was started from outside, or whose program may not know of it yet.
 */
export interface EndedEvent {
  readonly pid: Pid;
  /** As wait4 gives it. */
  readonly xstat: number;
  /** Index at the gate of the thread where it ran. */
  readonly thread: number;
  /** Started from outside: somebody asks for its end. */
  readonly outside: boolean;
}

/** From the kernel: processes wait for one another. Names of jails by jid. */
export interface DeadlockEvent {
  readonly deadlock: Deadlock;
  readonly jails: Contention["jails"];
}

/** From the kernel: a line for the console. */
export interface ConsoleEvent {
  readonly console: string;
}

/** The task of a jail's thread. Absolute URLs, so that any file can be named. */
export interface JailTask {
  readonly gate: GateBoot;
  readonly commons: CommonsBoot;
  /** What calls on pages need to know; absent in placement `central`. */
  readonly site?: SiteBoot;
  readonly jail: string;
  /** Number of the jail's file system, for ftok. */
  readonly dev: number;
  /** Control of a thread of coroutines, or events alone. */
  readonly control: MessagePort;
  readonly events: MessagePort;
  /** Its next jail may have the thread: see YardConfig. */
  readonly reuse: boolean;
  /** A process that owns this thread; absent: coroutines, started by control. */
  readonly own?: OwnStart;
}

export interface Start {
  /** file: URL of the module with the program. */
  readonly module: string;
  readonly args: readonly string[];
  readonly arg: unknown;
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
  readonly comm: string;
  /** The first of the yard that loads this module: what is compiled of it is kept for the others. */
  readonly isFirst: boolean;
}

/** A process that owns its thread: a new one, or the child of a fork, which has a pid already. */
export interface OwnStart extends Start {
  readonly fork?: {
    readonly pid: Pid;
    readonly root: Pid;
    readonly child: string;
    readonly inheritance: Inheritance;
  };
}

/**
 * From a jail's thread to the yard, in order. `root` is the process that was started from outside:
 * `pid` itself, or the one from which it descends.
 */
export type JailEvent =
  | { readonly type: "line"; readonly pid: Pid; readonly root: Pid; readonly text: string }
  | { readonly type: "record"; readonly pid: Pid; readonly root: Pid; readonly record: unknown }
  | { readonly type: "crashed"; readonly pid: Pid; readonly root: Pid; readonly error: Error }
  | {
      readonly type: "thread";
      readonly pid: Pid;
      readonly root: Pid;
      readonly child: string;
      readonly arg: unknown;
      readonly inheritance: Inheritance;
      readonly start: Start;
    }
  /** A process from outside has its pid, and its program is about to run. */
  | { readonly type: "started"; readonly pid: Pid }
  | { readonly type: "refused"; readonly text: string }
  /**
   * Its programs are gone. The thread is to be ended: what they began, and what they keep in
   * variables of modules, segments of this jail among it, would be there for the next jail.
   */
  | { readonly type: "done" }
  /** The stack of this process is gone; nothing more comes from it. */
  | { readonly type: "unwound"; readonly root: Pid }
  /** Nor from any of its descendants in this thread. */
  | { readonly type: "silent"; readonly root: Pid };

/** The pid of a process, or why there is none; a program made by blocking() needs another thread. */
export type Started =
  | { readonly pid: Pid }
  | { readonly error: string; readonly kind?: "awaited" | "blocking" };

/** What a jail's thread answers to control. */
export interface JailControl {
  /** Load the program and start a process. */
  start(start: Start): Promise<Started>;
  /** It answers if its event loop turns. */
  ping(): void;
  /** No more processes; the task ends once all stacks are gone. */
  stop(): void;
}
