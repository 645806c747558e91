/** `jailyard compare`: two run files side by side, with how sure the differences are. */
import { type Comparison, compare, type Difference } from "@jailyard/lab/stress/compare";
import { figureText, timeText } from "@jailyard/lab/stress/figuretext";
import { readRun } from "@jailyard/lab/stress/readrun";
import type { Command } from "commander";
import { bold, dim, print, table, wrapped } from "./terminal.ts";

const EXAMPLES = `
Both files are what \`jailyard stress --json\` writes. Intervals are 95 %, by bootstrap: of slices of
time, or of whole repetitions where both runs have five. An interval that holds 1 is chance.

Examples:
  $ jailyard stress --workload convoy --json before.json
  $ jailyard stress --workload convoy --jails 8 --json after.json
  $ jailyard compare before.json after.json`;

export function addCompare(program: Command, run: (status: number) => void): void {
  program
    .command("compare")
    .description("show by how much two runs differ, and how sure that is")
    .argument("<before>", "run file")
    .argument("<after>", "run file")
    .option("--json", "the comparison as JSON on stdout")
    .addHelpText("after", EXAMPLES)
    .action((before: string, after: string, { json }: { json?: boolean }) => {
      const result = compare(readRun(before), readRun(after));
      if (json === true) print(JSON.stringify(result, null, 2));
      else printComparison(result);
      run(0);
    });
}

function printComparison({ changed, cautions, differences, oneSided }: Comparison): void {
  if (changed.length > 0) {
    print(bold("What was changed"));
    print(
      table(
        ["setting", "before", "after"],
        changed.map((one) => [one.name, one.before, one.after]),
      ),
    );
    print();
  }
  if (differences.length > 0) {
    print(bold("What came of it"));
    print(
      table(
        ["workload", "figure", ">before", ">after", ">times", "95 % interval"],
        differences.filter(({ workload }) => workload !== null).map(rowOf),
      ),
    );
    print();
  }
  const locks = differences.filter(({ lock }) => lock !== null);
  if (locks.length > 0) {
    print(bold("Waits for locks"));
    print(
      table(["lock", "figure", ">before", ">after", ">times", "95 % interval"], locks.map(rowOf)),
    );
    print();
  }
  for (const { sentence } of differences.filter(isSure)) print(wrapped(`${sentence}.`));
  for (const { sentence } of oneSided) print(wrapped(`${sentence}.`));
  const known = differences.filter(({ interval }) => interval !== null);
  if (known.length > 0 && !known.some(isSure)) print("  Nothing differs by more than chance.");
  if (differences.length > 0 && known.length === 0) {
    print("  The runs are too short to tell a difference from chance.");
  }
  for (const caution of cautions) print(dim(wrapped(`Note: ${caution}.`)));
}

const isSure = ({ interval }: Difference): boolean =>
  interval !== null && (interval[0] > 1 || interval[1] < 1);

function rowOf({
  workload,
  lock,
  figure,
  unit,
  before,
  after,
  ratio,
  interval,
}: Difference): string[] {
  const value = (n: number): string => (unit === "ms" ? timeText(n) : `${figureText(n)} ${unit}`);
  const range = interval === null ? "–" : `[${interval.map(figureText).join(", ")}]`;
  return [workload ?? lock!, figure, value(before), value(after), figureText(ratio), range];
}
