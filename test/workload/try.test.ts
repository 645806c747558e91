import { test } from "vitest";
import postgres from "@jailyard/workload/postgres/instance";
import { setClock } from "@jailyard/workload/postgres/clock";
import { SimYard } from "../support/simproc.ts";

test.each([{ workload: "simple-update" }, { fsync: false }, { fsync: false, scale: 10 }])("run %s", async (c) => {
  const yard = new SimYard({}, 7);
  setClock({ now: () => yard.now, spend: (m) => yard.advance(m / 1000) });
  const h = yard.start(postgres.main, { version: "15", transactions: 100, seconds: 100, backends: 8, maxConnections: 20, ...c });
  await yard.until(() => h.xstat !== null);
  const r = (h.records as any[]).find((x) => x.type === "result");
  if (r) { delete r.latency; delete r.clients; console.log(JSON.stringify(c), r.sleeps / r.transactions, JSON.stringify(r)); }
});
