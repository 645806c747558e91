/** `jailyard workloads`: what a stress run can be made of, as the programs themselves describe it. */
import { NATIVE } from "@jailyard/lab/stress/native";
import { WORKLOADS } from "@jailyard/lab/stress/workloads";
import type { About, OptionAbout } from "@jailyard/workload/stress/about";
import type { Command } from "commander";
import { bold, dim, print, table, wrapped } from "./terminal.ts";
import { UsageError } from "./usage.ts";

const EXAMPLES = `
Examples:
  $ jailyard workloads                 all of them, a line each
  $ jailyard workloads convoy noisy    what they do, verify and take
  $ jailyard workloads --json`;

export function addWorkloads(program: Command, run: (status: number) => void): void {
  program
    .command("workloads")
    .description("show what `jailyard stress` can run, and with which options")
    .argument("[name...]", "show these in full")
    .option("--json", "all descriptions as JSON on stdout")
    .addHelpText("after", EXAMPLES)
    .action((names: string[], { json }: { json?: boolean }) => {
      const abouts = chosen(names);
      if (json === true) print(JSON.stringify(abouts.map(record), null, 2));
      else if (names.length === 0) printAll(abouts);
      else for (const about of abouts) printOne(about);
      run(0);
    });
}

/** @throws UsageError for a name that there is not */
function chosen(names: readonly string[]): About[] {
  if (names.length === 0) return [...WORKLOADS.values()];
  return names.map((name) => {
    const about = WORKLOADS.get(name);
    if (about !== undefined) return about;
    throw new UsageError(
      `there is no workload ${name}; there are ${[...WORKLOADS.keys()].join(", ")}`,
    );
  });
}

const isNative = ({ name }: About): boolean => (NATIVE as readonly string[]).includes(name);

/** Without the function that computes needs. */
function record({ needs: _, ...about }: About): object {
  return { ...about, native: isNative(about as About) };
}

function printAll(abouts: readonly About[]): void {
  const rows = abouts.map((about) => [about.name, about.mechanisms.join(" "), about.summary]);
  print(table(["workload", "of", "what it is"], rows));
  print("\n  `jailyard workloads NAME` says what one does, verifies, and takes.");
}

function printOne(about: About): void {
  const { name, summary, operation, verifies, expects, options } = about;
  print(`${bold(name)}: ${summary}`);
  print(wrapped(`operation: ${operation}`));
  print(wrapped(`verifies: ${verifies}`));
  if (expects.length > 0) print(wrapped(`errors that belong to it: ${expects.join(", ")}`));
  const traits = [
    about.shareable ? "jails can share its objects (--shared)" : "",
    about.leastProcs > 1 ? `needs ${about.leastProcs} processes in a jail` : "",
    about.leastJails > 1 ? `needs ${about.leastJails} jails` : "",
    isNative(about) ? "has a native form (--native)" : "",
  ].filter(Boolean);
  if (traits.length > 0) print(dim(wrapped(traits.join("; "))));
  const rows = Object.entries(options).map(([option, how]) => [
    `${name}.${option}`,
    String(how.default),
    rangeOf(how),
    how.about,
  ]);
  if (rows.length > 0) print(table(["--with", "default", "takes", ""], rows));
  print();
}

const rangeOf = (how: OptionAbout): string =>
  "choices" in how ? how.choices.join(", ") : `${how.min} to ${how.max.toLocaleString("en-US")}`;
