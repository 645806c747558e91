/** The manual page of jls(8). */
import type { Page } from "../page.ts";

export const page: Page = {
  name: "jls",
  section: 8,
  about: "list jails",
  synopsis: ["[-acdhNnqsv] [-j jail] [--json] [param ...]", "--effective [-j jail] [--json]"],
  description: [
    "Lists the jails below the caller's own, with the columns of jls(8) of FreeBSD or " +
      "with the parameters that are named. Jails have no addresses here. --effective shows " +
      "what the parameters come to after those of the jails above: in whose name space a " +
      "jail finds itself, and what its root is allowed. --effective and --json are not " +
      "FreeBSD's.",
  ],
  options: [
    ["-d, -a", "dying jails, too"],
    ["-h", "a heading with the names of the parameters"],
    ["-N", "names instead of jids"],
    ["-n", "name=value"],
    ["-q", "quote values with blanks"],
    ["-s", "parameters that jail(8) can set, in a form fit for it"],
    ["-v", "three lines a jail"],
    ["-c", "only test whether the jail of -j is there"],
    ["-j JAIL", "this jail alone, by name or jid"],
    ["--effective", "in whose name space each jail is, and what it may do"],
    ["--json", "the same as JSON on one line"],
  ],
  exit: "0; 1 for wrong arguments or a jail that is not there",
  examples: [
    { about: "all jails", argv: ["jls"] },
    {
      about: "some parameters",
      argv: ["jls", "-h", "jid", "name", "sysvmsg", "sysvsem", "sysvshm"],
    },
    { about: "what the parameters come to", argv: ["jls", "--effective"] },
    { about: "one as jail(8) would make it", argv: ["jls", "-s", "-j", "db"] },
    { about: "one that is not there", argv: ["jls", "-j", "nix"] },
  ],
  see: ["jail(8)", "jexec(8)"],
};
