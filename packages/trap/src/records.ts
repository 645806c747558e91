/** Records that calls give back, beside the structures of abi. */
import type { MsqidDs } from "@jailyard/abi/msg";
import type { SemidDs } from "@jailyard/abi/sem";
import type { ShmidDs } from "@jailyard/abi/shm";
import type { Facility, Ix } from "@jailyard/abi/types";

interface DsOf {
  msg: MsqidDs;
  sem: SemidDs;
  shm: ShmidDs;
}

/** One object of a listing: table index, id, structure. */
export interface ListRow<F extends Facility = Facility> {
  readonly ix: Ix;
  readonly id: number;
  readonly ds: DsOf[F];
  /**
   * For a reader on the host only: the owner's jail and the true key, which FreeBSD's own listing
   * blanks, and the name of the name space under a model that has names. [JAIL-35] [COM-13]
   */
  readonly owner?: {
    readonly jid: number;
    readonly jail: string;
    readonly key: number;
    readonly space: string | null;
  };
}

export interface KldStat {
  readonly id: number;
  readonly refs: number;
  readonly name: string;
}
