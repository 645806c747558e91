/**
 * Points in calls on pages at which a thread can be made to die: before every store to a page, to the
 * commons or to an undo vector, and before every atomic operation that can change or wait.
 *
 * Two things of the thread's globals are other ones while the code of its calls is loaded, so that
 * this very code, as users run it, goes through all points, and costs nothing more elsewhere: Atomics,
 * and the classes of typed arrays, which views of shared memory are made of (memory/page.ts).
 */

/** Where in a call a point is. */
export const PLACES = [
  "before the lock",
  "in the lock",
  "after a store",
  "before the unlock",
  "before a notify",
  "asleep",
  "outside",
] as const;
export type Place = (typeof PLACES)[number];

/** Locks that the thread holds at a point. */
export interface Locks {
  readonly any: boolean;
  /** Does another thread wait for one of them? */
  readonly wanted: boolean;
}

/** Told of each point as the thread comes to it; what it does happens there. */
export type AtPoint = (place: Place, locks: Locks) => void;

type Words = Int32Array | BigInt64Array;
type View = Int32Array | Uint8Array | Uint16Array | Int16Array | Float64Array | BigInt64Array;

const RAW = Symbol("the view itself");
const real = globalThis.Atomics;
/** Words of one mutex, and of the two that are global. */
const MUTEX_WORDS = new Set([32, 64]);

let told: AtPoint | null = null;
/** Locks that this thread holds: lock words and where in them. */
let held: { words: Words; at: number }[] = [];
let stored = false;
const locks: Locks = {
  get any() {
    return held.length > 0;
  },
  get wanted() {
    return held.some(({ words, at }) => real.load(words as Int32Array, at) < 0); // the sign bit
  },
};

/** Tell `atPoint` of every point from now on; null: of none. */
export function watch(atPoint: AtPoint | null): void {
  told = atPoint;
  held = [];
  stored = false;
}

function come(place: Place): void {
  if (told === null) return;
  const inside = held.length > 0 ? (stored ? "after a store" : "in the lock") : "outside";
  told(place === "outside" ? inside : place, locks);
}

const rawOf = <W>(view: W): W => (view as { [RAW]?: W })[RAW] ?? view;
const isLock = (words: Words, at: number): boolean =>
  MUTEX_WORDS.has(words.length) && at % 32 === 0;

const handler: ProxyHandler<View> = {
  get(view, name) {
    if (name === RAW) return view;
    const value: unknown = Reflect.get(view, name, view);
    return typeof value === "function" ? value.bind(view) : value;
  },
  set(view, name, value) {
    come("outside");
    stored = true;
    return Reflect.set(view, name, value, view);
  },
};

/** A class of typed arrays whose views of shared memory go through points. */
const watched = <C extends new (...args: never[]) => View>(View: C): C =>
  new Proxy(View, {
    construct(target, args, newTarget) {
      const view = Reflect.construct(target, args, newTarget) as View;
      return args[0] instanceof SharedArrayBuffer ? new Proxy(view, handler) : view;
    },
  });

/** Atomics whose operations take watched views, and are points. */
const atomics = {
  load: (view: Words, at: number) => real.load(rawOf(view) as Int32Array, at),
  store: (view: Words, at: number, value: number) => {
    come("outside");
    stored = true;
    return real.store(rawOf(view) as Int32Array, at, value);
  },
  compareExchange(view: Words, at: number, expected: number, value: number) {
    const words = rawOf(view);
    const lock = isLock(words, at);
    come(lock && expected === 0 ? "before the lock" : "outside");
    const before = real.compareExchange(words as Int32Array, at, expected, value);
    if (lock && expected === 0 && before === 0) take(words, at);
    return before;
  },
  exchange(view: Words, at: number, value: number) {
    const words = rawOf(view);
    const unlocks = isLock(words, at) && value === 0;
    come(unlocks ? "before the unlock" : "outside");
    if (unlocks) held = held.filter((one) => one.words !== words || one.at !== at);
    else stored = true;
    return real.exchange(words as Int32Array, at, value);
  },
  notify(view: Words, at: number, count?: number) {
    come("before a notify");
    return real.notify(rawOf(view) as Int32Array, at, count);
  },
  wait(view: Words, at: number, value: number, ms?: number) {
    come("asleep");
    return real.wait(rawOf(view) as Int32Array, at, value, ms);
  },
  waitAsync(view: Words, at: number, value: number, ms?: number) {
    come("asleep");
    return real.waitAsync(rawOf(view) as Int32Array, at, value, ms);
  },
};

function take(words: Words, at: number): void {
  if (held.length === 0) stored = false;
  held.push({ words, at });
}

type Change = "add" | "and" | "or" | "sub" | "xor";
const change =
  (name: Change) =>
  (view: Words, at: number, value: number): number => {
    come("outside");
    stored = true;
    return real[name](rawOf(view) as Int32Array, at, value);
  };

const VIEWS = [
  "Uint8Array",
  "Uint16Array",
  "Int16Array",
  "Int32Array",
  "Float64Array",
  "BigInt64Array",
] as const;

/** Have `load` get what it loads with points in it. */
export function instrumented<T>(load: () => T): T {
  const globals = globalThis as unknown as Record<string, unknown>;
  const before = VIEWS.map((name) => [name, globals[name]] as const);
  const changes = ["add", "and", "or", "sub", "xor"] as const;
  const others = { pause: (real as { pause?: unknown }).pause, isLockFree: real.isLockFree };
  globals.Atomics = {
    ...others,
    ...Object.fromEntries(changes.map((name) => [name, change(name)])),
    ...atomics,
  };
  for (const [name, View] of before) globals[name] = watched(View as typeof Int32Array);
  const loaded = load();
  for (const [name, View] of before) globals[name] = View; // views of segments and frames are others
  return loaded;
}
