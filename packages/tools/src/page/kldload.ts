/** The manual page of kldload(8). */
import type { Page } from "../page.ts";

export const page: Page = {
  name: "kldload",
  section: 8,
  about: "load a module",
  synopsis: ["[-nqv] file ..."],
  description: [
    "Loads sysvmsg, sysvsem or sysvshm, with or without .ko. Its limits are those of the " +
      "boot, its ids start anew. What jails get that are there already depends on the model " +
      "and its policy of late load; under jail-keyed they start without the facility.",
  ],
  options: [
    ["-n", "a module that is there already is no error"],
    ["-q", "changes nothing"],
    ["-v", "tell the id"],
  ],
  exit: "0; 1 if any module could not be loaded",
  examples: [
    { about: "unload and load again", argv: ["kldunload", "-v", "sysvmsg"] },
    { about: "", argv: ["kldload", "-v", "sysvmsg"] },
    { about: "what jails have of it now", argv: ["jls", "name", "sysvmsg"] },
    { about: "one that is there", argv: ["kldload", "sysvshm"] },
  ],
  see: ["kldunload(8)", "kldstat(8)"],
};
