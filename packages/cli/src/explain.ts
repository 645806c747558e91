/** `jailyard explain ENOSPC`: what an error, a call, a limit or a rule means, with live values. */
import type { LimitName } from "@jailyard/abi/reason";
import { ADVICE, type Cause, type Remedy, remediesOf } from "@jailyard/lab/explain/causes";
import { nearest, TOPICS, type Topic, topicOf } from "@jailyard/lab/explain/topic";
import type { Command } from "commander";
import { distant } from "./shell/place.ts";
import { bold, print, wrapped } from "./terminal.ts";
import type { ToolOutput, ToolRequest, ToolResult } from "./toolrun.ts";
import { AbsentError, UsageError } from "./usage.ts";
import { onlyYard } from "./yardclient.ts";

const EXAMPLES = `
An error by its name or FreeBSD's number, a call, a limit or a rule, or an error and a call. Each cause
has its rule's number, which -v of the tools and SysError tell too, in the order in which the kernel
looks. If a yard is running, limits have its values, and who uses most of them.

Examples:
  $ jailyard explain                       what there is to explain
  $ jailyard explain ENOSPC
  $ jailyard explain 28 semget             the same number, of one call
  $ jailyard explain semget                all that refuses it, in the kernel's order
  $ jailyard explain kern.ipc.semmni
  $ jailyard explain SEM-20 --json

Exit status: 0; 2 there is no such topic; 3 the yard of --yard is not running.`;

interface ExplainOptions {
  readonly yard?: string;
  readonly json?: boolean;
}

export function addExplain(program: Command, run: (status: number) => void): void {
  program
    .command("explain")
    .description("what an error, a call, a limit or a rule means, and what helps")
    .argument("[topic]", "as ENOSPC, 28, semget, kern.ipc.semmni, SEM-20")
    .argument("[call]", "of this call alone")
    .option("--yard <name>", "the yard whose values are shown; the only one that runs if left out")
    .option("--json", "the same as JSON on stdout")
    .addHelpText("after", EXAMPLES)
    .action(
      async (topic: string | undefined, call: string | undefined, options: ExplainOptions) => {
        const words = [topic, call].filter((word) => word !== undefined);
        run(await explain(words, await liveYard(options.yard), print, options.json));
      },
    );
}

/** Runs a tool in a yard, on the host; null: there is none. */
export type Ask = ((...command: string[]) => Promise<ToolResult>) | null;

/** The yard that is asked; one that is named has to be there. */
async function liveYard(name: string | undefined): Promise<Ask> {
  let yard = name;
  try {
    yard ??= await onlyYard();
  } catch (error) {
    if (error instanceof AbsentError) return null;
    throw error;
  }
  const run = distant(yard);
  return async (tool, ...args) => {
    const [out, err]: [string[], string[]] = [[], []];
    const take = (one: ToolOutput): void =>
      void ("line" in one ? out.push(one.line) : err.push(one.stderr));
    return { status: await run({ tool, args } as ToolRequest, take), out, err };
  };
}

/** A limit as the yard has it. */
interface Live {
  readonly value: string;
  readonly used?: number;
  /** By jail, most first. */
  readonly jails?: Readonly<Record<string, number>>;
}

/** @returns the exit status. @throws UsageError for what is no topic */
export async function explain(
  words: readonly string[],
  ask: Ask,
  say: (line: string) => void,
  json = false,
): Promise<number> {
  if (words.length === 0) {
    if (json) say(JSON.stringify(TOPICS, null, 2));
    else for (const line of topicLines()) say(line);
    return 0;
  }
  const topic = topicOf(words);
  if (topic === null) throw noTopic(words);
  const live = ask === null ? {} : await liveOf(topic.limits, ask);
  if (json) say(JSON.stringify({ ...topic, live }, null, 2));
  else for (const line of linesOf(topic, live)) say(line);
  return 0;
}

function noTopic([first, second]: readonly string[]): UsageError {
  if (second !== undefined && topicOf([first]) !== null && topicOf([second]) !== null) {
    return new UsageError(
      `explain: ${first} and ${second} do not go together; explain one of them`,
    );
  }
  const unknown = second !== undefined && topicOf([first]) !== null ? second : first;
  const near = nearest(unknown);
  const hint = near === null ? "`jailyard explain` lists what there is" : `did you mean ${near}?`;
  return new UsageError(`explain: ${unknown} is not known; ${hint}`);
}

