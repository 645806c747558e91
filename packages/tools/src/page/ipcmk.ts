/** The manual page of ipcmk(1). */
import type { Page } from "../page.ts";

export const page: Page = {
  name: "ipcmk",
  section: 1,
  about: "make a segment, a message queue or a semaphore set",
  synopsis: ["[-M size] [-Q] [-S nsems] [-p mode] [-k key]"],
  description: [
    "Makes objects under random keys, as ipcmk(1) of util-linux does; FreeBSD has no such " +
      "tool. Several at once share the mode. All arguments are looked at before anything is " +
      "made. -k is not util-linux's.",
  ],
  options: [
    ["-M SIZE, --shmem SIZE", "a segment of so many bytes; K, M, G and T are powers of 1024"],
    ["-Q, --queue", "a message queue"],
    ["-S NSEMS, --semaphore NSEMS", "a set of so many semaphores"],
    ["-p MODE, --mode MODE", "octal; 644 if left out"],
    ["-k KEY, --key KEY", "this key, decimal or 0x…; an object that has it is an error"],
  ],
  exit: "0; 1 if anything could not be made",
  examples: [
    {
      about: "a segment of 1 MiB in a jail",
      argv: ["jexec", "web", "ipcmk", "-M", "1MiB", "-k", "0x52e2c2", "-p", "600"],
    },
    { about: "a set that needs more semaphores than there are", argv: ["ipcmk", "-S", "340"] },
  ],
  see: ["ipcs(1)", "ipcrm(1)"],
};
