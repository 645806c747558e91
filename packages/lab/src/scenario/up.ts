/** A yard with the jails and programs of a plan, until it is interrupted or some work is done. */
import type { JailInfo } from "@jailyard/abi/jail";
import type { Yard, YardConfig } from "@jailyard/host/yard";
import { type Context, inYard } from "./inyard.ts";
import { follow, type Output } from "./programs.ts";
import type { JailPlan } from "./yardfile.ts";

const forever = (): Promise<never> => new Promise<never>(() => {});

/**
 * Without `work` it never resolves: a yard that is up ends by the context's signal or dies.
 * @throws Interrupted; YardError if a jail or program cannot be had
 */
export function up<T = never>(
  cx: Context,
  config: YardConfig,
  plans: readonly JailPlan[],
  output: Output & { isUp(jails: readonly JailInfo[]): void; console(line: string): void },
  work: (yard: Yard) => Promise<T> = forever,
): Promise<T> {
  return inYard(cx, config, async (yard) => {
    const infos: JailInfo[] = [];
    yard.onConsole = output.console;
    for (const { name, params, programs } of plans) {
      const jail = await yard.jail({ ...params, name });
      for (const { uid, procs, ...program } of programs) {
        for (let n = 0; n < procs; n++) {
          void follow(jail, await jail.spawn({ ...program, uid, gid: uid }), output);
        }
      }
      infos.push(await yard.jailInfo({ jid: jail.jid }));
    }
    output.isUp(infos);
    return work(yard);
  });
}
