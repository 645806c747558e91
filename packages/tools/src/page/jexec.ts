/** The manual page of jexec(8). */
import type { Page } from "../page.ts";

export const page: Page = {
  name: "jexec",
  section: 8,
  about: "run a command in a jail",
  synopsis: ["[-l] [-u username | -U username] jail command ..."],
  description: [
    "Attaches to the jail, by name or jid, and becomes the command: a tool by its name, " +
      "or a program by its file (.ts, .js). It sees what the jail sees, and what it makes " +
      "belongs to the jail. A command has to be named; in `jailyard sh` a jail alone goes into it. A relative " +
      "file is looked for where jailyard is called.",
    "A program runs in a thread that it shares with other tools: one that is made by " +
      "blocking() is refused.",
  ],
  options: [
    ["-l", "a clean environment; changes nothing here"],
    ["-u USER", "as this user"],
    ["-U USER", "as this user"],
  ],
  exit: "that of the command; 1 if it could not be run",
  examples: [
    { about: "what a jail sees", argv: ["jexec", "web", "ipcs", "-s"] },
    {
      about: "make an object in it, as postgres",
      argv: ["jexec", "-u", "postgres", "db", "ipcmk", "-Q", "-k", "99"],
    },
    { about: "nobody sees a neighbour from inside", argv: ["jexec", "web", "jexec", "db", "ps"] },
    { about: "there are no other commands", argv: ["jexec", "web", "ls"] },
  ],
  see: ["jail(8)", "jls(8)", "ps(1)"],
};
