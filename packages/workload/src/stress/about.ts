/**
 * What a workload says of itself: the text of `jailyard workloads`, the options that it takes, and
 * the limits that it needs. A stressor's module exports its program, which has this as `about`.
 */

export type OptionValue = number | string;

/** An option of a workload, as `--with convoy.hold=200`; a number has bounds, a word has choices. */
export type OptionAbout =
  | {
      readonly about: string;
      readonly default: number;
      readonly min: number;
      readonly max: number;
    }
  | { readonly about: string; readonly default: string; readonly choices: readonly string[] };

export type Mechanism = "sem" | "shm" | "msg";

/** How much of each limit one jail's instance uses at most; names as in sysctl, without kern.ipc. */
export type Needs = Readonly<Partial<Record<LimitName, number>>>;
export type LimitName =
  | "semmni"
  | "semmns"
  | "semmnu"
  | "shmmni"
  | "shmall"
  | "msgmni"
  | "msgtql"
  | "msgseg";

export interface About {
  readonly name: string;
  /** One line. */
  readonly summary: string;
  /** What one operation is. */
  readonly operation: string;
  /** What is checked, while it runs and at the end: each can fail. */
  readonly verifies: string;
  readonly mechanisms: readonly Mechanism[];
  /** Processes that it has to have in a jail, and jails. */
  readonly leastProcs: number;
  readonly leastJails: number;
  /** Jails can work on the same objects, if they share a name space. */
  readonly shareable: boolean;
  /** Jails do different things by design: what they did says nothing of how fairly they are served. */
  readonly jailsDiffer?: true;
  /** Errors that belong to it, by name: they are counted, and fail nothing. */
  readonly expects: readonly string[];
  readonly options: Readonly<Record<string, OptionAbout>>;
  /** Defaults that hang on how many processes of it there are in all jails together. */
  defaults?(procs: number): Readonly<Record<string, OptionValue>>;
  /** For one jail with `procs` processes of it. */
  needs(procs: number, options: Readonly<Record<string, OptionValue>>): Needs;
}

/**
 * The options of a workload with their defaults filled in, for `procs` processes of it in all jails
 * together. @throws RangeError that says which not */
export function optionsOf(
  { name, options, defaults }: Pick<About, "name" | "options" | "defaults">,
  given: Readonly<Record<string, OptionValue>>,
  procs = 0,
): Record<string, OptionValue> {
  for (const key of Object.keys(given)) {
    if (Object.hasOwn(options, key)) continue;
    const known = Object.keys(options).join(", ") || "none";
    throw new RangeError(`workload ${name} has no option "${key}" (it has: ${known})`);
  }
  const all: Record<string, OptionValue> = {};
  const usual = defaults?.(procs) ?? {};
  for (const [key, about] of Object.entries(options)) {
    all[key] = checked(`${name}.${key}`, about, given[key] ?? usual[key] ?? about.default);
  }
  return all;
}

function checked(name: string, about: OptionAbout, value: OptionValue): OptionValue {
  if ("choices" in about) {
    if (about.choices.includes(String(value))) return String(value);
    throw new RangeError(`${name}=${value}: it is one of ${about.choices.join(", ")}`);
  }
  const number = Number(value);
  const fits = String(value).trim() !== "" && number >= about.min && number <= about.max;
  if (fits) return number;
  throw new RangeError(`${name}=${value}: it takes a number from ${about.min} to ${about.max}`);
}
