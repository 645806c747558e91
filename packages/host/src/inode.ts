/** The file system of a jail, as far as ftok(3) needs one: every path exists and has an inode. */

/**
 * Inode number of a path, in [1, 2^31): the same for the same path in every jail, as the n-th file
 * of equal datasets is. Device numbers tell jails apart.
 */
export function inodeOf(path: string): number {
  let hash = 0x811c9dc5; // FNV-1a
  for (let i = 0; i < path.length; i++) hash = Math.imul(hash ^ path.charCodeAt(i), 0x01000193);
  return hash & 0x7fffffff || 1;
}
