/** Names of users and groups, as a small passwd(5) and group(5) would give them. */

const USERS: ReadonlyMap<number, string> = new Map([
  [0, "root"],
  [70, "postgres"],
]);
const GROUPS: ReadonlyMap<number, string> = new Map([
  [0, "wheel"],
  [70, "postgres"],
]);

/** user_from_uid(3): the name, or the number of somebody unknown. */
export const userName = (uid: number): string => USERS.get(uid) ?? String(uid);
export const groupName = (gid: number): string => GROUPS.get(gid) ?? String(gid);

/** The uid that a name or a number means; null for a name that nobody has. */
export function uidOf(user: string): number | null {
  if (/^\d+$/.test(user)) return Number(user);
  for (const [uid, name] of USERS) if (name === user) return uid;
  return null;
}
