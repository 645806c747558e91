/** The manual page of kill(1). */
import type { Page } from "../page.ts";

export const page: Page = {
  name: "kill",
  section: 1,
  about: "send a signal to processes",
  synopsis: [
    "[-s signal_name] pid ...",
    "-l [exit_status]",
    "-signal_name pid ...",
    "-signal_number pid ...",
  ],
  description: [
    "Sends SIGTERM, or the signal that is named, to processes of the caller's jail and of " +
      "those below it. Signal 0 only asks whether they are there. Others do not exist for " +
      "the caller. There are no process groups.",
  ],
  options: [
    ["-s SIGNAL", "the signal, as TERM, SIGTERM or 15"],
    ["-l", "the names of signals, or that of a number or exit status"],
  ],
  exit: "0; 1 if any signal could not be sent",
  examples: [
    { about: "end two processes of jails", argv: ["kill", "101", "103"] },
    { about: "is it there?", argv: ["kill", "-0", "101"] },
    { about: "the signal of an exit status", argv: ["kill", "-l", "137"] },
  ],
  see: ["ps(1)"],
};
