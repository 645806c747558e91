/** A backend and the client at its other end: TPC-B-like transactions as pgbench sends them. */
import { now } from "./clock.ts";
import { lockRelation } from "./fastpath.ts";
import { fetchRow, insertRow, type Table, updateRow } from "./heap.ts";
import { leaveIfOrphaned } from "./latch.ts";
import { ACCESS_SHARE, ROW_EXCLUSIVE } from "./locktable.ts";
import { lwReleaseAll } from "./lwlock.ts";
import type { Pgproc } from "./pgproc.ts";
import { randomBelow, randomSkewed } from "./random.ts";
import { PgError } from "./report.ts";
import type { Workload } from "./settings.ts";
import { abort, assignXid, commit, takeSnapshot } from "./xact.ts";

const ACCOUNTS = 100_000;
const TELLERS = 10;
/** Parsing, planning and answering a statement. */
const STATEMENT_MICROS = 13;
const PARENT_LOOK_MILLIS = 100;

/** What a client still has to do; it outlives a lost connection. */
export interface Client {
  readonly ix: number;
  transactionsLeft: number;
  /** When it stops, in ms of the clock. */
  readonly until: number;
}

/** Transactions until the client has had enough. Returns the exit status. */
export async function serve(me: Pgproc, client: Client): Promise<number> {
  let looked = now();
  await think(me, client, me.rng()); // or all would begin at once
  while (client.transactionsLeft > 0 && now() < client.until) {
    if (me.dying) throw new PgError("FATAL", "terminating connection due to administrator command");
    const start = now();
    if (start - looked > PARENT_LOOK_MILLIS) {
      looked = start;
      await leaveIfOrphaned(me);
    }
    await oneTransaction(me, client, start);
    await think(me, client, 0.5 + me.rng());
  }
  return 0;
}

/** `times` the think time; a client whose time is over does not think to the end. */
async function think(me: Pgproc, client: Client, times: number): Promise<void> {
  const { thinkMicros } = me.cluster.settings;
  if (thinkMicros === 0) return;
  const end = Math.min(now() + (thinkMicros * times) / 1000, client.until);
  await me.p.sleep(Math.max(0, end - now()));
  me.afterSignal();
}

async function oneTransaction(me: Pgproc, client: Client, start: number): Promise<void> {
  try {
    await SCRIPTS[me.cluster.settings.workload](me);
    me.counters.transactions++;
    me.counters.latency.add((now() - start) * 1000);
  } catch (error) {
    if (!(error instanceof PgError) || error.level !== "ERROR") throw error;
    me.cluster.log.error(me.p, error);
    me.counters.aborted++;
    await lwReleaseAll(me);
    await abort(me);
  }
  client.transactionsLeft--;
}

type Script = (me: Pgproc) => Promise<void>;

const SCRIPTS: Readonly<Record<Workload, Script>> = {
  tpcb: (me) => change(me, true),
  "simple-update": (me) => change(me, false),
  "select-only": async (me) => {
    await select(me, drawAccount(me));
    await commit(me);
  },
};

function drawAccount(me: Pgproc): number {
  const { scale, skew } = me.cluster.settings;
  return randomSkewed(me.rng, ACCOUNTS * scale, skew);
}

/** BEGIN; UPDATE accounts; SELECT; UPDATE tellers; UPDATE branches; INSERT history; END. [PG-53] */
async function change(me: Pgproc, all: boolean): Promise<void> {
  const { scale } = me.cluster.settings;
  const account = drawAccount(me);
  const teller = randomBelow(me.rng, TELLERS * scale);
  const branch = randomBelow(me.rng, scale);
  await update(me, "accounts", account);
  await select(me, account);
  if (all) await update(me, "tellers", teller);
  if (all) await update(me, "branches", branch);
  await insert(me);
  await commit(me);
  await clientRead(me);
}

/** Between two statements the process waits for its client, and others run. */
async function clientRead(me: Pgproc): Promise<void> {
  await me.p.sleep(0);
  me.afterSignal();
}

/** Parse, lock the relation, take a snapshot; the rest is the statement's own. */
async function statement(
  me: Pgproc,
  table: Table,
  mode: typeof ACCESS_SHARE | typeof ROW_EXCLUSIVE,
  execute: () => Promise<void>,
): Promise<void> {
  await me.cpu(STATEMENT_MICROS);
  await lockRelation(me, table, mode);
  await takeSnapshot(me);
  await execute();
  await clientRead(me);
}

const select = (me: Pgproc, account: number): Promise<void> =>
  statement(me, "accounts", ACCESS_SHARE, () => fetchRow(me, "accounts", account));

const update = (me: Pgproc, table: Table, ix: number): Promise<void> =>
  statement(me, table, ROW_EXCLUSIVE, async () => {
    await fetchRow(me, table, ix);
    await updateRow(me, await assignXid(me), table, ix);
  });

const insert = (me: Pgproc): Promise<void> =>
  statement(me, "history", ROW_EXCLUSIVE, async () => {
    await assignXid(me);
    await insertRow(me, "history", me.counters.transactions);
  });
