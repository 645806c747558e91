import { program } from "@jailyard/trap/program";
export default program("x", async (p) => {
  p.print(process.getActiveResourcesInfo().join());
  for (const [ms, n] of [[0, 2000], [0.1, 500], [0.8, 300], [2, 100]] as const) {
    const t = performance.now();
    for (let i = 0; i < n; i++) await p.sleep(ms);
    p.print(`sleep ${ms}: ${(performance.now() - t) / n} ms`);
  }
  const t = performance.now();
  for (let i = 0; i < 2000; i++) await p.getppid();
  p.print(`getppid: ${(performance.now() - t) / 2000} ms`);
});
