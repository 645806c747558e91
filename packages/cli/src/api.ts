/** The package "jailyard" as a library: what programs import, and yards to run them in. */
// biome-ignore-all lint/performance/noBarrelFile: this is the public interface, not a short cut
export type { Jail, SpawnOptions } from "@jailyard/host/jail";
export type { LogLevel } from "@jailyard/host/log";
export type { Exit, ProcessHandle } from "@jailyard/host/processhandle";
export * from "@jailyard/host/programapi";
export { boot, type Yard, type YardConfig, YardError } from "@jailyard/host/yard";
export {
  type Actor,
  type Definition,
  type JailSetup,
  scenario,
} from "@jailyard/lab/models/scenario";
export { type ToolResult, tool } from "./toolrun.ts";
