/** The manual page of ipcs(1). */
import type { Page } from "../page.ts";

export const page: Page = {
  name: "ipcs",
  section: 1,
  about: "list System V objects, or limits and what is used of them",
  synopsis: [
    "[-abcmopqstyMQSTZ] [-C corefile] [-N namelist] [-u user] [-j jail] [--json]",
    "--output columns [-qms] [-u user] [-j jail]",
    "--usage [-Z] [-j jail] [--json]",
    "--waits [-qms] [-j jail] [--json]",
    "--history [-qmsZ] [-u user] [-j jail] [--json]",
  ],
  description: [
    "Shows message queues, shared memory segments and semaphore sets as ipcs(1) of " +
      "FreeBSD does. -q, -m and -s, and for limits -Q, -M, -S and -T, choose what is shown; " +
      "each replaces the choice before it. The other letters add columns.",
    "On the host it sees the objects of all jails, in a jail those of the jail. FreeBSD " +
      "blanks the keys of jails' objects on the host; -Z, -j and --output show the true " +
      "ones.",
    "--history has the objects that were removed, the oldest first: who made them (CREATOR, CPID), " +
      "the process of the last semop, shmat, msgsnd or msgrcv (LPID), and who removed them; for what " +
      "went with a jail or a name space, that. A segment is there from its removal on, also while it " +
      "is attached. Who could see an object sees what is remembered of it. kern.ipc.history rows are " +
      "kept, 512 unless it is set.",
    "-Z, -j, --output, --usage, --waits, --history and --json are not FreeBSD's.",
  ],
  options: [
    ["-q", "message queues"],
    ["-m", "shared memory segments"],
    ["-s", "semaphore sets"],
    ["-Q", "limits of message queues"],
    ["-M", "limits of shared memory"],
    ["-S", "limits of semaphores"],
    ["-T", "all limits"],
    ["-a", "all columns: -b, -c, -o, -p and -t"],
    ["-b", "the largest size: qbytes, segment size, number of semaphores"],
    ["-c", "creator and creator's group"],
    ["-o", "what is outstanding: bytes and messages, attaches"],
    ["-p", "pids of the last operations"],
    ["-t", "times"],
    ["-u USER", "objects that this user, a name or a uid, owns"],
    ["-y", "read the kernel's memory: true keys; -C and -N imply it"],
    ["-Z", "of all name spaces, with the jail of each object and its true key; on the host only"],
    [
      "-j JAIL",
      "the objects of one jail, by name or jid, with their true keys; on the host only; 0 is the host",
    ],
    [
      "--output COLUMNS",
      "these columns, with commas: t id key mode owner group creator cgroup jail, and the fields of the structures",
    ],
    ["--usage", "what is used of each limit; with -Z by each jail"],
    ["--waits", "who sleeps for what, and who probably holds it"],
    ["--history", "objects that were removed, and by whom; with -Z their jails"],
    ["--json", "the same as JSON on one line"],
  ],
  exit: "0; 1 for wrong arguments or a facility whose module is absent",
  examples: [
    { about: "all objects, as the host sees them", argv: ["ipcs"] },
    { about: "with the jail that each belongs to", argv: ["ipcs", "-sZ"] },
    {
      about: "the segments of one jail, columns of one's choice",
      argv: ["ipcs", "-m", "-j", "web", "--output", "id,key,nattch,segsz,cpid"],
    },
    { about: "what is used of the limits, and by whom", argv: ["ipcs", "--usage", "-Z"] },
    { about: "who waits for whom", argv: ["ipcs", "--waits"] },
    { about: "remove the queues of a jail", argv: ["ipcrm", "-v", "-j", "web", "-Q", "-1"] },
    { about: "who removed it, then?", argv: ["ipcs", "--history", "-Z"] },
    { about: "limits", argv: ["ipcs", "-M"] },
  ],
  see: ["ipcrm(1)", "ipcmk(1)", "sysctl(8)"],
};
