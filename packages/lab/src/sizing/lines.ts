/** Lines for the files in which FreeBSD has such settings. */
import { jailNames } from "../scenario/inyard.ts";
import type { ServerPlan } from "./demand.ts";
import type { Given } from "./given.ts";
import { type Least, type LeastRule, leastLimits, leastRules } from "./least.ts";

export interface ConfLines {
  readonly file: string;
  readonly lines: readonly string[];
}

/** `all`: also lines for limits whose default is enough. Files with nothing to say are left out. */
export function confLines(plan: ServerPlan, rules: boolean, all: boolean): ConfLines[] {
  const wanted = leastLimits(plan).filter(({ value, usual }) => all || value > usual);
  const of = (when: Least["when"]): string[] =>
    wanted.filter((one) => one.when === when).map(({ name, value }) => `${name}=${value}`);
  const racct = rules ? ["kern.racct.enable=1"] : [];
  const files = [
    { file: "/boot/loader.conf", lines: [...racct, ...of("boot")] },
    { file: "/etc/sysctl.conf", lines: of("run") },
    { file: "/etc/jail.conf", lines: ["* {", '  sysvsem = "new";', '  sysvshm = "new";', "}"] },
    { file: "/etc/rctl.conf", lines: rules ? ruleLines(plan) : [] },
  ];
  return files.filter(({ lines }) => lines.length > 0);
}

const ruleLines = (plan: ServerPlan): string[] =>
  jailNames(plan.instances).flatMap((name) =>
    leastRules(plan).map(({ resource, amount }) => `jail:${name}:${resource}:deny=${amount}`),
  );

/** The least settings as somebody would give them. */
export function leastGiven(plan: ServerPlan, rules: boolean): Given {
  const of = (when: Least["when"]): Record<string, number> =>
    Object.fromEntries(
      leastLimits(plan)
        .filter((one) => one.when === when)
        .map(({ name, value }) => [name, value]),
    );
  const each = leastRules(plan).map(({ resource, amount }): [LeastRule["resource"], number] => [
    resource,
    amount,
  ]);
  const given = { boot: of("boot"), run: of("run"), ignored: [] };
  return { ...given, rules: rules ? Object.fromEntries(each) : {} };
}
