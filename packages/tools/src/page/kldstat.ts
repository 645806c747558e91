/** The manual page of kldstat(8). */
import type { Page } from "../page.ts";

export const page: Page = {
  name: "kldstat",
  section: 8,
  about: "list what is loaded",
  synopsis: ["[-dhqv] [-i id] [-n filename]", "[-dq] [-m modname]"],
  description: [
    "Lists the kernel and its modules. A yard has no kernel memory: addresses and sizes " +
      "are nominal.",
  ],
  options: [
    ["-h", "sizes as people read them"],
    ["-i ID", "the file with this id"],
    ["-n NAME", "the file of this name"],
    ["-m MODULE", "the module of this name"],
    ["-q", "only the exit status"],
    ["-v", "paths and modules"],
    ["-d", "changes nothing"],
  ],
  exit: "0; 1 if it is not there",
  examples: [
    { about: "all files", argv: ["kldstat"] },
    { about: "is a facility there?", argv: ["kldstat", "-m", "sysvshm"] },
    { about: "", argv: ["kldstat", "-m", "sysvfoo"] },
  ],
  see: ["kldload(8)", "kldunload(8)"],
};
