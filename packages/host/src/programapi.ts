/** What a program imports as "jailyard": made in one place, so one place decides what is public. */
// biome-ignore-all lint/performance/noBarrelFile: this is the public interface, not a short cut
export * from "@jailyard/abi/errno";
export * from "@jailyard/abi/ipc";
export * from "@jailyard/abi/jail";
export * from "@jailyard/abi/msg";
export * from "@jailyard/abi/sem";
export * from "@jailyard/abi/shm";
export { SIGNALS, type SignalName } from "@jailyard/abi/signal";
export * from "@jailyard/abi/socket";
export { SegvError, SysError } from "@jailyard/abi/syserror";
export type * from "@jailyard/abi/types";
export type { Process } from "@jailyard/trap/process";
export { blocking, program } from "@jailyard/trap/program";
export { UNMAPPED } from "@jailyard/trap/unmapped";
