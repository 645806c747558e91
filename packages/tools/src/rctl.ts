/**
 * rctl(8): rules and usage of System V IPC, per process, user, login class and jail. [TOOL-46] to
 * [TOOL-52] Ours is --json for rules and usage.
 */
import { ENOSYS } from "@jailyard/abi/errno";
import type { SysError } from "@jailyard/abi/syserror";
import type { Process } from "@jailyard/trap/process";
import { getopt } from "./getopt.ts";
import { humanized } from "./humanize.ts";
import { kernelRule, shownRule } from "./rctlrule.ts";
import { attempt, failed, reasonOf, tool, usage } from "./tool.ts";
import { jsonLine } from "./vis.ts";
import { warnx } from "./warn.ts";

const USAGE = [
  "usage: rctl [-hn] [--json] [filter ...]",
  "       rctl -a rule ...",
  "       rctl [-hn] [--json] -l filter ...",
  "       rctl -r filter ...",
  "       rctl [-h] [--json] -u filter ...",
];
const DISABLED = "RACCT/RCTL present, but disabled; enable using kern.racct.enable=1 tunable";

interface How {
  readonly human: boolean;
  readonly numeric: boolean;
  readonly json: boolean;
}

/** What is done with each rule or filter: what it calls, what it says of a failure, what it prints. */
interface Operation {
  readonly failed: string;
  call(p: Process, rule: string): Promise<unknown>;
  lines(result: unknown, how: How): string[];
}

const ruleLines = (result: unknown, { human, numeric }: How): string[] =>
  (result as string[]).map((rule) => shownRule(rule, human, numeric));

const usageLines = (result: unknown, { human }: How): string[] =>
  (result as [string, number][]).map(
    ([resource, amount]) => `${resource}=${human ? humanized(amount) : amount}`,
  );

const nothing = (): string[] => [];

const OPERATIONS: Readonly<Record<string, Operation>> = {
  a: { failed: "add rule", call: (p, rule) => p.rctl_add_rule(rule), lines: nothing },
  r: { failed: "remove rule", call: (p, rule) => p.rctl_remove_rule(rule), lines: nothing },
  l: { failed: "get limits for", call: (p, rule) => p.rctl_get_limits(rule), lines: ruleLines },
  u: {
    failed: "show resource consumption for",
    call: (p, rule) => p.rctl_get_racct(rule),
    lines: usageLines,
  },
  show: {
    failed: "show rules for",
    call: (p, rule) => p.rctl_get_rules(rule),
    lines: ruleLines,
  },
};

export default tool("rctl", async (p) => {
  const parsed = getopt(p.args, "alruhn", { json: false });
  if (typeof parsed === "string") return usage(p, USAGE, parsed);
  const letters = parsed.options.map(({ letter }) => letter);
  const asked = letters.filter((letter) => letter in OPERATIONS);
  if (asked.length > 1) return usage(p, USAGE);
  const operation = OPERATIONS[asked[0] ?? "show"];
  const rules = parsed.operands;
  if (asked.length === 1 && rules.length === 0) return usage(p, USAGE);
  if ((await p.sysctl("kern.racct.enable")) === 0) {
    warnx(p, DISABLED); // [TOOL-48]
    return 1;
  }
  const how = {
    human: letters.includes("h"),
    numeric: letters.includes("n"),
    json: letters.includes("json"),
  };
  return carryOut(p, operation, rules.length === 0 ? [""] : rules, how);
});

/** One after the other, each on its own. */
async function carryOut(
  p: Process,
  operation: Operation,
  rules: readonly string[],
  how: How,
): Promise<number> {
  let status = 0;
  const results: unknown[] = [];
  for (const rule of rules) {
    const result = await one(p, operation, rule);
    if (typeof result === "string") {
      warnx(p, result);
      status = 1;
      continue;
    }
    if (how.json) results.push({ filter: rule, result: result.of ?? null });
    else for (const line of operation.lines(result.of, how)) p.print(line);
  }
  if (how.json) p.print(jsonLine({ rctl: results }));
  return status;
}

/** The result, or why there is none. */
async function one(
  p: Process,
  operation: Operation,
  text: string,
): Promise<{ of: unknown } | string> {
  const rule = kernelRule(text);
  if (typeof rule !== "string") return `failed to ${operation.failed} '${text}': ${rule.problem}`;
  const result = await attempt(operation.call(p, rule));
  if (failed(result)) return `failed to ${operation.failed} '${text}': ${textOf(result)}`;
  return { of: result };
}

const textOf = (error: SysError): string => (error.errno === ENOSYS ? DISABLED : reasonOf(error));
