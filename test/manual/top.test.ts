/** What `jailyard top` says of a kernel on a clock that only the test moves: to the nanosecond. */
import type { Sembuf } from "@jailyard/abi/sem";
import { SIGKILL } from "@jailyard/abi/signal";
import type { YardSample } from "@jailyard/abi/yardsample";
import { type KernelConfig, run } from "@jailyard/kernel/kernel";
import { exit1, psignal } from "@jailyard/kernel/proc";
import { semget } from "@jailyard/kernel/semctl";
import type { Thread } from "@jailyard/kernel/thread";
import { DeadlockWatch } from "@jailyard/kernel/waitfor";
import { yardSample } from "@jailyard/kernel/yardsample";
import {
  type Choice,
  COLUMNS,
  FIRST_SORT,
  rowsOf,
  VIEWS,
  type View,
} from "@jailyard/lab/top/columns";
import { type Look, lookAt, type SleeperRow } from "@jailyard/lab/top/look";
import width from "string-width";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  firstState,
  type Key,
  type Page,
  pressed,
  type TopState,
} from "../../packages/cli/src/topkeys.ts";
import { placed, plainLines, screen } from "../../packages/cli/src/topscreen.ts";
import { ok, sleeps, tearDown } from "../support/calls.ts";
import { type Bench, bench, jail, process } from "../support/kernel.ts";
import { type Semset, semset } from "../support/semset.ts";

const SECOND = 1_000_000_000;
let now = 0;
let b: Bench;
let [a1, b1, c1]: Thread[] = [];

const lock: Sembuf = [0, -1];
const unlock: Sembuf = [0, +1];

function start(config: KernelConfig = {}): void {
  now = 0;
  const nanos = (): number => now;
  b = bench({ model: "flat", sysvipc_allowed: true, stats: "contended", nanos, ...config });
  [a1, b1, c1] = ["a", "b", "c"].map((name) => process(b.k, { prison: jail(b.k, name) }));
}
beforeEach(() => start());
afterEach(() => tearDown(b));

const pass = (seconds: number): void => {
  now += seconds * SECOND;
};
const sample = (): YardSample => ({
  ...yardSample(b.k, 0, new Map()),
  ...{ born: "now", yard: "test", manner: "flat" },
});

/** What is seen between two moments. */
function during(work: () => void): Look {
  const before = sample();
  work();
  return lookAt(sample(), before, "interval");
}

const choice = (view: View, more: Partial<Choice> = {}): Choice => ({
  ...{ view, sort: FIRST_SORT[view], reversed: false, filter: "", busy: false, tree: false },
  ...more,
});
const jailOf = ({ jails }: Look, name: string) => jails.find((row) => row.jail === name)!;
const lockOf = ({ locks }: Look, { id }: Semset, num = 0) =>
  locks.find((row) => row.lock.startsWith(`sem ${id}[${num}]`))!;

