/** The page pool: what is lent is zero, what comes back is lent again, what is large is let go. */
import { PagePool } from "@jailyard/memory/pool";
import { describe, expect, test } from "vitest";

const MIB = 1024 * 1024;

describe("PagePool", () => {
  test("a page given back is lent again, cleared", () => {
    const pool = new PagePool();
    const page = pool.take(5000);
    expect(page.byteLength).toBe(8192);
    new Uint8Array(page).fill(7);
    pool.give(page);
    expect(pool).toMatchObject({ lentBytes: 0, keptBytes: 8192 });
    expect(pool.take(8192)).toBe(page);
    expect(new Uint8Array(page).every((byte) => byte === 0)).toBe(true);
    expect(pool).toMatchObject({ lentBytes: 8192, keptBytes: 0 });
  });

  test("a dropped page is never lent again", () => {
    const pool = new PagePool();
    const page = pool.take(4096);
    pool.drop(page);
    expect(pool).toMatchObject({ lentBytes: 0, keptBytes: 0 });
    expect(pool.take(4096)).not.toBe(page);
  });

  test("an exact buffer is as large as asked, and kept only if it is of a class", () => {
    const pool = new PagePool();
    const odd = pool.takeExact(3 * 4096);
    expect(odd.byteLength).toBe(3 * 4096);
    pool.give(odd);
    pool.give(pool.takeExact(2 * MIB));
    expect(pool).toMatchObject({ lentBytes: 0, keptBytes: 0 });
    pool.give(pool.takeExact(MIB));
    expect(pool.keptBytes).toBe(MIB);
  });

  test("memory that the host does not have is a RangeError, and nothing is counted", () => {
    const pool = new PagePool();
    expect(() => pool.takeExact(2 ** 52)).toThrow(RangeError);
    expect(pool.lentBytes).toBe(0);
  });
});
