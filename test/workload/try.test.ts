import { test } from "vitest";
import postgres from "@jailyard/workload/postgres/instance";
import { setClock } from "@jailyard/workload/postgres/clock";
import { SimYard } from "../support/simproc.ts";

test.each(["8.1", "9.2", "9.6", "15", "18"])("run %s", async (version) => {
  const yard = new SimYard({}, 7);
  setClock({ now: () => yard.now, spend: (m) => yard.advance(m / 1000) });
  const h = yard.start(postgres.main, { version, transactions: 40, seconds: 100, backends: 8, maxConnections: 20 });
  const t0 = performance.now();
  try {
    await yard.until(() => h.xstat !== null);
  } finally {
    console.log(performance.now() - t0, yard.now, yard.trace.length, h.xstat, h.errors);
    for (const r of h.records as any[]) if (r.type === "log") console.log(r.pid, r.level, r.text);
    const r = (h.records as any[]).find((x) => x.type === "result");
    if (r) { delete r.latency; console.log(JSON.stringify(r)); }
  }
});
