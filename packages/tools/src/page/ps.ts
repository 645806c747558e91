/** The manual page of ps(1). */
import type { Page } from "../page.ts";

export const page: Page = {
  name: "ps",
  section: 1,
  about: "list processes, and what they sleep on",
  synopsis: [
    "[-aAcdefHhjlSuwx] [-J jails] [-o fmt] [-O fmt] [-p pids] [-U users] [--json] [pid ...]",
    "-L",
  ],
  description: [
    "Lists the processes of the caller's jail and of those below it; all of them, as with " +
      "-ax. A yard has no terminals and counts no processor time, so there are no columns " +
      "TT and TIME.",
    "STAT is R for a process in its program, S for one that sleeps in a call and Z for " +
      "one that ended and is not waited for, with J in a jail. WCHAN is semwait, msgsnd, " +
      "msgrcv or wait. OBJECT is what it waits for: s65536.1 is semaphore 1 of a set, with " +
      "=0 if it waits for zero, and q65536 a queue. UNDO is what its exit adds to which " +
      "semaphore. OBJECT and UNDO are not FreeBSD's.",
  ],
  options: [
    ["-a, -A, -c, -d, -e, -f, -H, -h, -S, -w, -x", "change nothing; ps aux is ps -aux"],
    ["-j", "columns user pid ppid jid jail stat wchan command"],
    ["-l", "columns uid pid ppid jid stat wchan object undo command"],
    ["-u", "columns user pid jid jail stat wchan object command"],
    ["-J JAILS", "processes of these jails, with commas; 0 is the host"],
    ["-p PIDS", "these processes"],
    ["-U USERS", "processes of these users"],
    ["-o FMT", "these columns, with commas"],
    ["-O FMT", "these after the pid"],
    ["-L", "the names of columns"],
    ["--json", "all that is known, as JSON on one line"],
  ],
  exit: "0; 1 for wrong arguments, or if no process is found",
  examples: [
    { about: "all", argv: ["ps"] },
    {
      about: "who waits for which semaphore, and who gives it back",
      argv: ["ps", "-l", "-J", "db"],
    },
    {
      about: "columns of one's choice",
      argv: ["ps", "-o", "pid,user,jail,command", "-U", "postgres"],
    },
    { about: "what a jail sees of others", argv: ["jexec", "web", "ps"] },
  ],
  see: ["kill(1)", "jexec(8)", "ipcs(1)"],
};