describe("waits", () => {
  test("that last are seconds a second: how many wait, and because of whom", () => {
    const set = semset(b, [1], a1);
    ok(b, a1, set.semopBy(a1, lock));
    sleeps(b, set.semopBy(b1, lock));
    pass(3);
    const one = during(() => pass(5));
    expect(jailOf(one, "b")).toMatchObject({ wait: 1, caused: 0, asleep: 1 });
    expect(jailOf(one, "a")).toMatchObject({ wait: 0, caused: 1, asleep: 0 });
    expect(lockOf(one, set)).toMatchObject({ wait: 1, waits: 0, asleep: 1, taken: 0 });
    expect(lockOf(one, set).holder).toBe(`${a1.p_pid} (a)`);
    const two = during(() => {
      pass(1);
      sleeps(b, set.semopBy(c1, lock));
      pass(3);
    });
    expect(two).toMatchObject({ wait: 1.75, waits: 0.25, seconds: 4 });
    expect(jailOf(two, "a").caused).toBe(1.75);
    ok(b, a1, set.semopBy(a1, unlock));
  });

  test("are the same whether they are over or not, and no jump when they end", () => {
    const set = semset(b, [1], a1);
    ok(b, a1, set.semopBy(a1, lock));
    sleeps(b, set.semopBy(b1, lock));
    pass(10);
    const ends = during(() => {
      pass(2);
      ok(b, a1, set.semopBy(a1, unlock));
      pass(2);
    });
    expect(jailOf(ends, "b")).toMatchObject({ wait: 0.5, asleep: 0 });
    expect(jailOf(ends, "a").caused).toBe(0.5);
    expect(lockOf(ends, set)).toMatchObject({ taken: 0.25, changes: 0.25, max: 12_000 });
    const totals = lookAt(sample(), null, "totals");
    expect(jailOf(totals, "b").wait).toBe(12);
    expect(totals).toMatchObject({ waits: 1, span: "totals" });
  });

  test("between wake-up and going on count as waits, and nobody causes them", () => {
    const set = semset(b, [1], a1);
    ok(b, a1, set.semopBy(a1, lock));
    sleeps(b, set.semopBy(b1, lock));
    pass(1);
    set.semopBy(a1, unlock);
    const woken = during(() => pass(1));
    expect(jailOf(woken, "b")).toMatchObject({ wait: 1, asleep: 0 });
    expect(jailOf(woken, "a").caused).toBe(0);
    run(b.k);
  });

  test("full: how much of the time a lock is held; off: nothing of waits", () => {
    tearDown(b);
    start({ stats: "full" });
    const set = semset(b, [1], a1);
    pass(1);
    const held = during(() => {
      ok(b, a1, set.semopBy(a1, lock));
      pass(3);
      ok(b, a1, set.semopBy(a1, unlock));
      pass(1);
    });
    expect(lockOf(held, set)).toMatchObject({ hold: 0.75, taken: 0.25 });
    tearDown(b);
    start({ stats: "off" });
    const off = semset(b, [1], a1);
    ok(b, a1, off.semopBy(a1, lock));
    sleeps(b, off.semopBy(b1, lock));
    const nothing = during(() => pass(1));
    expect(nothing).toMatchObject({ wait: 0, sleepers: [] });
    expect(plainLines(nothing, firstState(), 9)[2]).toMatch(/--stats off/);
  });

  test("a yard that began anew counts from its beginning", () => {
    const before = { ...sample(), born: "before" };
    pass(4);
    expect(lookAt(sample(), before, "interval").seconds).toBe(4);
  });
});

describe("sleepers", () => {
  /** a waits for b, b for c, and c has its own affairs. */
  function chain(): Semset {
    const set = semset(b, [1, 1], a1);
    ok(b, c1, set.semopBy(c1, [1, -1]));
    ok(b, b1, set.semopBy(b1, [0, -1]));
    sleeps(b, set.semopBy(b1, [1, -1]));
    pass(1);
    sleeps(b, set.semopBy(a1, [0, -1]));
    pass(1);
    return set;
  }

  test("whom they wait for, and how many wait for them, others between them too", () => {
    const set = chain();
    const rows = rowsOf(lookAt(sample(), null, "interval"), choice("sleepers")) as SleeperRow[];
    expect(rows).toMatchObject([
      { pid: b1.p_pid, slept: 2, blocks: 1, lock: `sem ${set.id}[1]`, holder: `${c1.p_pid} (c)` },
      { pid: a1.p_pid, slept: 1, blocks: 0, lock: `sem ${set.id}[0]`, holder: `${b1.p_pid} (b)` },
    ]);
  });

  test("in a tree below who keeps them waiting, which is awake, or has ended", () => {
    chain();
    const tree = () =>
      rowsOf(
        lookAt(sample(), null, "interval"),
        choice("sleepers", { tree: true }),
      ) as SleeperRow[];
    expect(tree().map(({ pid, depth, comm, blocks }) => [pid, depth, comm, blocks])).toEqual([
      [c1.p_pid, 0, "(awake)", 2],
      [b1.p_pid, 1, "sh", 1],
      [a1.p_pid, 2, "sh", 0],
    ]);
    exit1(b.k, c1, 0);
    expect(tree()[0].comm).toBe("(ended)");
  });

  test("a deadlock is named while it lasts, and marked", () => {
    const watch = new DeadlockWatch();
    const set = semset(b, [1, 1], c1);
    ok(b, a1, set.semopBy(a1, [0, -1]));
    ok(b, b1, set.semopBy(b1, [1, -1]));
    sleeps(b, set.semopBy(a1, [1, -1]));
    sleeps(b, set.semopBy(b1, [0, -1]));
    pass(1);
    for (let i = 0; i < 2; i++) watch.look(b.k);
    const look = lookAt(sample(), null, "interval");
    const lines = plainLines(look, firstState({ view: "sleepers", tree: true }), 9);
    expect(lines[2]).toMatch(
      /^DEADLOCK: sh \d+ \(a\) waits for sem \d+\[1\], which sh \d+ \(b\) holds/,
    );
    expect(lines.filter((line) => / ! sh /.test(line))).toHaveLength(2);
    psignal(b.k, a1, SIGKILL);
    run(b.k);
    const over = lookAt(sample(), null, "interval");
    expect(over.sample).toMatchObject({ deadlocks: [], deadlockCount: 1 });
    expect(over.sleepers.every(({ deadlock }) => !deadlock)).toBe(true);
  });
});

