/**
 * The file of `jailyard up`: modules, limits, jails and their programs, in YAML or as jail.conf(5).
 * Parameters of jails are FreeBSD's; what is not said is FreeBSD's default, not a private name space.
 */
import { JAIL_SYS_NAMES } from "@jailyard/abi/jail";
import { JAIL_PARAMS, type JailParamKind } from "@jailyard/abi/jailparam";
import { LIMITS } from "@jailyard/abi/limits";
import { FACILITIES, type Facility } from "@jailyard/abi/types";
import { LATE_LOADS, type LateLoad } from "@jailyard/kernel/lateload";
import { MODELS, type ModelName } from "@jailyard/kernel/model";
import { LIMIT_SCOPES, type LimitScope } from "@jailyard/kernel/usage";
import { checkedYaml } from "../checkedyaml.ts";
import { readJailConf } from "./jailconf.ts";
import { programPlan } from "./programplan.ts";

/** A program that runs in a jail from the beginning. `run: postgres` is the simulated server. */
export interface ProgramPlan {
  /** Absolute path of its module. */
  readonly module: string;
  readonly args: readonly string[];
  /** What the module is told beside `args`. */
  readonly arg?: unknown;
  readonly uid: number;
  readonly procs: number;
}

export interface JailPlan {
  readonly name: string;
  /** Without the name. */
  readonly params: Readonly<Record<string, string | number | boolean>>;
  readonly programs: readonly ProgramPlan[];
}

export interface YardPlan {
  /** By which tools find the yard. */
  readonly name?: string;
  readonly model?: ModelName;
  readonly lateLoad?: LateLoad;
  readonly limitScope?: LimitScope;
  readonly modules?: readonly Facility[];
  /** By name of sysctl(8): limits and tunables. */
  readonly settings: Readonly<Record<string, number>>;
  readonly jails: readonly JailPlan[];
}

interface WrittenProgram {
  readonly run: string;
  readonly args?: readonly (string | number)[];
  readonly uid?: number;
  readonly procs?: number;
}

type WrittenJail = Readonly<Record<string, string | number | boolean>> & {
  readonly programs?: readonly WrittenProgram[];
};

interface Written {
  readonly name?: string;
  readonly model?: ModelName;
  readonly "late-load"?: LateLoad;
  readonly limits?: LimitScope;
  readonly modules?: readonly string[];
  readonly settings?: Readonly<Record<string, number>>;
  readonly jails?: Readonly<Record<string, WrittenJail | null>>;
}

const word = (choices: readonly string[]): object => ({ type: "string", enum: choices });
const text = { type: "string", minLength: 1 } as const;
const strict = (properties: object, required: string[] = []): object => ({
  type: "object",
  additionalProperties: false,
  required,
  properties,
});

const KINDS: Readonly<Record<JailParamKind, object>> = {
  bool: { type: "boolean" },
  int: { type: "integer" },
  string: { type: "string" },
  jailsys: word(JAIL_SYS_NAMES),
};

/** The name is the key under `jails`. */
const PARAMS = [...JAIL_PARAMS.values()].filter(
  ({ name, settable }) => settable && name !== "name",
);
const FLAG = { type: "integer", minimum: 0, maximum: 1 } as const;
const SETTINGS: Readonly<Record<string, object>> = {
  ...Object.fromEntries(
    LIMITS.filter(({ writable }) => writable !== "derived").map(({ name, min, max }) => [
      name,
      { type: "integer", minimum: min, maximum: max },
    ]),
  ),
  "kern.ipc.msgssz": { type: "integer", enum: [8, 16, 32, 64, 128, 256, 512, 1024] },
  "security.jail.sysvipc_allowed": FLAG,
  "kern.racct.enable": FLAG,
  "kern.maxproc": { type: "integer", minimum: 1, maximum: 99_999 },
};
const PROGRAM = strict(
  {
    run: text,
    args: { type: "array", items: { type: ["string", "number"] } },
    uid: { type: "integer", minimum: 0 },
    procs: { type: "integer", minimum: 1, maximum: 500 },
  },
  ["run"],
);

const SCHEMA = strict({
  name: text,
  model: word(MODELS),
  "late-load": word(LATE_LOADS),
  limits: word(LIMIT_SCOPES),
  modules: { type: "array", items: word(FACILITIES.map((f) => `sysv${f}`)) },
  settings: strict(SETTINGS),
  jails: {
    type: "object",
    additionalProperties: {
      ...strict({
        ...Object.fromEntries(PARAMS.map(({ name, kind }) => [name, KINDS[kind]])),
        programs: { type: "array", items: PROGRAM },
      }),
      type: ["object", "null"],
    },
  },
});

const readYaml = checkedYaml<Written>("the yard", SCHEMA);

/** @throws SettingsError that names the file, the line, and what is wrong there */
export function readYardFile(file: string): YardPlan {
  if (file.endsWith(".conf")) return { settings: {}, jails: readJailConf(file) };
  const {
    "late-load": lateLoad,
    limits,
    modules,
    settings = {},
    jails = {},
    ...rest
  } = readYaml(file);
  return {
    ...rest,
    ...(lateLoad && { lateLoad }),
    ...(limits && { limitScope: limits }),
    ...(modules && { modules: FACILITIES.filter((f) => modules.includes(`sysv${f}`)) }),
    settings,
    jails: Object.entries(jails).map(([name, jail]) => jailPlan(file, name, jail ?? {})),
  };
}

function jailPlan(file: string, name: string, { programs = [], ...params }: WrittenJail): JailPlan {
  const plans = programs.map(({ run, args = [], uid = 0, procs = 1 }) =>
    programPlan(file, run, args.map(String), { uid, procs }),
  );
  return { name, params: params as JailPlan["params"], programs: plans };
}
