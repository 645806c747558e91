/**
 * jls --effective: what the parameters of each jail come to, after those of the jails above it: in
 * which name space it finds itself, facility by facility, and what its root may do.
 */
import { type JailInfo, jailParamOf } from "@jailyard/abi/jail";
import type { Facility } from "@jailyard/abi/types";
import type { Process } from "@jailyard/trap/process";
import { columnLines } from "./columns.ts";
import { ORDER } from "./facility.ts";
import { allJails } from "./jails.ts";
import { attempt, failed } from "./tool.ts";

export interface Effective {
  readonly jid: number;
  readonly name: string;
  /** By facility: its own name space, that of another, or none. */
  readonly spaces: Readonly<Record<Facility, Space>>;
  readonly allow: readonly string[];
}

interface Space {
  readonly kind: "own" | "shared" | "none" | "absent";
  /** The jail whose name space it is: `0` for the caller's own prison, which is the host's on the host. */
  readonly of: string | null;
}

const NONE: Space = { kind: "none", of: null };
const ABSENT: Space = { kind: "absent", of: null };

export async function effectiveOf(p: Process, jails: readonly JailInfo[]): Promise<Effective[]> {
  const all = new Map((await allJails(p)).map((jail) => [jail.jid as number, jail]));
  for (const jail of jails) all.set(jail.jid, jail);
  const loaded = await loadedOf(p);
  const allowed = (await p.sysctl("security.jail.sysvipc_allowed")) === 1;
  return jails.map((jail) => {
    const space = (f: Facility): Space => (loaded.has(f) ? spaceOf(f, jail, all, allowed) : ABSENT);
    const spaces = { msg: space("msg"), shm: space("shm"), sem: space("sem") };
    return { jid: jail.jid, name: jail.name, spaces, allow: allowOf(jail) };
  });
}

async function loadedOf(p: Process): Promise<Set<Facility>> {
  const loaded = new Set<Facility>();
  for (const f of ORDER) {
    if (!failed(await attempt(p.sysctl(`kern.features.sysv_${f}`)))) loaded.add(f);
  }
  return loaded;
}

/** Up the tree, as long as each inherits from the one above. */
function spaceOf(
  f: Facility,
  jail: JailInfo,
  all: ReadonlyMap<number, JailInfo>,
  allowed: boolean,
): Space {
  const value = jail[jailParamOf(f)];
  // A model without these parameters has one name space for all, or nothing for jails.
  if (value === undefined) return allowed ? { kind: "shared", of: "0" } : NONE;
  if (value === "disable") return NONE;
  if (value === "new") return { kind: "own", of: jail.name };
  const parent = all.get(jail.parent);
  if (parent === undefined) return { kind: "shared", of: "0" };
  const above = spaceOf(f, parent, all, allowed);
  return above.kind === "own" ? { ...above, kind: "shared" } : above;
}

const allowOf = (jail: JailInfo): string[] =>
  (["suser", "sysvipc"] as const).filter((what) => jail[`allow.${what}`]);

const TEXT: Readonly<Record<Space["kind"], (of: string | null) => string>> = {
  own: () => "own",
  shared: (of) => `of ${of}`,
  none: () => "none",
  absent: () => "not loaded",
};

export function effectiveLines(rows: readonly Effective[]): string[] {
  const text = ({ kind, of }: Space): string => TEXT[kind](of);
  const headings = ["JID", "NAME", "QUEUES", "SEGMENTS", "SEMAPHORES", "ALLOW"];
  return columnLines(
    headings.map((heading) => ({ heading, isNumber: heading === "JID" })),
    rows.map(({ jid, name, spaces, allow }) => [
      String(jid),
      name,
      ...ORDER.map((f) => text(spaces[f])),
      allow.join(",") || "-",
    ]),
  );
}
