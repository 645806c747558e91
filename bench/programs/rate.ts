/** Calls made by one of many at a time: how many from when to when, by a clock that all share. */
import { nanos } from "./player.ts";

/** Calls between two looks at the clock. */
const BATCH = 16;

/** Leave when it began, when it ended, and the calls between. */
export async function leaveCalls(
  ms: number,
  values: Float64Array,
  call: () => Promise<unknown>,
): Promise<void> {
  const began = nanos();
  let [now, calls] = [began, 0];
  for (const until = began + ms * 1e6; now < until; now = nanos()) {
    for (let i = 0; i < BATCH; i++) await call();
    calls += BATCH;
  }
  values.set([began, now, calls]);
}
