/**
 * The address space of a process, as far as System V shared memory needs one: which addresses show
 * which segment, and the table of its attaches, after struct vmspace and its vm_shm.
 *
 * Map and table say different things: SHM_REMAP takes a mapping away and leaves its attach
 * [SHM-21], and shmdt unmaps whatever its range shows by then [SHM-30]. Missing: mmap, munmap,
 * mprotect, and vfork, which would share an address space. [SHM-34]
 */
import { PAGE_SIZE } from "@jailyard/abi/shm";
import { VmMap } from "@jailyard/memory/vmmap";
import type { Kernel } from "./kernel.ts";
import { type ShmSegment, segBytes, shmDetach, shmInherit } from "./shmseg.ts";
import type { Thread } from "./thread.ts";

/** User addresses of amd64; the page at 0 cannot be mapped. [SHM-20] */
const VM_MINUSER = PAGE_SIZE;
const VM_MAXUSER = 0x7fff_ffff_f000;
/** Where the search for a free range begins. [SHM-19] */
const VM_HINT = 0x8_0020_0000;

/** struct shmmap_state: one attach. */
export interface ShmMapState {
  readonly va: number;
  readonly seg: ShmSegment;
}

export class Vmspace {
  map = new VmMap<ShmSegment>(VM_MINUSER, VM_MAXUSER);
  /** At most shmseg entries; null is a free one. */
  vm_shm: (ShmMapState | null)[] = [];

  /** Lowest free entry of the attach table; -1 if shmseg are in use. */
  freeEntry(shmseg: number): number {
    const ix = this.vm_shm.indexOf(null);
    if (ix !== -1) return ix;
    return this.vm_shm.length < shmseg ? this.vm_shm.length : -1;
  }

  /** A free range of `bytes` that the kernel chooses; -1 if there is none. */
  findSpace(bytes: number): number {
    return this.map.findSpace(VM_HINT, bytes);
  }
}

/** fork: the child has the same mappings and attaches, and each counts. [SHM-33] */
export function vmspaceFork(k: Kernel, parent: Thread, child: Thread): void {
  const from = parent.p_vmspace;
  if (from === null || !k.modules.shm.loaded) return; // [SHM-59]
  const to = new Vmspace();
  to.map = from.map.clone();
  to.vm_shm = [...from.vm_shm];
  for (const entry of to.vm_shm) if (entry !== null) shmInherit(k, entry.seg);
  child.p_vmspace = to;
}

/** exit and exec: the address space goes, its attaches in table order. [SHM-35] [SHM-36] */
export function vmspaceExit(k: Kernel, td: Thread): void {
  const vm = td.p_vmspace;
  td.p_vmspace = null;
  if (vm === null || !k.modules.shm.loaded) return; // [SHM-59]
  for (const entry of vm.vm_shm) if (entry !== null) shmDetach(k, entry.seg);
}

/** End attach `ix`: the range is unmapped, whatever it shows by now. [SHM-30] */
export function vmspaceDetach(k: Kernel, vm: Vmspace, ix: number): void {
  const { va, seg } = vm.vm_shm[ix]!;
  vm.map.remove(va, segBytes(seg));
  vm.vm_shm[ix] = null;
  shmDetach(k, seg);
}

/** A copy of memory as the process reads it; null for SIGSEGV. `addr` and `len` in bytes. */
export function vmRead(td: Thread, addr: number, len: number): Uint8Array | null {
  const { p_vmspace } = td;
  if (p_vmspace === null || !mapped(p_vmspace, addr, len, false)) return null;
  const out = new Uint8Array(len);
  for (let done = 0; done < len; ) {
    const part = window(p_vmspace, addr + done, len - done);
    out.set(part, done);
    done += part.length;
  }
  return out;
}

/** Store `bytes` as the process would; false for SIGSEGV, and then nothing is stored. */
export function vmWrite(td: Thread, addr: number, bytes: Uint8Array): boolean {
  const { p_vmspace } = td;
  if (p_vmspace === null || !mapped(p_vmspace, addr, bytes.length, true)) return false;
  for (let done = 0; done < bytes.length; ) {
    const part = window(p_vmspace, addr + done, bytes.length - done);
    part.set(bytes.subarray(done, done + part.length));
    done += part.length;
  }
  return true;
}

/** Is every byte of the range mapped, and for a store writable? [SHM-23] */
function mapped(vm: Vmspace, addr: number, len: number, store: boolean): boolean {
  for (let at = addr; at < addr + len; ) {
    const entry = vm.map.lookup(at);
    if (entry === undefined || (store && !entry.writable)) return false;
    at = entry.end;
  }
  return true;
}

/** What one mapping shows from mapped address `addr` on, at most `len` bytes. */
function window(vm: Vmspace, addr: number, len: number): Uint8Array {
  const { start, end, offset, object } = vm.map.lookup(addr)!;
  const bytes = Math.min(len, end - addr);
  return new Uint8Array(object.page.data, offset + (addr - start), bytes);
}
