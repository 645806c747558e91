/** What `--json FILE` has of the machine and of all settings, whatever the job. */
import { createRequire } from "node:module";
import { availableParallelism, cpus, release, totalmem } from "node:os";
import { type LimitSettings, msgInfo, semInfo, shmInfo } from "@jailyard/abi/limits";
import { writeWhole } from "./safewrite.ts";

const manifest = createRequire(import.meta.url)("../package.json") as { version: string };
export const VERSION: string = manifest.version;

export function machine(): object {
  const { platform, arch, version } = process;
  return {
    machine: {
      cpus: availableParallelism(),
      model: cpus()[0]?.model ?? "unknown",
      memoryBytes: totalmem(),
      platform,
      arch,
      release: release(),
    },
    versions: { jailyard: VERSION, node: version, v8: process.versions.v8 },
    date: new Date().toISOString(),
  };
}

/** Every limit of the three facilities by sysctl name, set or not. */
export function effectiveLimits(settings: LimitSettings): Record<string, number> {
  const all = { ...semInfo(settings), ...shmInfo(settings), ...msgInfo(settings) };
  return Object.fromEntries(Object.entries(all).map(([name, v]) => [`kern.ipc.${name}`, v]));
}

export function writeJson(file: string, value: object): void {
  writeWhole(file, `${JSON.stringify(value, null, 2)}\n`);
}
