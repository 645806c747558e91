/** The manual page of rctl(8). */
import type { Page } from "../page.ts";

export const page: Page = {
  name: "rctl",
  section: 8,
  about: "rules and usage of System V resources",
  synopsis: [
    "[-hn] [--json] [filter ...]",
    "-a rule ...",
    "[-hn] [--json] -l filter ...",
    "-r filter ...",
    "[-h] [--json] -u filter ...",
  ],
  description: [
    "Lists, adds (-a) and removes (-r) rules, and shows what binds a process (-l) and " +
      "what a subject uses (-u). A rule is subject:id:resource:action=amount[/per]. " +
      "Subjects are process, user, loginclass and jail, or p, u, l and j; resources nsem, " +
      "nsemop, nshm, shmsize, nmsgq, msgqqueued and msgqsize; actions deny and log, " +
      "which lets it pass and tells the console, that is, who runs the yard. A filter is a " +
      "rule with parts left off. Amounts may have k, m, g or t.",
    "It takes a yard with kern.racct.enable=1, which is set at boot: `-o " +
      "kern.racct.enable=1`. What a process made is accounted to its jail and user until " +
      "the object is removed or the process has ended, as on FreeBSD. --json is not " +
      "FreeBSD's.",
  ],
  options: [
    ["-a", "add rules"],
    ["-r", "remove the rules that a filter matches"],
    ["-l", "the rules that bind process:PID"],
    ["-u", "what subject:id uses"],
    ["-h", "amounts as people read them"],
    ["-n", "numbers of users"],
    ["--json", "the same as JSON on one line"],
  ],
  exit: "0; 1 if anything failed",
  examples: [
    {
      about: "two segments for a jail, 16 MiB for a user in each jail",
      argv: ["rctl", "-a", "jail:web:nshm:deny=2", "user:postgres:shmsize:deny=16m/jail"],
    },
    { about: "all rules", argv: ["rctl"] },
    { about: "a jail's use", argv: ["rctl", "-u", "jail:web"] },
    { about: "the rules that bind a process", argv: ["rctl", "-h", "-l", "process:101"] },
    { about: "no such resource", argv: ["rctl", "-a", "jail:web:nfoo:deny=1"] },
    { about: "remove", argv: ["rctl", "-r", "jail:web"] },
  ],
  see: ["jail(8)", "ps(1)", "sysctl(8)"],
};