const topicLines = (): string[] =>
  Object.entries(TOPICS).map(([kind, topics]) =>
    wrapped(topics.join(" "), " ".repeat(10)).replace(/^ {10}/, `${kind}:`.padEnd(10)),
  );

async function liveOf(
  limits: readonly LimitName[],
  ask: NonNullable<Ask>,
): Promise<Record<string, Live>> {
  const names = limits.filter((name) => name.startsWith("kern."));
  if (names.length === 0) return {};
  const values = await ask("sysctl", "-i", ...names);
  const usage = await ask("ipcs", "--usage", "-Z", "--json");
  const uses = usage.status === 0 ? (JSON.parse(usage.out[0]) as { usage: Usage[] }).usage : [];
  const live: Record<string, Live> = {};
  for (const line of values.out) {
    const [name, value] = line.split(": ");
    const use = uses.find(({ limit }) => limit === name);
    live[name] = { value, ...(use && { used: use.used, jails: use.jails ?? {} }) };
  }
  return live;
}

interface Usage {
  readonly limit: string;
  readonly used: number;
  readonly jails?: Readonly<Record<string, number>>;
}

function linesOf(topic: Topic, live: Readonly<Record<string, Live>>): string[] {
  const lines = [bold(topic.title), wrapped(topic.about, "  "), ""];
  for (const call of new Set(topic.causes.map((cause) => cause.call))) {
    lines.push(`${call}(2) fails with`);
    for (const cause of topic.causes) if (cause.call === call) lines.push(causeLine(cause));
    lines.push("");
  }
  if (Object.keys(live).length > 0) lines.push("In the yard that runs:");
  for (const [name, one] of Object.entries(live)) lines.push(`  ${name}: ${liveText(one)}`);
  if (Object.keys(live).length > 0) lines.push("");
  lines.push("What helps:", ...remedyLines(topic, live));
  return lines;
}

const CAUSE_INDENT = " ".repeat(20);

function causeLine({ errno, rule, limit, text }: Cause): string {
  const what = wrapped(limit === "" ? text : `${text}: ${limit}`, CAUSE_INDENT);
  return `  ${errno.padEnd(7)} ${rule.padEnd(9)} ${what.trimStart()}`;
}

function liveText({ value, used, jails = {} }: Live): string {
  if (used === undefined) return value;
  const [most] = Object.entries(jails);
  const who =
    most === undefined ? "" : `, most by ${most[0] === "-" ? "the host" : most[0]}: ${most[1]}`;
  return `${value}, ${used} in use${who}`;
}

/** Limits of what objects and processes share; others bound one call or one object. */
const COUNTED: ReadonlySet<LimitName> = new Set([
  "kern.ipc.semmni",
  "kern.ipc.semmns",
  "kern.ipc.semmnu",
  "kern.ipc.shmmni",
  "kern.ipc.shmall",
  "kern.ipc.msgmni",
  "kern.ipc.msgtql",
  "kern.ipc.msgseg",
]);

function remedyLines(topic: Topic, live: Readonly<Record<string, Live>>): string[] {
  const remedies: Remedy[] = topic.errors.flatMap((errno) => ADVICE[errno] ?? []);
  if (topic.limits.some((limit) => limit.startsWith("rctl ") || COUNTED.has(limit))) {
    remedies.push({ where: "who holds most?", line: "jailyard ipcs --usage -Z" });
  }
  for (const limit of topic.limits) {
    const value = wanted(limit, live[limit]?.value);
    remedies.push(...remediesOf(limit, value));
  }
  if (remedies.length === 0) remedies.push({ where: "which call was it?", line: "-v of the tool" });
  const width = Math.max(...remedies.map(({ where }) => where.length));
  const lines = remedies.map(({ where, line }) => `  ${where.padEnd(width)}  ${line}`);
  return [...new Set(lines)];
}

/** Twice what there is, to begin with; the least size of a segment is lowered instead. */
function wanted(limit: LimitName, value: string | undefined): string {
  if (limit === "kern.ipc.shmmin") return "1";
  return value === undefined ? "N" : String(2 * Number(value));
}
