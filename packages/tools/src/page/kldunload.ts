/** The manual page of kldunload(8). */
import type { Page } from "../page.ts";

export const page: Page = {
  name: "kldunload",
  section: 8,
  about: "unload a module",
  synopsis: ["[-fv] -i id ...", "[-fv] [-n] name ..."],
  description: [
    "Unloads modules by name or id and stops at the first that fails. A module is busy " +
      "while any object of its facility exists, in whatever jail. sysvmsg waits for calls " +
      "that sleep in it.",
  ],
  options: [
    ["-f", "by force; changes nothing here"],
    ["-i", "operands are ids"],
    ["-n", "operands are names"],
    ["-v", "tell what is unloaded, before it is tried"],
  ],
  exit: "0; 1 at the first failure",
  examples: [
    { about: "one that is in use", argv: ["kldunload", "sysvshm"] },
    { about: "who has the objects?", argv: ["ipcs", "-mZ"] },
    { about: "removed, but attached still", argv: ["ipcrm", "-m", "-1"] },
    { about: "", argv: ["kldunload", "sysvshm"] },
    { about: "it goes once nobody attaches them", argv: ["jail", "-R", "web"] },
    { about: "", argv: ["kldunload", "-v", "sysvshm"] },
    { about: "one that is not loaded", argv: ["kldunload", "sysvshm"] },
  ],
  see: ["kldload(8)", "kldstat(8)", "ipcrm(1)"],
};
