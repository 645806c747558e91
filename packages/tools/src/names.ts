/** The tools that there are: each is a program of this package, in a file of its name. */

export const TOOLS = [
  "ipcs",
  "ipcrm",
  "ipcmk",
  "ipcns",
  "jail",
  "jls",
  "jexec",
  "ps",
  "kill",
  "kldload",
  "kldunload",
  "kldstat",
  "sysctl",
  "rctl",
] as const;
export type ToolName = (typeof TOOLS)[number];

export const isToolName = (name: string): name is ToolName =>
  (TOOLS as readonly string[]).includes(name);
