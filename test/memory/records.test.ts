/** The ring of records: what is put comes out, in order; what has no room is counted. */
import { Worker } from "node:worker_threads";
import { RECORD_WORDS, RecordRing } from "@jailyard/memory/records";
import { expect, test } from "vitest";

const made = (capacity: number): RecordRing =>
  new RecordRing(new SharedArrayBuffer(RecordRing.bytes(capacity)));

function put(ring: RecordRing, value: number): boolean {
  const at = ring.claim();
  if (at === -1) return false;
  ring.words[at + RECORD_WORDS - 1] = value;
  ring.numbers[at >> 1] = value / 2;
  ring.commit();
  return true;
}

function taken(ring: RecordRing): [number, number][] {
  const all: [number, number][] = [];
  ring.drain((record) => {
    const numbers = new Float64Array(record.buffer, record.byteOffset, RECORD_WORDS / 2);
    all.push([record[RECORD_WORDS - 1], numbers[0]]);
  });
  return all;
}

test("records come out whole and in order, round and round", () => {
  const ring = made(4);
  for (let n = 0; n < 10; n++) {
    expect(put(ring, n)).toBe(true);
    expect(put(ring, n + 0.5)).toBe(true);
    expect(taken(ring)).toEqual([
      [n, n / 2],
      [n, (n + 0.5) / 2],
    ]);
  }
  expect(ring.dropped).toBe(0);
});

test("what has no room is counted, and nothing that is there is lost", () => {
  const ring = made(4);
  expect([1, 2, 3, 4, 5, 6].map((n) => put(ring, n))).toEqual([
    true,
    true,
    true,
    true,
    false,
    false,
  ]);
  expect(ring.dropped).toBe(2);
  expect(taken(ring).map(([n]) => n)).toEqual([1, 2, 3, 4]);
  expect(put(ring, 7)).toBe(true);
  expect(taken(ring).map(([n]) => n)).toEqual([7]);
});

test("a writer that is gone in the middle of a record has told nothing", () => {
  const ring = made(2);
  ring.words[ring.claim() + RECORD_WORDS - 1] = 99;
  expect(taken(ring)).toEqual([]);
  put(new RecordRing(ring.buffer), 1);
  expect(taken(ring).map(([n]) => n)).toEqual([1]);
});

test("the capacity is a power of two", () => {
  expect(() => made(3)).toThrow("3 is not a power of two");
});

test("from another thread nothing comes half, twice, or in another order", async () => {
  const ring = made(64);
  const records = new URL("../../packages/memory/src/records.ts", import.meta.url).href;
  const code = `
    const { workerData } = require("node:worker_threads");
    import(${JSON.stringify(records)}).then(({ RecordRing }) => {
      const ring = new RecordRing(workerData);
      for (let n = 0; n < 20000; ) {
        const at = ring.claim();
        if (at === -1) continue;
        ring.words[at + 15] = n;
        ring.numbers[at >> 1] = n / 2;
        ring.commit();
        n++;
      }
    });`;
  const worker = new Worker(code, { eval: true, workerData: ring.buffer });
  const ended = new Promise((resolve) => worker.once("exit", resolve));
  const all: [number, number][] = [];
  while (all.length < 20_000) {
    all.push(...taken(ring));
    await new Promise(setImmediate);
  }
  expect(all.every(([n, half], ix) => n === ix && half === ix / 2)).toBe(true);
  expect(await ended).toBe(0);
});
