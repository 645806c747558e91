/** Where the programs and the data of other packages lie, here and in an installed package. */
import { readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const require = createRequire(import.meta.url);

export const POSTGRES: string = require.resolve("@jailyard/workload/postgres/instance");
export const MYSQLD: string = require.resolve("@jailyard/workload/mysql/mysqld");
export const MYSQL: string = require.resolve("@jailyard/workload/mysql/mysql");
export const ACTOR: string = require.resolve("@jailyard/lab/models/actor.program");
export const REPLAYER: string = require.resolve("@jailyard/workload/replay/replayer");
export const LISTER: string = require.resolve("@jailyard/lab/scenario/lister");
export const ADMINISTRATOR: string = require.resolve("@jailyard/lab/sizing/administrator");

/** The recordings that are shipped with the project. */
export const TRACES: string = join(dirname(REPLAYER), "../../data/traces");

/** Paths of the shipped recordings, by name; raw strace text is there for its reader's tests. */
export const shippedTraces = (): string[] =>
  readdirSync(TRACES)
    .filter((file) => file.endsWith(".jsonl.gz"))
    .sort()
    .map((file) => join(TRACES, file));
