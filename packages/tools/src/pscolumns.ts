/** The keywords of ps -o. */
import type { KinfoProc } from "@jailyard/trap/records";
import { userName } from "./owners.ts";

export interface PsColumn {
  readonly heading: string;
  /** At the right of its column. */
  readonly isNumber: boolean;
  cell(proc: KinfoProc): string;
}

const number = (heading: string, value: (proc: KinfoProc) => number): PsColumn => ({
  heading,
  isNumber: true,
  cell: (proc) => String(value(proc)),
});

const text = (heading: string, cell: PsColumn["cell"]): PsColumn => ({
  heading,
  isNumber: false,
  cell: (proc) => cell(proc) || "-",
});

export const KEYWORDS: Readonly<Record<string, PsColumn>> = {
  command: text("COMMAND", ({ comm, state }) => (state === "Z" ? `${comm} <defunct>` : comm)),
  gid: number("GID", ({ gid }) => gid),
  jail: text("JAIL", ({ jail }) => jail),
  jid: number("JID", ({ jid }) => jid),
  object: text("OBJECT", objectOf),
  pid: number("PID", ({ pid }) => pid),
  ppid: number("PPID", ({ ppid }) => ppid),
  ruid: number("RUID", ({ ruid }) => ruid),
  ruser: text("RUSER", ({ ruid }) => userName(ruid)),
  stat: text("STAT", ({ state, jid }) => state + (jid === 0 ? "" : "J")),
  uid: number("UID", ({ uid }) => uid),
  undo: text("UNDO", ({ undo }) => undo.map(undoText).join(",")),
  user: text("USER", ({ uid }) => userName(uid)),
  wchan: text("WCHAN", ({ wmesg }) => wmesg),
};

const ALIASES: Readonly<Record<string, string>> = {
  args: "command",
  comm: "command",
  mwchan: "wchan",
  state: "stat",
};

export const keywordNamed = (name: string): PsColumn | undefined =>
  Object.hasOwn(KEYWORDS, name) ? KEYWORDS[name] : KEYWORDS[ALIASES[name]];

/** `s65536.1` waits for semaphore 1 to grow, `s65536.1=0` for it to be 0; `q65536` is a queue. */
function objectOf({ wchan }: KinfoProc): string {
  if (wchan === null) return "";
  const { f, id, num, zero } = wchan;
  return f === "msg" ? `q${id}` : `s${id}.${num}${zero ? "=0" : ""}`;
}

/** `s65536.1+1`: what the exit of the process adds. */
const undoText = ([semid, num, adjval]: KinfoProc["undo"][number]): string =>
  `s${semid}.${num}${adjval < 0 ? "" : "+"}${adjval}`;
