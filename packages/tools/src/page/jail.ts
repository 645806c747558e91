/** The manual page of jail(8). */
import type { Page } from "../page.ts";

export const page: Page = {
  name: "jail",
  section: 8,
  about: "make, change and remove jails",
  synopsis: [
    "[-iqv] [-u username] -[cmr] param=value ... [command=command ...]",
    "[-qv] -[rR] ['*' | jail ...]",
    "[-qv] -f file -[cmr] ['*' | jail ...]",
    "-f file -e separator",
  ],
  description: [
    "Makes a jail (-c), changes one (-m), does whichever it takes (-cm), makes one anew " +
      "(-rc), or changes it and makes it anew if the change takes that (-mr). Parameters " +
      "are jid, name, path, host.hostname, persist, children.max, allow.sysvipc, " +
      "allow.suser, sysvmsg, sysvsem and sysvshm; the last three are disable, new or " +
      "inherit. A jail must persist or have a command, which is a tool or the file of a " +
      "program and runs in the jail.",
    "-m changes the jail as it was when it looked: if another administrator changes it in that " +
      "moment, one of them wins, and the other is told and has changed nothing. -f does not look.",
    "-r sends SIGTERM to the processes of a jail and of those below it, waits ten seconds " +
      "at most, then removes the jails; -R removes them at once.",
    "With -f jails are those of a jail.conf(5), all of them or those that are named: with " +
      "-c each is made after those of its depend, with -r removed before them. The file has " +
      "blocks, wildcards such as web.*, lists, +=, $variables and .include. Beside the " +
      "parameters above it may have exec.prestart, exec.created, exec.poststart, exec.prestop " +
      "and exec.poststop, which run on the host, exec.start and exec.stop, which run in the " +
      "jail, exec.jail_user, exec.timeout and stop.timeout; exec.clean changes nothing. A " +
      "command is a tool, or the file of a program, which lies where the file lies; with & at " +
      "its end it is not waited for. Anything else, such as mounts and addresses, is refused " +
      "with its line. There is no file that is read without -f.",
  ],
  options: [
    ["-c", "make a jail"],
    ["-m", "change a jail"],
    ["-r", "remove jails, or with -c or -m make one anew"],
    ["-R", "remove jails at once"],
    ["-i", "print the jid of a new jail"],
    ["-q", "say nothing of what is done"],
    ["-v", "show each call and what became of it"],
    ["-u USER", "who runs the command; root if left out"],
    ["-f FILE", "jails of this jail.conf(5)"],
    ["-e SEPARATOR", "only name the jails of the file, with this between them"],
  ],
  exit: "0; 1 if anything failed",
  examples: [
    {
      about: "a jail with semaphores and shared memory of its own",
      argv: ["jail", "-i", "-c", "name=app", "persist", "sysvsem=new", "sysvshm=new"],
    },
    {
      about: "from now on it shares the host's",
      argv: ["jail", "-m", "name=app", "sysvshm=inherit"],
    },
    { about: "show the call", argv: ["jail", "-vm", "name=app", "nopersist=false"] },
    {
      about: "a command in a jail that ends with it",
      argv: ["jail", "-c", "name=tmp", "sysvsem=new", "command=ipcmk", "-S", "4"],
    },
    {
      about: "jails of a file, and those that they depend on",
      argv: ["jail", "-f", "docs/examples/jail.conf", "-c", "shop"],
    },
    { about: "all of them", argv: ["jail", "-f", "docs/examples/jail.conf", "-r"] },
    { about: "remove two", argv: ["jail", "-r", "app", "web"] },
    { about: "one that is not there", argv: ["jail", "-r", "app"] },
  ],
  see: ["jls(8)", "jexec(8)"],
};
