/** Time getpid(2) through the gate from a process that owns its thread; emits nanoseconds. */
import { blocking } from "jailyard";

export default blocking("caller", (p, arg) => {
  const { calls } = arg as { calls: number };
  const nanos = new Float64Array(calls);
  for (let i = 0; i < calls; i++) {
    const started = performance.now();
    p.getpid();
    nanos[i] = (performance.now() - started) * 1e6;
  }
  p.emit(nanos);
});
