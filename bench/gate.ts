/**
 * What a call through the gate costs beside a postMessage round trip between the same two kinds of
 * threads, in one run. `node bench/gate.ts`: nanoseconds, p50 and p99, and their ratios.
 */
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { boot } from "@jailyard/host/yard";

const CALLS = 20_000;
const ROUNDS = 5;

interface Quantiles {
  readonly p50: number;
  readonly p99: number;
}

function quantiles(nanos: Float64Array): Quantiles {
  const sorted = nanos.toSorted();
  return { p50: sorted[sorted.length >> 1], p99: sorted[Math.floor(sorted.length * 0.99)] };
}

const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1];

async function gate(): Promise<Quantiles> {
  const yard = await boot();
  try {
    const host = await yard.host;
    const process = await host.spawn({
      module: new URL("./programs/caller.ts", import.meta.url),
      arg: { calls: CALLS },
    });
    const [nanos] = (await once(process, "record")) as [Float64Array];
    await process.exited;
    return quantiles(nanos);
  } finally {
    await yard.shutdown();
  }
}

async function postMessage(): Promise<Quantiles> {
  const worker = new Worker(new URL("./programs/echo.worker.ts", import.meta.url));
  const nanos = new Float64Array(CALLS);
  for (let i = 0; i < CALLS; i++) {
    const started = performance.now();
    worker.postMessage(i);
    await once(worker, "message");
    nanos[i] = (performance.now() - started) * 1e6;
  }
  await worker.terminate();
  return quantiles(nanos);
}

const rounds: { gate: Quantiles; post: Quantiles }[] = [];
for (let i = 0; i < ROUNDS; i++) rounds.push({ gate: await gate(), post: await postMessage() });

for (const q of ["p50", "p99"] as const) {
  const ours = median(rounds.map((round) => round.gate[q]));
  const theirs = median(rounds.map((round) => round.post[q]));
  const ratio = (ours / theirs).toFixed(2);
  process.stdout.write(
    `gate call ${q} ${ours.toFixed(0)} ns, postMessage round trip ${theirs.toFixed(0)} ns: ${ratio}\n`,
  );
}
