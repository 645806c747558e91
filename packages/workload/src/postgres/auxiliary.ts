/** Auxiliary processes and background workers: little work, but real slots and signals. [PG-32] */

import { writeAndSync } from "./disk.ts";
import { resetLatch, waitLatch } from "./latch.ts";
import {
  FREE_AUTOVACUUM,
  FREE_AUXILIARY,
  FREE_CLIENT,
  FREE_WORKER,
  G_WAL_CLOSED,
} from "./layout.ts";
import type { DataDirectory } from "./lockfile.ts";
import { lwAcquire, lwRelease } from "./lwlock.ts";
import { EXCLUSIVE } from "./lwmode.ts";
import type { Pgproc } from "./pgproc.ts";
import type { Kind } from "./version.ts";
import { walBackgroundFlush, walFlush, walInsert } from "./wal.ts";

const CHECKPOINT_RECORD_BYTES = 120;
const RECOVERY_SYNCS = 4;
const REDO_SYNCS = 20;
const DELAY_MILLIS = 200;
const NAPTIME_MILLIS = 60_000;
const EMERGENCY_STATUS = 1;

export interface Role {
  /** As the postmaster calls it in messages. */
  readonly name: string;
  /** Free list of its slot. */
  readonly list: number;
  readonly terminates: boolean;
  /** Exit status 1 is an ordinary end. */
  readonly mayFail: boolean;
}

const auxiliary = (name: string, terminates: boolean): Role => ({
  name,
  list: FREE_AUXILIARY,
  terminates,
  mayFail: false,
});

export const ROLES: Readonly<Record<Kind, Role>> = {
  backend: { name: "server process", list: FREE_CLIENT, terminates: true, mayFail: true },
  startup: auxiliary("startup process", true),
  checkpointer: auxiliary("checkpointer process", false),
  bgwriter: auxiliary("background writer process", true),
  walwriter: auxiliary("WAL writer process", true),
  launcher: {
    name: "autovacuum launcher process",
    list: FREE_AUTOVACUUM,
    terminates: true,
    mayFail: false,
  },
  logical: {
    name: 'background worker "logical replication launcher"',
    list: FREE_WORKER,
    terminates: true,
    mayFail: true,
  },
  stats: auxiliary("statistics collector process", false),
  io: auxiliary("io worker", false),
};

type Body = (me: Pgproc, directory: DataDirectory) => Promise<number>;

export const BODIES: Readonly<Partial<Record<Kind, Body>>> = {
  startup: recover,
  checkpointer,
  bgwriter: (me, directory) =>
    me.profile.version === "8.1" ? checkpointer(me, directory) : untilTold(me, DELAY_MILLIS),
  walwriter: (me) => untilTold(me, DELAY_MILLIS, walBackgroundFlush),
  launcher: (me) => untilTold(me, NAPTIME_MILLIS),
  logical: async (me) => {
    await untilTold(me, NAPTIME_MILLIS);
    return EMERGENCY_STATUS; // so that it is started again, unless the server goes down
  },
  io: (me) => untilTold(me, Number.POSITIVE_INFINITY),
};

/** Work each time the delay is over or somebody wakes it, until SIGTERM or SIGUSR2. */
async function untilTold(
  me: Pgproc,
  delayMillis: number,
  work?: (me: Pgproc) => Promise<void>,
): Promise<number> {
  while (!me.dying && !me.requests.has("SIGUSR2")) {
    await waitLatch(me, delayMillis);
    resetLatch(me);
    await work?.(me);
  }
  return 0;
}

/** The startup process: recovery, short after a clean shutdown. */
async function recover(me: Pgproc, directory: DataDirectory): Promise<number> {
  const say = (text: string): void => me.cluster.log.line(me.p, "LOG", text);
  if (directory.clean) say("database system was shut down");
  else {
    say("database system was interrupted");
    say("database system was not properly shut down; automatic recovery in progress");
  }
  const syncs = directory.clean ? RECOVERY_SYNCS : REDO_SYNCS;
  for (let i = 0; i < syncs && !me.dying; i++) await writeAndSync(me);
  if (!directory.clean) say("redo done");
  directory.clean = false;
  return me.dying ? 1 : 0;
}

/**
 * The checkpointer; in 8.1 the background writer does its work. It writes the shutdown checkpoint
 * when it is told that nobody else writes any more. [PG-33]
 */
async function checkpointer(me: Pgproc, directory: DataDirectory): Promise<number> {
  const closes = me.profile.shutdown.find((step) => step.untilWalClosed)?.signal ?? "SIGUSR2";
  while (!me.requests.has(closes)) {
    await waitLatch(me, DELAY_MILLIS);
    resetLatch(me);
  }
  await shutdownCheckpoint(me, directory);
  if (closes === "SIGUSR2") return 0;
  Atomics.store(me.words, me.layout.global(G_WAL_CLOSED), 1);
  await me.p.kill(me.cluster.postmaster, "SIGUSR1");
  return untilTold(me, DELAY_MILLIS);
}

async function shutdownCheckpoint(me: Pgproc, directory: DataDirectory): Promise<void> {
  const { log } = me.cluster;
  log.line(me.p, "LOG", "shutting down");
  await walFlush(me, await walInsert(me, CHECKPOINT_RECORD_BYTES));
  const lock = me.layout.single("ControlFile");
  await lwAcquire(me, lock, EXCLUSIVE);
  await writeAndSync(me);
  await lwRelease(me, lock);
  directory.clean = true;
  if (!me.profile.lastWord) log.line(me.p, "LOG", "database system is shut down");
}
