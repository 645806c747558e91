/** The report of a run: its text, and, where there is a Chromium, the page as a reader uses it. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { reportHtml } from "@jailyard/lab/report/html";
import { interferenceOf } from "@jailyard/lab/stress/locks";
import type { LockRow, RunFile } from "@jailyard/lab/stress/runfile";
import { completed } from "@jailyard/lab/stress/settings";
import { stress } from "@jailyard/lab/stress/stress";
import type { AxeResults } from "axe-core";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CHROMIUM, launch, NO_CHROMIUM, open } from "../support/chromium.ts";

const folder = mkdtempSync(join(tmpdir(), "jailyard-report-"));
const file = join(folder, "report.html");
const MB = 1_000_000;
let run: RunFile;

beforeAll(async () => {
  const settings = completed({
    ...{ workloads: { convoy: 1, noisy: 1 }, jails: 3, procs: 3, seconds: 2 },
    fail: ["p99(wait) > 1ns"],
  });
  const around = { date: "2026-01-01", machine: { cpus: 2 }, versions: { jailyard: "0" } };
  run = await stress({ log: "silent" }, settings, around, () => {});
  writeFileSync(file, await reportHtml(run));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** The same run with more of everything. */
function enlarged(jails: number): RunFile {
  const [first] = run.repetitions;
  const rows = Array.from({ length: jails }, (_, ix) => ({
    ...first.jails[ix % first.jails.length],
    name: `jail${ix + 1}`,
  }));
  const slices = first.workloads[0].slices;
  const workloads = Array.from({ length: 11 }, (_, ix) => ({
    ...first.workloads[0],
    name: ix === 0 ? "convoy" : `w${ix}`,
    slices: Array.from({ length: 120 }, (__, at) => ({ ...slices[at % slices.length], at })),
  }));
  return { ...run, repetitions: [{ ...first, jails: rows, workloads }] };
}

/** Two jails that made each other wait, and a third lock for which nobody is known. */
function withContention(): RunFile {
  const none = { cntHold: 0, holds: 0, holdNanos: 0, holdMaxNanos: 0 };
  const locks = [3, 1, 2].map((n): LockRow => {
    const waits = { contended: n, cntLock: n, waitNanos: n * 1e6, waitMaxNanos: n * 1e5, ...none };
    const blame = [{ jail: n === 3 ? null : `jail${3 - n}`, nanos: n * 1e6 }];
    return {
      ...{ kind: "sem", mechanism: "sem", name: `sem ${65536 + n}[0]`, jail: `jail${n}` },
      ...{ label: n === 1 ? "WALWriteLock" : null, taken: n * 10, ...waits },
      ...{ ownerChanges: n, longestQueue: n, uses: [{ jail: `jail${n}`, blame, ...waits }] },
    };
  });
  const edges = [{ waiter: "jail1[103]", holder: "jail2[110]", lock: "sem 65537[0]" }];
  const waitFor = [{ at: 1.2, edges, deadlock: true, events: 2 }];
  return { ...run, locks, interference: interferenceOf(locks), waitFor };
}

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

