/** The simulated PostgreSQL server as a workload of a mix: what it takes and needs. */
import { PAGE_SIZE } from "@jailyard/abi/shm";
import { CHAOS, type InstanceConfig, setCount, settingsOf } from "../postgres/settings.ts";
import { segmentBytes } from "../postgres/shmem.ts";
import { VERSIONS } from "../postgres/version.ts";
import type { About, OptionValue } from "./about.ts";

const CONNECTIONS = 100;

/**
 * Clients that may all work without a pause. Of more, unless somebody says otherwise, each thinks so
 * long that all together ask for so many transactions a second: thousands of clients are people at
 * applications, and without think time they would measure the queue for the processor.
 */
const BUSY_CLIENTS = 256;
const ASKED_A_SECOND = 400;
const THINK_MAX = 1e7;

type Options = Readonly<Record<string, OptionValue>>;

/** The server that `procs` clients of a jail work with. */
export function serverOf(procs: number, options: Options): InstanceConfig {
  return {
    version: options.version as InstanceConfig["version"],
    workload: options.script as NonNullable<InstanceConfig["workload"]>,
    scale: Math.trunc(Number(options.scale)),
    backends: procs,
    maxConnections: Math.max(CONNECTIONS, procs),
    fsync: options.fsync !== "off",
    thinkMicros: Number(options.think),
    skew: Number(options.skew),
    deadlockTimeoutMillis: Number(options.deadlock),
    checkpointMillis: 1000 * Number(options.checkpoint),
    naptimeMillis: 1000 * Number(options.naptime),
    chaos: options.chaos as NonNullable<InstanceConfig["chaos"]>,
    chaosMillis: 1000 * Number(options.every),
    held: true,
  };
}

export const about: About = {
  name: "postgres",
  summary: "a PostgreSQL server in each jail, with a client for each process, as pgbench",
  operation: "a transaction",
  verifies:
    "the server starts, shuts down with status 0; what chaos does to it ends as PostgreSQL has it",
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
    fsync: { about: "whether a commit waits for the disk", default: "on", choices: ["on", "off"] },
    think: {
      about:
        "microseconds between two transactions of a client, on average; with more than " +
        `${BUSY_CLIENTS} clients in all as many as make them ask for ${ASKED_A_SECOND} transactions a ` +
        "second together, unless it is given",
      default: 0,
      min: 0,
      max: THINK_MAX,
    },
    skew: {
      about: "how uneven accounts are drawn, from 0 to below 1: the power by which chances fall",
      default: 0,
      min: 0,
      max: 0.99,
    },
    deadlock: { about: "deadlock_timeout in milliseconds", default: 1000, min: 1, max: 1e6 },
    checkpoint: { about: "checkpoint_timeout in seconds", default: 300, min: 0.1, max: 86_400 },
    naptime: { about: "autovacuum_naptime in seconds", default: 60, min: 0.1, max: 86_400 },
    chaos: {
      about:
        "what befalls each server: a backend killed, the postmaster killed and started again, " +
        "a second one started on its directory",
      default: "none",
      choices: CHAOS,
    },
    every: {
      about: "seconds between two such things, on average",
      default: 3,
      min: 0.1,
      max: 86_400,
    },
  },
  defaults: (clients): Options =>
    clients > BUSY_CLIENTS
      ? { think: Math.min(THINK_MAX, Math.round((1e6 * clients) / ASKED_A_SECOND)) }
      : {},
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
