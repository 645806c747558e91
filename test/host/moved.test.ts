/** Placement `direct`: who goes to another name space reaches nothing that its thread has mapped. */
import type { Yard, YardConfig } from "@jailyard/host/yard";
import { afterEach, expect, test } from "vitest";
import { programUrl, quiet } from "../support/yard.ts";

let yard: Yard;
afterEach(() => yard?.shutdown());

/** What `mover` has said, by whom, and how many of its calls the kernel's thread did. */
interface Said {
  readonly moves: unknown[];
  readonly stays: unknown[];
  readonly value: unknown;
  readonly gated: number;
}

type Way = "ipcns_create" | "jail_attach";

/** In a jail, or on the host if the way out is into a jail. */
async function move(config: YardConfig, way: Way, first: string, load?: string): Promise<Said> {
  yard = await quiet({ placement: "direct", ...config });
  const web = await yard.jail({ name: "web" });
  const [home, jid] = way === "jail_attach" ? [await yard.host, web.jid] : [web, undefined];
  const before = (await yard.stats()).calls;
  const module = programUrl("mover");
  const process = await home.spawn({ module, arg: { jid, first, load } });
  const records: { [who: string]: unknown }[] = [];
  process.on("record", (record) => records.push(record as { [who: string]: unknown }));
  expect(await process.exited).toMatchObject({ status: 0 });
  const gated = (await yard.stats()).calls - before;
  expect(await yard.control.check()).toEqual([]);
  const by = (who: string): unknown[] => records.flatMap((record) => record[who] ?? []);
  return { moves: by("moves"), stays: by("stays"), value: by("value")[0], gated };
}

// Rounds are 50 calls: of who stays three, of who moves one before it does and one afterwards.
const STILL_ON_PAGES = { moves: ["OK", "EINVAL"], stays: ["OK", "OK"], value: 200 };

test("disjoint: a set is out of reach in another name space, and on its page for who stays", async () => {
  const { gated, ...said } = await move({ model: "disjoint" }, "ipcns_create", "stays");
  expect(said).toEqual(STILL_ON_PAGES);
  expect(Math.floor(gated / 50)).toBe(1); // of the one who moved, afterwards
});

test("disjoint: pages go to the name space of who calls first; others reach theirs by the gate", async () => {
  const { gated, ...said } = await move({ model: "disjoint" }, "ipcns_create", "moves");
  expect(said).toEqual(STILL_ON_PAGES);
  expect(Math.floor(gated / 50)).toBe(3); // and two rounds of the one who stayed
});

test.each(["stays", "moves"])(
  "tagged: a set of the host is out of reach in a jail; %s calls first",
  async (first) => {
    const { gated, ...said } = await move({ model: "tagged" }, "jail_attach", first);
    expect(said).toEqual(STILL_ON_PAGES);
    expect(Math.floor(gated / 50)).toBe(1);
  },
);

test("tagged: in a jail that a late load left without, calls are ENOSYS", async () => {
  const config = { model: "tagged", lateLoad: "deny", modules: [] } as const;
  const { gated, ...said } = await move(config, "jail_attach", "stays", "sysvsem");
  expect(said).toEqual({ ...STILL_ON_PAGES, moves: ["OK", "ENOSYS"] });
  expect(Math.floor(gated / 50)).toBe(1);
});
