/** `postgres` as a program of a yard's file: the simulated server, with settings as postgresql.conf has them. */
import type { InstanceConfig } from "@jailyard/workload/postgres/settings";
import { VERSIONS, type Version } from "@jailyard/workload/postgres/version";

/** What a file calls it, where others give the path of a module. */
export const POSTGRES_PROGRAM = "postgres";

const NUMBERS = {
  max_connections: "maxConnections",
  autovacuum_max_workers: "autovacuumWorkers",
  max_worker_processes: "maxWorkerProcesses",
  max_wal_senders: "maxWalSenders",
  shared_buffers: "sharedBuffers",
  port: "port",
} as const;
const VERSION_DEFAULT: Version = "9.6";

export type PostgresProblem = { readonly problem: string };

/** `version=9.6 max_connections=20`: a server that starts and waits, or what is wrong with it. */
export function postgresConfig(args: readonly string[]): InstanceConfig | PostgresProblem {
  let config: InstanceConfig = { version: VERSION_DEFAULT, backends: 0, startOnly: true };
  for (const arg of args) {
    const [name, value = ""] = arg.split("=", 2);
    const more = settingOf(name, value);
    if ("problem" in more) return more;
    config = { ...config, ...more };
  }
  return config;
}

function settingOf(name: string, value: string): Partial<InstanceConfig> | PostgresProblem {
  const version = VERSIONS.find((one) => one === value);
  if (name === "version") {
    return version === undefined
      ? { problem: `version is one of ${VERSIONS.join(", ")}` }
      : { version };
  }
  if (name === "shared_memory_type") {
    const known = value === "mmap" || value === "sysv";
    return known ? { sharedMemoryType: value } : { problem: `${name} is mmap or sysv` };
  }
  if (!Object.hasOwn(NUMBERS, name)) {
    const names = ["version", "shared_memory_type", ...Object.keys(NUMBERS)].join(", ");
    return { problem: `there is no setting "${name}"; there are ${names}` };
  }
  if (!/^\d+$/.test(value)) return { problem: `${name}=${value} has to be a whole number` };
  return { [NUMBERS[name as keyof typeof NUMBERS]]: Number(value) };
}