describe("limits", () => {
  const limitOf = (name: string) =>
    lookAt(sample(), null, "interval").limits.find(({ limit }) => limit === name)!;

  test("use, value, and the jail that uses most", () => {
    for (let i = 0; i < 3; i++) semset(b, [1, 1], a1);
    semset(b, [1], b1);
    const [use, share] = [4, (4 / 50) * 100];
    expect(limitOf("kern.ipc.semmni")).toMatchObject({
      use,
      value: 50,
      share,
      holder: "a",
      amount: 3,
    });
    expect(limitOf("kern.ipc.semmns")).toMatchObject({
      use: 7,
      value: 340,
      holder: "a",
      amount: 6,
    });
    expect(limitOf("kern.maxproc")).toMatchObject({ use: 3 });
    expect(limitOf("kern.ipc.msgseg")).toMatchObject({ use: 0, holder: "" });
    const grows = during(() => void semset(b, [1], a1));
    expect(grows.limits[0]).toMatchObject({ limit: "kern.ipc.semmni", change: 1 });
  });

  test("of name spaces, the fullest of them", () => {
    tearDown(b);
    start({ model: "tagged", limitScope: "namespace" });
    for (let i = 0; i < 3; i++) ok(b, a1, semget(b.k, a1, 0 as never, 2, 0o600));
    ok(b, b1, semget(b.k, b1, 0 as never, 9, 0o600));
    expect(limitOf("kern.ipc.semmni")).toMatchObject({ use: 3, holder: "a", amount: 3 });
    expect(limitOf("kern.ipc.semmns")).toMatchObject({ use: 9, holder: "b", amount: 9 });
  });

  test("rules of rctl that deny are limits", () => {
    tearDown(b);
    start({ racct: true });
    const { rules } = b.k.racct!;
    const rule = {
      subject: "jail",
      id: "a",
      resource: "nsem",
      action: "deny",
      per: "jail",
    } as const;
    rules.push({ ...rule, amount: 8, passed: new Set() });
    semset(b, [1, 1], a1);
    expect(limitOf("rctl jail:a:nsem")).toMatchObject({ use: 2, value: 8, share: 25 });
  });
});

describe("columns", () => {
  test("of every view sort both ways, and filters find words", () => {
    semset(b, [1], a1);
    const look = lookAt(sample(), null, "interval");
    for (const view of VIEWS) {
      for (const { key, value } of COLUMNS[view]) {
        const rows = rowsOf(look, choice(view, { sort: key })).map((row) => value(row as never));
        const back = rowsOf(look, choice(view, { sort: key, reversed: true }));
        expect(back.map((row) => value(row as never)).sort()).toEqual([...rows].sort());
        if (rows.every((one) => typeof one === "number"))
          expect(rows).toEqual([...rows].sort((x, y) => (y as number) - (x as number)));
      }
    }
    expect(rowsOf(look, choice("limits", { filter: "SEMM" }))).toHaveLength(3);
    expect(rowsOf(look, choice("limits", { filter: "nix" }))).toEqual([]);
    expect(rowsOf(look, choice("limits", { busy: true })).length).toBeLessThan(look.limits.length);
  });

  test.each(VIEWS)("%s fit any width, the first and what matters most last of all", (view) => {
    for (let room = 200; room >= 20; room--) {
      const got = placed(COLUMNS[view], room);
      expect(got.reduce((sum, one) => sum + one.width + 1, -1)).toBeLessThanOrEqual(room);
    }
    const { length } = placed(COLUMNS[view], 200);
    expect(length).toBe(COLUMNS[view].length);
  });
});

