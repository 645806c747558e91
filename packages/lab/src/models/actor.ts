/** What a scenario has of a process: the calls, recorded, and programs of its jail. */
import type { Yard } from "@jailyard/host/yard";
import { DEFS } from "@jailyard/trap/libc";
import type { MysqlRecord } from "@jailyard/workload/mysql/settings";
import { fatalLines, Instance } from "../scenario/instances.ts";
import { MYSQL, MYSQLD } from "../scenario/modules.ts";
import type { Player } from "./cast.ts";
import { Outcome, type Step } from "./outcome.ts";
import type { Actor, ActorCalls, JailSetup, PostgresActor } from "./scenario.ts";
import type { Stage } from "./stage.ts";

/** A server that has done so many more transactions works. */
const ENOUGH = 50;
const CLIENTS = 4;
/** More than any scenario lasts: clients do not leave by themselves. */
const FOREVER_SECONDS = 600;

export function makeActor(stage: Stage, player: Player): Actor {
  const { name, home, jid } = player;
  const calls = Object.keys(DEFS).map((call) => [
    call,
    (...args: readonly unknown[]) => stage.call(player, call, args),
  ]);
  const step = (what: string): Step => stage.begin(name, what, what.split(/[ (]/)[0]);
  return {
    ...(Object.fromEntries(calls) as ActorCalls),
    jid,
    as: (uid) => stage.actor(`${name}(${uid})`, home, uid),
    fork: (child) => forked(stage, player, child),
    jail: (jailName, setup) => jailMade(stage, step(`jail -c name=${jailName}`), jailName, setup),
    tool: (tool, ...args) => ran(stage, step([tool, ...args].join(" ")), player, tool, args),
    postgres: () => postgres(stage, step("postgres"), player),
    mysqld: () => mysqld(stage, step("mysqld"), player),
    mysql: (query) => mysql(stage, step(`mysql -e "${query}"`), player, query),
  };
}

async function forked(stage: Stage, parent: Player, name: string): Promise<Actor> {
  const child = await stage.cast.fork(parent, name);
  if (typeof child === "string" || !("mail" in child)) throw new Error(`${name} is not forked`);
  return makeActor(stage, child);
}

async function jailMade(stage: Stage, step: Step, name: string, setup?: JailSetup): Promise<Actor> {
  const actor = await stage.jailActor(name, setup);
  step.outcome = "OK";
  return actor;
}

/** A step that is over. */
async function done(
  stage: Stage,
  step: Step,
  ok: boolean,
  outcome: string,
  detail = "",
): Promise<Outcome> {
  Object.assign(step, { outcome, detail });
  await stage.settle(step);
  return new Outcome(step, ok, undefined);
}

async function ran(
  stage: Stage,
  step: Step,
  { home, jid }: Player,
  tool: string,
  args: readonly string[],
): Promise<Outcome> {
  const jail = jid === 0 ? undefined : home.name;
  const { status, lines } = await stage.tool(stage.yard, tool, args, jail);
  const said = status === 0 ? lines : [...lines, `exit status ${status}`];
  return done(stage, step, status === 0, said.join("\n").trimEnd() || "OK");
}

async function postgres(stage: Stage, step: Step, { name, home }: Player): Promise<PostgresActor> {
  const instance = await Instance.start(home, {
    version: "8.1",
    backends: CLIENTS,
    seconds: FOREVER_SECONDS,
    seed: stage.number(step),
  });
  const started = await instance.started;
  if (started) await instance.working;
  const why = fatalLines(instance.log).map(({ text }) => text);
  await done(stage, step, started, started ? "started" : "does not start", why.join("; "));
  return {
    async works() {
      const asked = stage.begin(name, "does its postgres work?", "postgres");
      const works = await survives(stage.yard, instance);
      const failure = fatalLines(instance.log)[0]?.text ?? "";
      return done(stage, asked, works, works ? "yes" : "no", failure);
    },
  };
}

/** True once it has done ENOUGH more; false once it fails, or has ended. */
async function survives(yard: Yard, instance: Instance): Promise<boolean> {
  const failure = instance.logged(({ level }) => level === "FATAL" || level === "PANIC");
  let hasFailed = false;
  void failure.then(() => {
    hasFailed = true;
  });
  const enough = instance.transactions + ENOUGH;
  while (!hasFailed && instance.transactions < enough && !yard.isDown) await instance.progress();
  return !hasFailed;
}

async function mysqld(stage: Stage, step: Step, { home }: Player): Promise<Outcome> {
  const process = await home.spawn({ module: MYSQLD, comm: "mysqld" });
  const { promise, resolve } = Promise.withResolvers<MysqlRecord>();
  process.on("record", (record) => resolve(record as MysqlRecord));
  const listens = await Promise.race([
    promise.then(({ type }) => type === "ready"),
    process.exited.then(() => false),
  ]);
  return done(stage, step, listens, listens ? "listens" : "does not start");
}

async function mysql(stage: Stage, step: Step, { home }: Player, query: string): Promise<Outcome> {
  const process = await home.spawn({ module: MYSQL, comm: "mysql", arg: { queries: [query] } });
  const texts: string[] = [];
  process.on("record", (record) => {
    const said = record as MysqlRecord;
    if ("text" in said) texts.push(said.text);
  });
  const { status } = await process.exited;
  return done(stage, step, status === 0, texts.join("\n") || "OK");
}
