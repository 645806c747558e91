/** Conditions of --fail: what they mean, and what is said of those that do not parse. */
import { parseThreshold } from "@jailyard/lab/stress/threshold";
import { describe, expect, test } from "vitest";

const MIX = ["sem", "msg"];
/** Times are 6 ms, anything else is 5. */
const holds = (text: string): boolean =>
  parseThreshold(text, MIX).holds((figure) => ("of" in figure ? 6 : 5));

describe("what holds", () => {
  test.each([
    ["p99(wait)>5ms", true],
    ["p99(wait)>7ms", false],
    ["p99(wait) > 5999us && p99(wait) < 6001µs", true],
    ["max(sem.latency) >= 0.006s", true],
    ["p99.9(lag) == 6ms", true],
    ["errors > 4 && errors < 6", true],
    ["errors != 5 || throughput <= 5", true],
    ["errors(sem) + 2 * 3 == 11", true],
    ["(errors + 2) * 3 == 21", true],
    ["(errors > 9 || wrong > 4) && missed == 5", true],
    ["errors - 1 - 1 == 3", true],
    ["operations / 2 < 2.6", true],
  ])("%s: %s", (text, expected) => {
    expect(holds(text)).toBe(expected);
  });

  test("of a figure that a run does not have nothing holds", () => {
    const nothing = (): number => Number.NaN;
    expect(parseThreshold("p99(lag) > 0", MIX).holds(nothing)).toBe(false);
    expect(parseThreshold("p99(lag) <= 0", MIX).holds(nothing)).toBe(false);
  });

  test("figures are listed with their workloads", () => {
    expect(parseThreshold("p50(msg.wait)>1 || errors>0", MIX).figures).toEqual([
      { name: "p50", of: "wait", workload: "msg" },
      { name: "errors", workload: null },
    ]);
  });
});

describe("what does not parse is told with its place and what is known", () => {
  test.each([
    ["", 1, "a number or figure is missing"],
    ["p99(wait)", 10, "a comparison, as >, is missing"],
    ["p99 > 3", 5, '"(" is missing after p99'],
    ["p98(wait) > 3", 1, 'there is no figure "p98"'],
    ["p99(wiat) > 3", 5, '"wiat" is not measured'],
    ["p99(shm.wait) > 3", 5, 'workload "shm" is not in the mix (sem, msg)'],
    ["errors(shm) > 3", 8, 'workload "shm" is not in the mix'],
    ["errors > 5 m", 12, '"m" is left over'],
    ["errors > 5 $", 12, '"$" is nothing that can be here'],
    ["(errors > 5", 12, '")" is missing after the condition'],
    ["errors > 5 && ", 15, "a number or figure is missing"],
  ])("%j at position %i", (text, at, what) => {
    const parse = (): unknown => parseThreshold(text, MIX);
    expect(parse).toThrow(`at position ${at}: ${what}`);
    expect(parse).toThrow(/there are p50, .*unfairness/);
  });
});
