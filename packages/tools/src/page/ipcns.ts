/** The manual page of ipcns(8). */
import type { Page } from "../page.ts";

export const page: Page = {
  name: "ipcns",
  section: 8,
  about: "list name spaces of System V IPC, and run a command in one",
  synopsis: ["[-qms] [--json]", "[-qms] -c name command ...", "[-qms] -e name command ..."],
  description: [
    "Shows the name spaces that the caller can name: the facility, the id, how many objects are in " +
      "it, how many processes look there, whether the caller does, and the name. `0` is the caller's " +
      "jail's own. -c makes one, -e enters one; the command, a tool or a program by its file, then " +
      "sees its objects and no others. A name space goes with its objects when nobody uses it any more.",
    "There are names in the models disjoint and broker; -c is for disjoint alone. In any other model " +
      "the list is empty, and -c and -e fail with ENOSYS.",
  ],
  options: [
    ["-q", "message queues"],
    ["-m", "shared memory"],
    ["-s", "semaphores; without -q, -m and -s all three"],
    ["-c NAME", "make a name space below the caller's own"],
    ["-e NAME", "enter the name space of that name"],
    ["--json", "the list as JSON"],
  ],
  exit: "0; that of the command; 1 if it could not be run",
  model: "disjoint",
  examples: [
    { about: "the name spaces there are", argv: ["ipcns", "-s"] },
    {
      about: "objects of a jail, seen from the host",
      argv: ["ipcns", "-s", "-e", "web", "ipcs", "-s"],
    },
    { about: "a new one is empty", argv: ["ipcns", "-s", "-c", "pg1", "ipcs", "-s"] },
    { about: "it went with its command", argv: ["ipcns", "-s", "-e", "0/pg1", "ipcs"] },
  ],
  see: ["ipcs(1)", "jexec(8)"],
};
