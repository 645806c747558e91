/** Every limit of the three facilities by sysctl name, set or not. */
import { type LimitSettings, msgInfo, semInfo, shmInfo } from "@jailyard/abi/limits";

export function allLimits(settings: LimitSettings): Record<string, number> {
  const all = { ...semInfo(settings), ...shmInfo(settings), ...msgInfo(settings) };
  return Object.fromEntries(Object.entries(all).map(([name, v]) => [`kern.ipc.${name}`, v]));
}
