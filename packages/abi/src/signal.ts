/** sys/signal.h: the numbers that programs of a yard send, and their default actions. */
export const SIGNALS = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGABRT: 6,
  SIGKILL: 9,
  SIGSEGV: 11,
  SIGSYS: 12,
  SIGPIPE: 13,
  SIGALRM: 14,
  SIGTERM: 15,
  SIGURG: 16,
  SIGSTOP: 17,
  SIGCONT: 19,
  SIGCHLD: 20,
  SIGWINCH: 28,
  SIGUSR1: 30,
  SIGUSR2: 31,
} as const;
export type SignalName = keyof typeof SIGNALS;

export const SIGKILL = SIGNALS.SIGKILL;
export const SIGSYS = SIGNALS.SIGSYS;
export const SIGCHLD = SIGNALS.SIGCHLD;
export const NSIG = 32;

const NAMES = new Map<number, SignalName>(
  Object.entries(SIGNALS).map(([name, number]) => [number, name as SignalName]),
);

/** `SIGUSR1` for 30; undefined for a number that has no name here. */
export function signalName(signal: number): SignalName | undefined {
  return NAMES.get(signal);
}

const bit = (signal: number): number => 1 << (signal - 1);
/** Signals whose default action is to do nothing. Stop and continue do not end a sleep. [COM-29] */
const IGNORED =
  bit(SIGNALS.SIGURG) |
  bit(SIGNALS.SIGCHLD) |
  bit(SIGNALS.SIGWINCH) |
  bit(SIGNALS.SIGCONT) |
  bit(SIGNALS.SIGSTOP);

/** The mask with only `signal` set; signals are 1 to 31. */
export const sigmask = bit;
export const ignoredByDefault = (signal: number): boolean => (IGNORED & bit(signal)) !== 0;
