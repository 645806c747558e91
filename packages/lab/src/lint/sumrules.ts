/** Rules about what limits have to hold: promises of rctl, and the PostgreSQL servers of the files. */
import { limitNamed } from "@jailyard/abi/limits";
import type { LimitName } from "@jailyard/abi/reason";
import { PAGE_SIZE } from "@jailyard/abi/shm";
import { FACILITIES } from "@jailyard/abi/types";
import type { RctlLine } from "../scenario/hostconf.ts";
import { POSTGRES_PROGRAM, postgresConfig } from "../scenario/postgresprogram.ts";
import { type LimitValues, testsOf } from "../sizing/breaks.ts";
import { type Demand, demandOf } from "../sizing/demand.ts";
import { limitsOf, NOTHING_GIVEN, numberOf } from "../sizing/given.ts";
import type { Described, DescribedJail, Program } from "./described.ts";
import { type Finding, finding } from "./finding.ts";
import { modeOf } from "./jailrules.ts";

export function sumFindings(host: Described): Finding[] {
  const limits = limitsHere(host);
  return [...promises(host, limits), ...servers(host, limits)];
}

/** The limits that hold; what does not take is another rule's affair. */
function limitsHere({ settings }: Described): LimitValues {
  const values: Record<"boot" | "run", Record<string, number>> = { boot: {}, run: {} };
  for (const { name, value, when } of settings) {
    const limit = limitNamed(name);
    const number = numberOf(value);
    if (limit === undefined || Number.isNaN(number)) continue;
    if (when === "boot" || limit.writable === "run") values[when][name] = number;
  }
  return limitsOf({ ...NOTHING_GIVEN, ...values });
}

/** Resource of rctl, the host's limit of it, and how many of the resource one of the limit is. */
const HELD: readonly (readonly [resource: string, limit: string, unit: number])[] = [
  ["nsem", "kern.ipc.semmns", 1],
  ["nshm", "kern.ipc.shmmni", 1],
  ["shmsize", "kern.ipc.shmall", PAGE_SIZE],
  ["nmsgq", "kern.ipc.msgmni", 1],
];

interface Grant {
  readonly rule: RctlLine;
  readonly resource: string;
  readonly amount: number;
}

const UNITS: Readonly<Record<string, number>> = { "": 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30 };

/** `jail:web:nsem:deny=100`; null for any other rule. */
function promiseOf(rule: RctlLine): Grant | null {
  const found = /^j(?:ail)?:[^:]+:(\w+):deny=(\d+)([kmg]?)$/i.exec(rule.text);
  if (found === null) return null;
  const [, resource, digits, unit] = found;
  return { rule, resource, amount: Number(digits) * UNITS[unit.toLowerCase()] };
}

function promises({ rules, limitScope }: Described, limits: LimitValues): Finding[] {
  if (limitScope !== "host") return [];
  const all = rules.map(promiseOf).filter((one) => one !== null);
  return HELD.flatMap(([resource, limit, unit]) => {
    const mine = all.filter((one) => one.resource === resource);
    const sum = mine.reduce((total, { amount }) => total + amount, 0);
    const value = limits[limit as LimitName] ?? limitNamed(limit)!.default;
    if (mine.length < 2 || sum <= value * unit) return [];
    return [
      finding(mine[mine.length - 1].rule, "warning", "rctl-over-host", {
        what: `the rules let jails have ${sum} ${resource} in all, the host has ${value * unit} (${limit}=${value})`,
        why: "a jail that stays within its rule is refused all the same once others have used theirs",
        remedy: `lower the rules, or raise ${limit} to ${Math.ceil(sum / unit)}`,
      }),
    ];
  });
}

interface Server {
  readonly jail: DescribedJail;
  readonly program: Program;
  readonly demand: Demand;
}

function serversOf({ jails }: Described): Server[] {
  return jails.flatMap((jail) =>
    jail.programs
      .filter(({ run }) => run === POSTGRES_PROGRAM)
      .flatMap((program) => {
        const config = postgresConfig(program.args);
        if ("problem" in config) return [];
        const { maxConnections = 100, ...rest } = config;
        const demand = demandOf({ ...rest, maxConnections, instances: 1 });
        return new Array<Server>(program.procs).fill({ jail, program, demand });
      }),
  );
}

function servers(host: Described, limits: LimitValues): Finding[] {
  const all = serversOf(host);
  return [
    ...host.jails.flatMap(unknownSettings),
    ...all.flatMap(without),
    ...tooMany(all, host, limits),
  ];
}

function unknownSettings({ programs }: DescribedJail): Finding[] {
  return programs.flatMap((program) => {
    const config = program.run === POSTGRES_PROGRAM ? postgresConfig(program.args) : null;
    if (config === null || !("problem" in config)) return [];
    return [
      finding(program, "error", "postgres-setting", {
        what: config.problem,
        why: "jailyard up refuses the file",
        remedy: "write settings as version=9.6 max_connections=20",
      }),
    ];
  });
}

/** [JAIL-71] */
function without({ jail, program }: Server): Finding[] {
  const missing = FACILITIES.filter((f) => f !== "msg" && modeOf(jail, f).mode === "disable");
  if (missing.length === 0) return [];
  const names = missing.map((f) => `sysv${f}`).join(" and ");
  return [
    finding(program, "error", "postgres-without-ipc", {
      what: `PostgreSQL in jail ${jail.name}, which has no ${names}`,
      why: "shmget and semget say Function not implemented, and the server does not start",
      remedy: `give the jail ${missing.map((f) => `sysv${f} = new`).join(" and ")}`,
    }),
  ];
}

/** Of each limit the first server that does not fit, as all are started in their order. */
function tooMany(all: readonly Server[], host: Described, limits: LimitValues): Finding[] {
  const found: Finding[] = [];
  const over = new Set<string>();
  const used = new Map<string, number>();
  for (const { jail, program, demand } of all) {
    for (const { limit, call, request, by } of testsOf(demand)) {
      const value = limits[limit];
      if (value === undefined || over.has(limit)) continue;
      const calls = call === "shmget" ? 1 : demand.sets;
      const key = host.limitScope === "host" ? limit : `${jail.name} ${limit}`;
      const total = (used.get(key) ?? 0) + request * calls;
      if (by === "sum") used.set(key, total);
      const need = by === "sum" ? total : request;
      if (by === "least" ? need >= value : need <= value) continue;
      over.add(limit);
      found.push(needsMore(program, jail, limit, value, need, by === "least"));
    }
  }
  return found;
}

function needsMore(
  program: Program,
  jail: DescribedJail,
  limit: LimitName,
  value: number,
  need: number,
  atMost: boolean,
): Finding {
  return finding(program, "error", "postgres-needs-more", {
    what: `with PostgreSQL in jail ${jail.name} the servers need ${limit}=${need}; it is ${value}`,
    why: "this server does not start: the call that passes the limit is refused",
    remedy: `${atMost ? "lower" : "raise"} ${limit} to ${need}, or lower max_connections; jailyard size has the rest`,
  });
}
