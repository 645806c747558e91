/** Jails by name or number, as the tools take them. */
import { ENOENT } from "@jailyard/abi/errno";
import { JAIL_DYING, type JailInfo, type JailParams } from "@jailyard/abi/jail";
import { SysError } from "@jailyard/abi/syserror";
import type { Process } from "@jailyard/trap/process";

/** The jails below the caller's own, by jid; with `flags` JAIL_DYING also dying ones. */
export async function allJails(p: Process, flags = 0): Promise<JailInfo[]> {
  const jails: JailInfo[] = [];
  let last = 0;
  for (;;) {
    const jail = await lookUp(p, { lastjid: last }, flags);
    if (jail === null) return jails;
    jails.push(jail);
    last = jail.jid;
  }
}

const isJid = (text: string): boolean => /^\d+$/.test(text);

/** The jail that a name or jid means, or `jail "web" not found`. [TOOL-27] [TOOL-38] */
export async function jailNamed(p: Process, text: string, flags = 0): Promise<JailInfo | string> {
  const found = await lookUp(p, isJid(text) ? { jid: Number(text) } : { name: text }, flags);
  return found ?? `jail ${isJid(text) ? text : `"${text}"`} not found`;
}

async function lookUp(p: Process, query: JailParams, flags: number): Promise<JailInfo | null> {
  if (query.jid === 0) return null; // the kernel takes it for no jid at all
  try {
    return await p.jail_get(query, flags);
  } catch (error) {
    if (error instanceof SysError && error.errno === ENOENT) return null;
    throw error;
  }
}

/** Objects of which jail, as the host's listings tell it. */
export interface JailFilter {
  readonly jid: number;
  readonly name: string;
}

const HOST: JailFilter = { jid: 0, name: "0" };

/**
 * The jail that `-j` of ipcs and ipcrm names: one that is dying may still own objects, and 0 is the
 * host. @returns what is wrong, too
 */
export async function jailFilter(p: Process, text: string): Promise<JailFilter | string> {
  const { jid } = await p.getcred();
  if (jid !== 0) return "-j: only the host sees the jails of objects";
  if (text === HOST.name) return HOST;
  const found = await jailNamed(p, text, JAIL_DYING);
  return typeof found === "string" ? found : { jid: found.jid, name: found.name };
}
