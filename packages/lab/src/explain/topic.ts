/** What `jailyard explain` knows: errors, calls, limits and rules, each a list of causes. */
import { type Errno, errnoName, errnoNumber, strerror } from "@jailyard/abi/errno";
import { limitNamed } from "@jailyard/abi/limits";
import { LIMIT_NAMES, type LimitName } from "@jailyard/abi/reason";
import { CALLS, CAUSES, type Cause } from "./causes.ts";

export interface Topic {
  readonly title: string;
  readonly about: string;
  readonly causes: readonly Cause[];
  /** Those that the causes meet, or the one that is asked for. */
  readonly limits: readonly LimitName[];
  /** The errors that it is of: of a call or limit several. */
  readonly errors: readonly string[];
}

const ERRORS = [...new Set(CAUSES.map(({ errno }) => errno))];
const RULES = [...new Set(CAUSES.map(({ rule }) => rule))];
const LIMITS = LIMIT_NAMES.filter((name) =>
  CAUSES.some(({ limit }) => limit === name && name !== ""),
);

/** Numbers that Linux has for errors whose FreeBSD number is another. */
const LINUX: Readonly<Record<string, number>> = { EAGAIN: 11, EIDRM: 43, ENOMSG: 42, ENOSYS: 38 };

/** Everything that can be explained, by kind. */
export const TOPICS: Readonly<Record<string, readonly string[]>> = {
  errors: ERRORS,
  calls: CALLS,
  limits: LIMITS,
  rules: RULES,
};

/** The topic of one word, or two: an error and a call. Null: there is none. */
export function topicOf(words: readonly string[]): Topic | null {
  const [first, second] = words.map(normal);
  if (second === undefined)
    return ofError(first, null) ?? ofCall(first) ?? ofLimit(first) ?? ofRule(first);
  const [errno, call] = CALLS.includes(first) ? [second, first] : [first, second];
  return CALLS.includes(call) ? ofError(errno, call) : null;
}

/** What `word` was perhaps meant to be; null if nothing is near. */
export function nearest(word: string): string | null {
  let [best, least] = [null as string | null, 3];
  for (const topic of Object.values(TOPICS).flat()) {
    const away = distance(word.toLowerCase(), topic.toLowerCase().replace(/^kern\.ipc\./, ""));
    if (away < least) [best, least] = [topic, away];
  }
  return best;
}

/** As the tables have it: an error by name, for a number that of FreeBSD; a limit in full. */
function normal(word: string): string {
  if (/^\d+$/.test(word)) return errnoName(Number(word) as Errno);
  const upper = word.toUpperCase();
  if (ERRORS.includes(upper) || RULES.includes(upper)) return upper;
  const lower = word.toLowerCase();
  if (limitNamed(`kern.ipc.${lower}`) !== undefined) return `kern.ipc.${lower}`;
  return LIMITS.includes(`rctl ${lower}` as LimitName) ? `rctl ${lower}` : lower;
}

function topic(title: string, about: string, causes: readonly Cause[]): Topic {
  const met = new Set(causes.map(({ limit }) => limit));
  met.delete("");
  return {
    title,
    about,
    causes,
    limits: [...met],
    errors: [...new Set(causes.map((c) => c.errno))],
  };
}

function ofError(name: string, call: string | null): Topic | null {
  if (!ERRORS.includes(name)) return null;
  const errno = errnoNumber(name)!;
  const causes = CAUSES.filter((c) => c.errno === name && (call === null || c.call === call));
  if (causes.length === 0) return null;
  const linux = LINUX[name] === undefined ? "" : `; Linux has ${LINUX[name]} for it`;
  const of = call === null ? "" : ` of ${call}`;
  return topic(`${name}${of}`, `"${strerror(errno)}", error ${errno} on FreeBSD${linux}.`, causes);
}

function ofCall(name: string): Topic | null {
  if (!CALLS.includes(name)) return null;
  const causes = CAUSES.filter(({ call }) => call === name);
  return topic(`${name}(2)`, "What refuses it, in the order in which the kernel looks.", causes);
}

function ofLimit(name: string): Topic | null {
  if (!LIMITS.includes(name as LimitName)) return null;
  const limit = limitNamed(name);
  const about =
    limit === undefined
      ? "A resource of rctl(8): rules of a jail, user or process bound it."
      : `${limit.about}; ${SET[limit.writable]}; ${limit.default} if nothing is set.`;
  const causes = CAUSES.filter((cause) => cause.limit === name);
  return topic(name, about, causes);
}

const SET = {
  boot: "set at boot only",
  run: "can be set at any time",
  derived: "follows from other limits",
} as const;

function ofRule(name: string): Topic | null {
  const causes = CAUSES.filter(({ rule }) => rule === name);
  return causes.length === 0 ? null : topic(name, "A rule of FreeBSD's kernel.", causes);
}

/** Levenshtein's. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, row[j] + 1, next[j - 1] + 1));
    }
    row = next;
  }
  return row[b.length];
}
