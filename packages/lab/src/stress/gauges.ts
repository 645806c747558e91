/** How much of the host's limits is in use, while a run lasts: a process on the host looks. */
import type { ProcessHandle } from "@jailyard/host/processhandle";
import type { Yard } from "@jailyard/host/yard";
import { CENSUS, type CensusRecord } from "@jailyard/workload/stress/census";
import { allLimits } from "./alllimits.ts";
import { limitsFor } from "./mix.ts";
import type { Gauge } from "./runfile.ts";
import type { StressSettings } from "./settings.ts";
import { CENSUS_MODULE, WORKLOADS } from "./workloads.ts";

export class Gauges {
  readonly #samples: { readonly ms: number; readonly used: CensusRecord["used"] }[] = [];
  #process: ProcessHandle | null = null;
  #began = performance.now();

  async start(yard: Yard, everyMs: number): Promise<void> {
    this.#process = await (await yard.host).spawn({ module: CENSUS_MODULE, arg: everyMs });
    this.#process.on("record", (record) => {
      this.#samples.push({ ms: performance.now(), used: (record as CensusRecord).used });
    });
  }

  /** Work begins: times are counted from here. */
  begin(): void {
    this.#began = performance.now();
  }

  async stop(): Promise<void> {
    if (this.#process === null) return;
    await this.#process.kill("SIGTERM");
    await this.#process.exited;
  }

  results(settings: StressSettings): Gauge[] {
    const raised = limitsFor(settings);
    const limits = allLimits(raised);
    // Where a workload runs into limits on purpose, that one is full means something all the same.
    const meant = Object.keys(settings.workloads).some((name) =>
      WORKLOADS.get(name)!.expects.includes("ENOSPC"),
    );
    return CENSUS.map((name) => {
      const used = this.#samples.map((sample) => ({
        at: (sample.ms - this.#began) / 1000,
        used: sample.used[name],
      }));
      const peak = used.reduce((most, one) => Math.max(most, one.used), 0);
      const full = `kern.ipc.${name}`;
      const fitted = !meant && full in raised && !(full in settings.limits);
      return { name: full, limit: limits[full], fitted, peak, used };
    });
  }
}
