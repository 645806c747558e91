/** The simulated PostgreSQL server as a workload of a mix: what it takes and needs. */
import { PAGE_SIZE } from "@jailyard/abi/shm";
import { type InstanceConfig, setCount, settingsOf } from "../postgres/settings.ts";
import { segmentBytes } from "../postgres/shmem.ts";
import { VERSIONS } from "../postgres/version.ts";
import type { About, OptionValue } from "./about.ts";

const CONNECTIONS = 100;

type Options = Readonly<Record<string, OptionValue>>;

/** The server that `procs` clients of a jail work with. */
export function serverOf(procs: number, options: Options): InstanceConfig {
  return {
    version: options.version as InstanceConfig["version"],
    workload: options.script as NonNullable<InstanceConfig["workload"]>,
    scale: Math.trunc(Number(options.scale)),
    backends: procs,
    maxConnections: Math.max(CONNECTIONS, procs),
  };
}

export const about: About = {
  name: "postgres",
  summary: "a PostgreSQL server in each jail, with a client for each process, as pgbench",
  operation: "a transaction",
  verifies: "the server starts, none of its processes dies, it shuts down with status 0",
  mechanisms: ["sem", "shm"],
  leastProcs: 1,
  leastJails: 1,
  shareable: false,
  expects: [],
  options: {
    version: { about: "version that is simulated", default: "9.6", choices: VERSIONS },
    script: {
      about: "transactions, as pgbench has them",
      default: "tpcb",
      choices: ["tpcb", "simple-update", "select-only"],
    },
    scale: {
      about: "branches: with one, all clients want one row",
      default: 1,
      min: 1,
      max: 10000,
    },
  },
  needs(procs, options) {
    const settings = settingsOf(serverOf(procs, options), "jail");
    const sets = setCount(settings);
    return {
      semmni: sets,
      semmns: sets * (settings.semasPerSet + 1),
      shmmni: 1,
      shmall: Math.ceil(segmentBytes(settings) / PAGE_SIZE),
    };
  },
};
