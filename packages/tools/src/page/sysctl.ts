/** The manual page of sysctl(8). */
import type { Page } from "../page.ts";

export const page: Page = {
  name: "sysctl",
  section: 8,
  about: "read and write limits and settings",
  synopsis: ["[-deiNnqTtW] [--boot] [--json] name[=value] ...", "[-deNnqTtW] [--boot] [--json] -a"],
  description: [
    "Reads kern.ipc.*, kern.features.*, security.jail.* and a few more; a name that " +
      "others lie below stands for all of them. With a value it writes, which only root of " +
      "the host may. Some can be written at any time (-W), some are set at boot only " +
      "(--boot), by -o of the command that runs the yard. --boot and --json are not " +
      "FreeBSD's.",
  ],
  options: [
    ["-a", "all"],
    ["-d", "descriptions instead of values"],
    ["-e", "name=value"],
    ["-i", "pass over names that do not exist"],
    ["-N", "names only"],
    ["-n", "values only"],
    ["-q", "say nothing of what is written"],
    ["-T", "what can be set at boot"],
    ["-t", "types instead of values"],
    ["-W", "what can be written now"],
    ["--boot", "what can be set at boot only"],
    ["--json", "values, kinds and descriptions as JSON on one line"],
  ],
  exit: "0; 1 if any name or value is refused",
  examples: [
    { about: "limits of semaphores", argv: ["sysctl", "kern.ipc.semmni", "kern.ipc.semmns"] },
    { about: "what can be written now", argv: ["sysctl", "-aW"] },
    { about: "write one", argv: ["sysctl", "kern.ipc.shmmax=1048576"] },
    { about: "one that is set at boot only", argv: ["sysctl", "kern.ipc.semmni=100"] },
    { about: "which are those, with their meaning?", argv: ["sysctl", "-ad", "--boot"] },
  ],
  see: ["ipcs(1)", "rctl(8)"],
};