describe("the text", () => {
  test("begins with the result, in sentences, and with why it failed", () => {
    const text = readFileSync(file, "utf8");
    const sentences = text.slice(text.indexOf('<ul class="result">'));
    expect(sentences).toMatch(/^<ul class="result"><li>3 jails with 3 processes each/);
    expect(sentences).toMatch(/<li>It failed: --fail p99\(wait\) &gt; 1ns holds/);
    expect(text).toMatch(/aria-label="kern.ipc.semmni" aria-valuemin="0" aria-valuemax="50"/);
  });

  test("asks for nothing from outside, and is below 2 MB for 1,000 jails", async () => {
    const big = await reportHtml(enlarged(1000));
    expect(big.length).toBeLessThan(2 * MB);
    expect((await reportHtml(enlarged(4000))).length).toBeLessThan(2 * MB);
    expect(big).not.toMatch(/(src|href)="(https?:|\/\/)/);
  });

  test("what was put in cannot become markup", async () => {
    const [first] = run.repetitions;
    const text = '</script><script>alert("x")</script>';
    const events = [{ ...first.events[0], text }];
    const page = await reportHtml({ ...run, repetitions: [{ ...first, events }] });
    expect(page).not.toContain("<script>alert");
  });

  test("locks, interference and waits are there if the run has them", async () => {
    const { locks, interference, waitFor, ...without } = run;
    expect([locks, interference, waitFor].every((one) => one !== undefined)).toBe(true);
    expect(await reportHtml(without)).not.toContain('id="locks"');
    const page = await reportHtml(withContention());
    for (const id of ["locks", "interference", "waits"]) expect(page).toContain(`id="${id}"`);
    expect(page).toContain("jail1 made jail2 wait 2 ms on sem 65538[0].");
    expect(page).toContain("jail2 made jail1 wait 1 ms on sem 65537[0] &quot;WALWriteLock&quot;.");
  });
});

if (CHROMIUM === undefined) {
  process.stderr.write(`${NO_CHROMIUM}\n`);
} else {
  describe("in a browser", () => {
    let browser: Browser;
    beforeAll(async () => {
      browser = await launch();
    });
    afterAll(() => browser.close());

    test.each(["light", "dark"] as const)(
      "%s: all charts are drawn, without a word",
      async (how) => {
        const { page, problems, requests } = await open(browser, file, how);
        const charts = await page.locator("figure.chart").count();
        expect(charts).toBeGreaterThanOrEqual(8); // latency, waits, locks, limits
        expect(await page.locator("figure.chart canvas").count()).toBe(charts);
        const wide = await page.evaluate("document.documentElement.scrollWidth > innerWidth");
        expect(wide).toBe(false);
        await page.locator("#theme").click();
        expect(await page.locator("html").getAttribute("data-theme")).toBe(
          how === "dark" ? "light" : "dark",
        );
        expect(await page.locator("figure.chart canvas").count()).toBe(charts);
        expect({ problems, requests }).toEqual({ problems: [], requests: [] });
        await page.close();
      },
    );

    test("tables sort by mouse and by keyboard", async () => {
      const { page } = await open(browser, file);
      const head = page.locator("#jail-table th", { hasText: "operations" });
      const numbers = async (): Promise<number[]> => {
        const cells = await page.locator("#jail-table tbody td:nth-child(2)").allTextContents();
        return cells.map((text) => Number(text.replaceAll(",", "")));
      };
      const sorted = [...(await numbers())].sort((a, b) => b - a);
      await head.locator("button").click();
      expect(await numbers()).toEqual(sorted);
      expect(await head.getAttribute("aria-sort")).toBe("descending");
      await head.locator("button").press("Enter");
      expect(await numbers()).toEqual(sorted.reverse());
      expect(await head.getAttribute("aria-sort")).toBe("ascending");
      await page.close();
    });

    test("jails are filtered, and the address says how", async () => {
      const ten = join(folder, "ten.html");
      writeFileSync(ten, await reportHtml(enlarged(10)));
      const { page } = await open(browser, ten);
      await page.locator("#jail-filter").fill("jail2");
      expect(await page.locator("#jail-count").textContent()).toBe("1 of 10");
      expect(page.url()).toMatch(/#jails=jail2$/);
      const { page: other } = await open(browser, `${ten}#jails=jail3`);
      expect(await other.locator("#jail-table tbody tr:visible").allTextContents()).toEqual([
        expect.stringMatching(/^jail3/),
      ]);
      await Promise.all([page.close(), other.close()]);
    });

    test("a lock is found by its name, and by an address that shows it", async () => {
      const name = join(folder, "locks.html");
      const few = withContention();
      const others = Array.from({ length: 8 }, (_, n) => ({
        ...few.locks![0],
        name: `other ${n}`,
      }));
      writeFileSync(name, await reportHtml({ ...few, locks: [...few.locks!, ...others] }));
      const { page, problems } = await open(browser, name);
      const rows = page.locator("#lock-table tbody tr");
      await page.locator("#lock-filter").fill("walwrite");
      expect(await rows.count()).toBe(1);
      expect(await rows.textContent()).toMatch(/^sem 65537\[0\] "WALWriteLock"/);
      expect(page.url()).toMatch(/#locks=walwrite$/);
      await rows.locator("a").click();
      expect(page.url()).toContain(`#lock=${encodeURIComponent('sem 65537[0] "WALWriteLock"')}`);
      const found = page.locator("#lock-table tr.found");
      expect(await found.count()).toBe(1);
      const { page: other } = await open(browser, page.url().slice("file://".length));
      const there = other.locator("#lock-table tr.found");
      expect(await there.textContent()).toMatch(/WALWriteLock/);
      expect(await there.isVisible()).toBe(true);
      await other.evaluate("location.hash = '#lock=%E0%A4%A'"); // no encoding, and no such lock
      await expect.poll(() => other.locator("tr.found").count()).toBe(0);
      expect(problems).toEqual([]);
      await Promise.all([page.close(), other.close()]);
    });

    test("who waits for whom is drawn, and said in words below", async () => {
      const name = join(folder, "waits.html");
      writeFileSync(name, await reportHtml(withContention()));
      const { page } = await open(browser, name, "dark");
      const drawn = page.locator("#waits figure.graph.deadlock");
      expect(await drawn.locator("svg text").allTextContents()).toEqual(
        expect.arrayContaining(["jail1[103]", "jail2[110]", "sem 65537[0]"]),
      );
      const ink = await drawn
        .locator("svg text")
        .first()
        .evaluate((e) => getComputedStyle(e).fill);
      expect(ink).toBe("rgb(230, 233, 237)"); // the page's, which changes with the theme
      expect(await page.locator("#wait-table tbody tr").textContent()).toMatch(
        /jail1\[103\].*sem 65537.*jail2\[110\].*deadlock/s,
      );
      const cell = page.locator("#interference td.heat", { hasText: "2 ms" }).first();
      await cell.hover();
      expect(await cell.getAttribute("title")).toBe("jail1 made jail2 wait 2 ms");
      await page.close();
    });

    test.each(["light", "dark"] as const)("%s: axe finds nothing to say", async (how) => {
      const name = join(folder, `axe-${how}.html`);
      writeFileSync(name, await reportHtml(withContention()));
      const { page } = await open(browser, name, how);
      await page.evaluate(
        "for (const one of document.querySelectorAll('details')) one.open = true",
      );
      await page.addScriptTag({ path: AXE });
      const { violations } = await page.evaluate<AxeResults>("axe.run()");
      const told = violations.map(({ id, nodes }) => `${id}: ${nodes[0].html} (${nodes.length})`);
      expect(told).toEqual([]);
      await page.close();
    });

    test("values are read with the arrow keys, or pointed at", async () => {
      const { page } = await open(browser, file);
      const chart = page.locator("#latency-time");
      await chart.locator(".plot").focus();
      await page.keyboard.press("End");
      await page.keyboard.press("ArrowLeft");
      expect(await chart.locator(".reading").textContent()).toMatch(
        /^[\d.]+ s: convoy p50 [\d.]+ ms, convoy p99 [\d.]+ ms, noisy p50/,
      );
      await page.locator("#throughput .u-over").hover();
      expect(await page.locator("#throughput .u-legend").textContent()).toMatch(/[\d,]+ ops\/s/);
      await page.close();
    });

    test("the run inside can be taken out", async () => {
      const { page } = await open(browser, file);
      const waiting = page.waitForEvent("download");
      await page.locator("#download").click();
      const taken = JSON.parse(readFileSync(await (await waiting).path(), "utf8"));
      expect(taken).toEqual(JSON.parse(JSON.stringify(run)));
      await page.close();
    });

    test("1,000 jails stay usable, on a narrow screen too", async () => {
      const big = join(folder, "big.html");
      writeFileSync(big, await reportHtml(enlarged(1000)));
      const { page, problems } = await open(browser, big);
      await page.setViewportSize({ width: 400, height: 800 });
      const rows = page.locator("#jail-table tbody tr");
      await page.locator("#jail-table th button").first().click();
      expect(await rows.first().locator("td").first().textContent()).toBe("jail1");
      expect(await rows.count()).toBe(100); // what is laid out is bounded; the rest waits
      expect(await page.evaluate("document.querySelectorAll('*').length")).toBeLessThan(15_000);
      await page.locator("#jails button.more").click();
      expect(await rows.count()).toBe(200);
      await page.locator("#jail-filter").fill("jail99");
      expect(await page.locator("#jail-count").textContent()).toBe("11 of 1000");
      await page.evaluate("location.hash = '#jail=jail777'");
      const found = page.locator("#jail-table tr.found");
      await expect.poll(() => found.count()).toBe(1);
      expect(await found.textContent()).toMatch(/^jail777/);
      await page.locator("#jail-table th button", { hasText: "jail" }).first().click();
      expect(await rows.first().textContent()).toMatch(/^jail1000/);
      const spread = page.locator("#jails table", { hasText: "How alike 1,000 jails are" });
      expect(await spread.locator("tbody tr").count()).toBe(5);
      expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(400);
      expect(problems).toEqual([]);
      await page.close();
    });
  });
}
