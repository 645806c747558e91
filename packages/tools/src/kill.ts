/** kill(1): send a signal to processes, those of jails below the caller's own included. */
import { NSIG, SIGNALS, type SignalName, signalName } from "@jailyard/abi/signal";
import type { Process } from "@jailyard/trap/process";
import { attempt, failed, reasonOf, tool, usage } from "./tool.ts";
import { complain, warnx } from "./warn.ts";

const USAGE = [
  "usage: kill [-s signal_name] pid ...",
  "       kill -l [exit_status]",
  "       kill -signal_name pid ...",
  "       kill -signal_number pid ...",
];
const SIGTERM = SIGNALS.SIGTERM;
const PID_MAX = 0x7fffffff;
const NAMES = Object.keys(SIGNALS)
  .map((name) => name.slice(3))
  .join(" ");

export default tool("kill", async (p) => {
  const [first = "", second, ...rest] = p.args;
  if (first === "-l") return list(p, p.args.slice(1));
  if (first === "-s") {
    if (second === undefined) return usage(p, USAGE, "option requires an argument -- s");
    return killAll(p, second, rest);
  }
  if (first === "--") return killAll(p, String(SIGTERM), p.args.slice(1));
  if (first.startsWith("-") && first !== "-") return killAll(p, first.slice(1), p.args.slice(1));
  return killAll(p, String(SIGTERM), p.args);
});

/** The number of `TERM`, `SIGTERM`, `term` or `15`; null if there is none. 0 only tests. */
function signalOf(text: string): number | null {
  if (/^\d{1,3}$/.test(text)) return Number(text) < NSIG ? Number(text) : null;
  const name = text.toUpperCase().replace(/^SIG/, "");
  return SIGNALS[`SIG${name}` as SignalName] ?? null;
}

function unknownSignal(p: Process, text: string): number {
  warnx(p, `unknown signal ${text}; valid signals:`);
  complain(p, NAMES);
  return 1;
}

async function killAll(p: Process, signal: string, args: readonly string[]): Promise<number> {
  const number = signalOf(signal);
  if (number === null) return unknownSignal(p, signal);
  const pids = args[0] === "--" ? args.slice(1) : args;
  if (pids.length === 0) return usage(p, USAGE);
  let status = 0;
  for (const pid of pids) {
    const why = await killOne(p, pid, number);
    if (why === null) continue;
    warnx(p, why);
    status = 1;
  }
  return status;
}

/** Why not; null once it is done. */
async function killOne(p: Process, text: string, signal: number): Promise<string | null> {
  const isPid = /^-?\d+$/.test(text) && Math.abs(Number(text)) <= PID_MAX;
  if (!isPid) return `illegal process id: ${text}`;
  const result = await attempt(p.kill(Number(text), signal));
  return failed(result) ? `${text}: ${reasonOf(result)}` : null;
}

/** -l: all names, or that of a number or of the exit status that a shell makes of it. */
function list(p: Process, args: readonly string[]): number {
  if (args.length > 1) return usage(p, USAGE);
  if (args.length === 0) {
    p.print(NAMES);
    return 0;
  }
  if (!/^\d{1,5}$/.test(args[0])) {
    warnx(p, `illegal signal number: ${args[0]}`);
    return 1;
  }
  const number = Number(args[0]) > 128 ? Number(args[0]) - 128 : Number(args[0]);
  const name = signalName(number);
  if (name === undefined) return unknownSignal(p, args[0]);
  p.print(name.slice(3));
  return 0;
}
