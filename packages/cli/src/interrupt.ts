/** Ctrl-C and its like: the first asks the command to clean up and end, the second ends it. */
import { constants } from "node:os";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
const controller = new AbortController();
let caught: (typeof SIGNALS)[number] | null = null;

/** Raised by the first signal. */
export const interrupted: AbortSignal = controller.signal;

/** Whoever takes Ctrl-C for itself: true if it did. */
let taker: (() => boolean) | null = null;

/** Ctrl-C goes to `take` first, until null is given. */
export function takeInterrupts(take: (() => boolean) | null): void {
  taker = take;
}

/** Exit status of a command that a signal ended, as a shell gives it. */
export const interruptStatus = (): number => 128 + constants.signals[caught ?? "SIGINT"];

export function catchSignals(): void {
  for (const signal of SIGNALS) {
    process.on(signal, () => {
      if (signal === "SIGINT" && taker?.() === true) return;
      if (caught !== null) process.exit(interruptStatus());
      caught = signal;
      controller.abort();
    });
  }
  // A reader that goes away, such as head(1), ends the command as Ctrl-C does.
  process.stdout.on("error", () => {
    caught ??= "SIGINT";
    controller.abort();
  });
}