describe("the screen", () => {
  const look = (): Look => lookAt(sample(), null, "interval");

  test.each([
    [20, 5],
    [40, 10],
    [80, 24],
    [200, 60],
  ])("%d columns and %d lines are filled, and no line is longer", (columns, rows) => {
    semset(b, [1], process(b.k, { prison: jail(b.k, "日本語日本語日本語") }));
    for (const view of VIEWS) {
      for (const more of [{}, { help: true }, { prompt: { what: "filter", text: "x" } as const }]) {
        const canvas = { columns, rows, ink: "colour", clock: "12:00:00" } as const;
        const lines = screen(look(), firstState({ view, ...more }), canvas, null);
        expect(lines).toHaveLength(rows);
        expect(lines.filter((line) => width(line) > columns)).toEqual([]);
      }
    }
  });

  test("what a program calls itself moves no cursor", () => {
    const evil = process(b.k, { comm: "\u001b[2Jx", prison: b1.p_ucred.cr_prison });
    const set = semset(b, [0], a1);
    sleeps(b, set.semopBy(evil, lock));
    const canvas = { columns: 120, rows: 24, ink: "plain", clock: "" } as const;
    const text = screen(look(), firstState({ view: "sleepers" }), canvas).join("\n");
    expect(text).toContain("?[2Jx");
    expect(text).not.toContain("\u001b");
  });

  test("mono has weight, and no colour", () => {
    const canvas = { columns: 80, rows: 24, ink: "mono", clock: "" } as const;
    const text = screen(look(), firstState({ view: "limits" }), canvas).join("\n");
    expect(text).toContain("\u001b[7m");
    expect(text).not.toMatch(/\[3\dm/);
  });
});

describe("keys", () => {
  const page: Page = { fit: 10, rows: 25 };
  const press = (state: TopState, ...keys: (string | Key)[]): TopState =>
    keys.reduce<TopState>((one, key) => {
      const all = typeof key === "string" ? { sequence: key, name: key } : key;
      return pressed(one, all, page)[0];
    }, state);
  const first = firstState();
  const named = (name: string): Key => ({ name, sequence: "" });

  test("views, by number, Tab and arrows", () => {
    expect(press(first, "3").view).toBe("sleepers");
    expect(press(first, named("tab")).view).toBe("locks");
    expect(press(first, named("left")).view).toBe("limits");
  });

  test("sort, by the column beside or by name, and reverse; each view has its own", () => {
    expect(press(first, ">").sorts.jails.sort).toBe("caused");
    expect(press(first, "<", "r").sorts.jails).toEqual({ sort: "sleeps", reversed: true });
    expect(press(first, ">", "2").sorts.locks.sort).toBe("wait");
    expect(press(first, "o", ..."PROCS", named("return")).sorts.jails.sort).toBe("procs");
    const wrong = press(first, "o", "x", named("return"));
    expect(wrong.message).toMatch(/^no column x; there are jid jail/);
    expect(wrong.sorts).toEqual(first.sorts);
  });

  test("scrolling stays within the rows", () => {
    expect(press(first, named("end")).at).toBe(15);
    expect(press(first, named("pagedown"), named("pagedown"), named("pagedown")).at).toBe(15);
    expect(press(first, "j", "j", "k").at).toBe(1);
    expect(press(first, named("up")).at).toBe(0);
  });

  test("a filter is typed, mended, taken and let go", () => {
    const typed = press(first, "/", ..."web9", named("backspace"));
    expect(typed.prompt).toEqual({ what: "filter", text: "web" });
    expect(press(typed, named("return")).filter).toBe("web");
    expect(press(typed, named("escape"))).toMatchObject({ prompt: null, filter: "" });
    expect(press(typed, named("return"), named("escape")).filter).toBe("");
    expect(press(first, "/", "q").prompt).toEqual({ what: "filter", text: "q" });
  });

  test("the interval has bounds", () => {
    expect(press(first, "s", ..."0.5", named("return")).seconds).toBe(0.5);
    expect(press(first, "d", "0", named("return"))).toMatchObject({ seconds: 2, prompt: null });
    expect(press(first, ..."------------").seconds).toBe(0.1);
  });

  test("what quits, pauses, helps", () => {
    expect(pressed(first, { name: "c", sequence: "\u0003", ctrl: true }, page)[1]).toBe("quit");
    expect(pressed(first, { name: "q", sequence: "q" }, page)[1]).toBe("quit");
    expect(press(first, "p").paused).toBe(true);
    expect(press(first, "?").help).toBe(true);
    expect(press(first, "?", "q").help).toBe(false);
    expect(press(first, "%").message).toMatch(/\? or h shows the keys/);
  });
});
