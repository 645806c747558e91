/** The manual page of ipcrm(1). */
import type { Page } from "../page.ts";

export const page: Page = {
  name: "ipcrm",
  section: 1,
  about: "remove System V objects, or find those that nobody uses",
  synopsis: [
    "[-W] [-v[v]] [-n] [-j jail] [-q msqid] [-m shmid] [-s semid] [-Q msgkey] [-M shmkey] [-S semkey] ...",
    "--unused [--older time] [--remove] [-v[v]] [-n] [-j jail] [--json]",
  ],
  description: [
    "Removes objects by id or key, as ipcrm(1) of FreeBSD does, in the order of the " +
      "arguments; a failure does not end it. Numbers are decimal. A key is looked for among " +
      "the caller's own objects only: name those of a jail with -j.",
    "--unused lists what nobody seems to use any more, and with --remove removes it. A " +
      "segment is unused while nobody attaches it. A queue or a set is unused if nobody " +
      "sleeps in it, nobody has SEM_UNDO adjustments for it, and whoever last worked on it " +
      "has ended or cannot be seen from here.",
    "-j, -n, --unused and its options are not FreeBSD's. An argument that is no number " +
      "counts as 0, as it does there, but its failure is told.",
  ],
  options: [
    ["-q MSQID", "the message queue with this id; -1: all"],
    ["-m SHMID", "the segment with this id; -1: all"],
    ["-s SEMID", "the set with this id; -1: all"],
    ["-Q KEY", "the message queue with this key; -1: all"],
    ["-M KEY", "the segment with this key; -1: all"],
    ["-S KEY", "the set with this key; -1: all"],
    ["-W", "everything that can be seen: on the host the objects of all jails"],
    ["-v", "tell what -W and -1 remove; -vv also what they fail to remove"],
    ["-y", "read the kernel's memory; changes nothing here"],
    [
      "-j JAIL",
      "ids and keys are those of this jail, by name or jid; on the host only; 0 is the host",
    ],
    ["-n, --dry-run", "tell what would be removed, and remove nothing"],
    ["--unused", "list what nobody seems to use"],
    ["--older TIME", "only what was not used for so long: 90s, 10m, 2h, 1d"],
    ["--remove", "remove what --unused lists"],
    ["--json", "the list as JSON on one line"],
  ],
  exit: "the number of failures, 255 at most; 1 for wrong arguments",
  examples: [
    { about: "a set by its id", argv: ["ipcrm", "-s", "65536"] },
    { about: "a key in a jail's name space", argv: ["ipcrm", "-j", "web", "-M", "5432001"] },
    { about: "what -W would remove of a jail", argv: ["ipcrm", "-n", "-W", "-j", "db"] },
    { about: "what nobody uses", argv: ["ipcrm", "--unused"] },
    {
      about: "remove what was not used for ten minutes",
      argv: ["ipcrm", "--unused", "--older", "10m", "--remove"],
    },
    { about: "an id that is none", argv: ["ipcrm", "-q", "7"] },
  ],
  see: ["ipcs(1)", "ipcmk(1)"],
};
