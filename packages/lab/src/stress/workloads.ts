/** The workloads that there are, by name: what they say of themselves, and where their programs lie. */
import { createRequire } from "node:module";
import type { About } from "@jailyard/workload/stress/about";
import churn from "@jailyard/workload/stress/churn";
import convoy from "@jailyard/workload/stress/convoy";
import msg from "@jailyard/workload/stress/msg";
import noisy from "@jailyard/workload/stress/noisy";
import philosophers from "@jailyard/workload/stress/philosophers";
import pipeline from "@jailyard/workload/stress/pipeline";
import { about as postgres } from "@jailyard/workload/stress/postgres";
import readers from "@jailyard/workload/stress/readers";
import sem from "@jailyard/workload/stress/sem";
import shm from "@jailyard/workload/stress/shm";
import storm from "@jailyard/workload/stress/storm";

const require = createRequire(import.meta.url);
const STRESSORS = [sem, shm, msg, pipeline, philosophers, readers, convoy, noisy, churn, storm];

/** In the order in which they are shown. */
export const WORKLOADS: ReadonlyMap<string, About> = new Map(
  [...STRESSORS.map(({ about }) => about), postgres].map((about) => [about.name, about]),
);

export const POSTGRES_NAME = postgres.name;
export const CENSUS_MODULE: string = require.resolve("@jailyard/workload/stress/census");

/** Path of a stressor's module. */
export const stressorModule = (name: string): string =>
  require.resolve(`@jailyard/workload/stress/${name}`);
