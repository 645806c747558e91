/**
 * Placement `direct`: what a jail's thread can reach. V8 itself is asked for every SharedArrayBuffer
 * of the thread's heap, and each must be one that is named here: what all threads share, what is the
 * thread's own, or an object that the jail's model lets it see. The key of an object, in the header
 * of its page and in all words of its segment, says whose it is.
 */
import type { Jail } from "@jailyard/host/jail";
import type { Yard } from "@jailyard/host/yard";
import { carveHeader, P_ALIVE, P_KEY } from "@jailyard/kernel/ipcpage";
import type { ModelName } from "@jailyard/kernel/model";
import { Carver } from "@jailyard/memory/page";
import { BELL_BYTES, gateBytes } from "@jailyard/trap/gate";
import { afterEach, expect, test } from "vitest";
import { programUrl, quiet } from "../support/yard.ts";

const SEGMENT_BYTES = 12_288;
const WHO = ["host", "a", "b", "child"] as const;
type Who = (typeof WHO)[number];
const KEYS: Record<Who, number> = { host: 7001, a: 7002, b: 7003, child: 7004 };
type Made = { sem: number; msg: number; shm: number };

/** Beside its own: `child` is a jail that inherits all from the host, where a model knows that. */
const SEES: Record<ModelName, Record<Who, readonly Who[]>> = {
  flat: { host: WHO, a: WHO, b: WHO, child: WHO },
  "jail-keyed": { host: WHO, a: ["a"], b: ["b"], child: WHO },
  tagged: { host: WHO, a: ["a"], b: ["b"], child: ["child"] },
  disjoint: { host: ["host"], a: ["a"], b: ["b"], child: ["child"] },
  broker: { host: ["host"], a: ["a"], b: ["b"], child: ["child"] },
};

let yard: Yard;
afterEach(() => yard?.shutdown());

async function tell<T>(jail: Jail, command: object): Promise<T> {
  const process = await jail.spawn({ module: programUrl("walker"), arg: command });
  return await new Promise<T>((resolve, reject) => {
    process.on("record", (record) => resolve(record as T));
    void process.exited.then(({ error }) => reject(error ?? new Error("it ended")));
  });
}

/** What a buffer is: the name of what it belongs to, or whose object it is. */
function nameOf(buffer: SharedArrayBuffer): string {
  switch (buffer.byteLength) {
    case BELL_BYTES: // who has work at the gate: a bit a thread
      return "bell";
    case yard.commons.buffer.byteLength: // clock, limits, rows of who sleeps; no key, id or byte
      return "commons";
    case gateBytes(yard.shape): // calls, answers, slots of the thread's own processes
      return "gate";
    case SEGMENT_BYTES:
      return ownerOf(new Int32Array(buffer)[0]);
    default:
      return pageOf(buffer);
  }
}

const ownerOf = (key: number): string =>
  WHO.find((who) => KEYS[who] === key) ?? `an object with key ${key}`;

function pageOf(buffer: SharedArrayBuffer): string {
  if (buffer.byteLength <= 64) return "node"; // words by which Node and piscina tell of messages
  const { hdr } = carveHeader(new Carver(buffer));
  const owner = ownerOf(hdr[P_KEY]);
  return hdr[P_ALIVE] === 1 ? owner : `${owner}, gone`;
}

/** Names of all that is reachable in the jail's thread, sorted, each once but what has to be single. */
async function reachable(jail: Jail): Promise<string[]> {
  const names = (await tell<SharedArrayBuffer[]>(jail, { walk: true })).map(nameOf);
  for (const single of ["bell", "commons", "gate"]) {
    expect(names.filter((name) => name === single)).toEqual([single]);
  }
  return [...new Set(names)].sort();
}

const OWN = ["bell", "commons", "gate", "node"];
const withOwn = (...names: string[]): string[] => [...names, ...OWN].sort();

async function fourJails(model: ModelName): Promise<Record<Who, Jail>> {
  yard = await quiet({ model, sysvipc_allowed: true });
  const of = (name: string): Promise<Jail> => {
    const own = name === "child" ? "inherit" : "new";
    const sysv = { sysvsem: own, sysvshm: own, sysvmsg: own };
    return yard.jail({ name, path: `/jails/${name}`, ...(model === "jail-keyed" && sysv) });
  };
  return { host: await yard.host, a: await of("a"), b: await of("b"), child: await of("child") };
}

test.each(Object.keys(SEES) as ModelName[])(
  "%s: a thread reaches what its jail sees",
  async (model) => {
    const jails = await fourJails(model);
    const made = {} as Record<Who, Made>;
    for (const who of WHO) made[who] = await tell(jails[who], { make: KEYS[who] });
    for (const viewer of WHO) {
      const sees = SEES[model][viewer];
      for (const who of WHO) {
        const codes = await tell<string[]>(jails[viewer], { reach: made[who] });
        expect([viewer, who, ...new Set(codes)]).toEqual([
          viewer,
          who,
          sees.includes(who) ? "OK" : "EINVAL",
        ]);
      }
      expect([viewer, ...(await reachable(jails[viewer]))]).toEqual([viewer, ...withOwn(...sees)]);
    }
    // b's objects go; a jail that had their pages mapped lets go of them with its next call.
    await tell(jails.b, { remove: made.b });
    for (const viewer of WHO) {
      const left = SEES[model][viewer].filter((who) => who !== "b");
      await tell(jails[viewer], { reach: made[left[0] ?? "a"] });
      const names = (await reachable(jails[viewer])).filter((name) => name !== "b");
      expect([viewer, ...names]).toEqual([viewer, ...withOwn(...left)]); // "b": a segment still attached
    }
    expect(await yard.control.check()).toEqual([]);
    await jails.a.remove();
    const gone = await reachable(jails.b);
    expect(gone.filter((name) => name.startsWith("a"))).toEqual(model === "flat" ? ["a"] : []);
  },
);

test("a page that is not the jail's is found, wherever a program has hidden it", async () => {
  const { a, b } = await fourJails("jail-keyed");
  const made = await tell<Made>(a, { make: KEYS.a });
  await tell(a, { reach: made });
  expect(await reachable(b)).toEqual(OWN);
  const found = await tell<SharedArrayBuffer[]>(a, { walk: true });
  await tell(b, { plant: found.find((one) => nameOf(one) === "a") });
  expect(await reachable(b)).toEqual(withOwn("a"));
});

test("what a program kept in its thread is not there for a jail that comes after", async () => {
  yard = await quiet({ jailMemoryMib: 64 });
  const sysv = { sysvsem: "new", sysvshm: "new", sysvmsg: "new" } as const;
  const a = await yard.jail({ name: "a", ...sysv });
  await tell(a, { make: KEYS.a });
  const found = await tell<SharedArrayBuffer[]>(a, { walk: true });
  await tell(a, { plant: found.find((one) => nameOf(one) === "a") });
  await a.remove();
  expect(await reachable(await yard.jail({ name: "b", ...sysv }))).toEqual(OWN);
});
