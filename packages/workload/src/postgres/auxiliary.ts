/** Auxiliary processes and background workers: little work, but real slots and signals. [PG-32] */

import { now } from "./clock.ts";
import { writeAndSync } from "./disk.ts";
import { resetLatch, waitLatch } from "./latch.ts";
import {
  FREE_AUTOVACUUM,
  FREE_AUXILIARY,
  FREE_CLIENT,
  FREE_WORKER,
  G_WAL_CLOSED,
  G_WORKER_WANTED,
} from "./layout.ts";
import type { DataDirectory } from "./lockfile.ts";
import { lwAcquire, lwRelease } from "./lwlock.ts";
import { EXCLUSIVE, SHARED } from "./lwmode.ts";
import type { Pgproc } from "./pgproc.ts";
import { vacuum } from "./vacuum.ts";
import type { Kind } from "./version.ts";
import { flushed, inserted, walBackgroundFlush, walFlush, walInsert } from "./wal.ts";

const CHECKPOINT_RECORD_BYTES = 120;
const RECOVERY_SYNCS = 4;
const REDO_SYNCS = 20;
const DELAY_MILLIS = 200;
/** With nothing to do a process looks less and less often, up to this. */
const HIBERNATE_MILLIS = 25 * DELAY_MILLIS;
const NAPTIME_MILLIS = 60_000;
const PAGE_WRITE_MICROS = 4;
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
  vacuum: { name: "server process", list: FREE_AUTOVACUUM, terminates: true, mayFail: true },
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
    me.profile.version === "8.1" ? checkpointer(me, directory) : untilTold(me, HIBERNATE_MILLIS),
  walwriter: writeWal,
  launcher: (me) => untilTold(me, me.cluster.settings.naptimeMillis, wantWorker),
  vacuum,
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

/** The WAL writer: what others have left unflushed. */
async function writeWal(me: Pgproc): Promise<number> {
  for (let delay = DELAY_MILLIS; !me.dying; ) {
    await waitLatch(me, delay);
    resetLatch(me);
    const idle = inserted(me) === flushed(me);
    if (!idle) await walBackgroundFlush(me);
    delay = idle ? Math.min(2 * delay, HIBERNATE_MILLIS) : DELAY_MILLIS;
  }
  return 0;
}

/** The launcher asks the postmaster for a worker each naptime. */
async function wantWorker(me: Pgproc): Promise<void> {
  if (me.dying) return;
  Atomics.store(me.words, me.layout.global(G_WORKER_WANTED), 1);
  await me.p.kill(me.cluster.postmaster, "SIGUSR1");
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
  for (let i = 0; i < syncs && !me.dying; i++) await writeAndSync(me, "IO:DataFileSync");
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
  const { checkpointMillis } = me.cluster.settings;
  for (let due = now() + checkpointMillis; !me.requests.has(closes); ) {
    await waitLatch(me, due - now());
    resetLatch(me);
    if (now() < due || me.requests.has(closes)) continue;
    await checkpoint(me);
    due = now() + checkpointMillis;
  }
  await shutdownCheckpoint(me, directory);
  if (closes === "SIGUSR2") return 0;
  Atomics.store(me.words, me.layout.global(G_WAL_CLOSED), 1);
  await me.p.kill(me.cluster.postmaster, "SIGUSR1");
  return untilTold(me, DELAY_MILLIS);
}

/** All that was changed since the last one; nothing if that is nothing. */
async function checkpoint(me: Pgproc): Promise<void> {
  const { dirty } = me.cluster.heap;
  if (dirty.size === 0) return;
  const buffers = [...dirty];
  dirty.clear();
  for (const buffer of buffers) {
    const content = me.layout.one("BufferContent", buffer);
    await lwAcquire(me, content, SHARED);
    await me.cpu(PAGE_WRITE_MICROS);
    await lwRelease(me, content);
  }
  await writeControlFile(me);
  me.counters.checkpoints++;
}

/** The record of a checkpoint, and where it is. */
async function writeControlFile(me: Pgproc): Promise<void> {
  await walFlush(me, await walInsert(me, CHECKPOINT_RECORD_BYTES));
  const lock = me.layout.single("ControlFile");
  await lwAcquire(me, lock, EXCLUSIVE);
  await writeAndSync(me, "IO:ControlFileSync");
  await lwRelease(me, lock);
}

async function shutdownCheckpoint(me: Pgproc, directory: DataDirectory): Promise<void> {
  const { log } = me.cluster;
  log.line(me.p, "LOG", "shutting down");
  await writeControlFile(me);
  directory.clean = true;
  if (!me.profile.lastWord) log.line(me.p, "LOG", "database system is shut down");
}
