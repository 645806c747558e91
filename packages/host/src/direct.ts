/** Placement `direct` in a jail's thread: the place of its calls, and each process's calls. */
import { SYS_msgsnd_resume } from "@jailyard/abi/syscall";
import type { Pid } from "@jailyard/abi/types";
import { type Frame, MSG_TEXT_BYTE, PTR_DATA } from "@jailyard/abi/wire";
import type { Commons } from "@jailyard/kernel/commons";
import { type Identity, MappedProcess } from "@jailyard/kernel/mapped";
import { type Head, MappedSite, type Mapping, type SiteBoot } from "@jailyard/kernel/mappedsite";
import { UndoVector } from "@jailyard/kernel/semundo";
import type { Trace } from "@jailyard/kernel/trace";
import { Carver } from "@jailyard/memory/page";
import { homeOf, OWN } from "@jailyard/memory/sleepers";
import type { Direct, DirectThread } from "@jailyard/trap/direct";
import {
  BROKEN,
  CALLER,
  DIRECT_CALLS,
  DIRECT_SLEEPS,
  DROPPED,
  DROPS,
  type GatePage,
  GID,
  GRANT,
  GROUPS,
  MAPS,
  NGROUPS,
  PID,
  ringKernel,
  SUSER,
  TID,
  UID,
} from "@jailyard/trap/gate";
import type { GateBoot, UserGate } from "@jailyard/trap/user";

/** Let the processes of this thread make calls on pages; `own`: one process, which owns it. */
export function makeDirect(
  gate: UserGate,
  boot: GateBoot,
  commons: Commons,
  site: SiteBoot,
  own: boolean,
  nanos: () => number,
  trace: Trace | null,
): void {
  const self = homeOf(boot.thread);
  const bell = new Int32Array(boot.bell);
  const where = { self, home: own ? OWN : self, head: headOf(gate.page) };
  const ring = (): void => ringKernel(bell);
  const place = new MappedSite(commons, site, where, ring, () => gate.receive(), nanos, trace);
  gate.onPost = (message) => place.map(message as Mapping);
  const thread: DirectThread = { bind: (slot) => bind(place, gate.page, slot) };
  gate.direct = thread;
}

const headOf = ({ head }: GatePage): Head => ({
  words: head,
  drops: DROPS,
  dropped: DROPPED,
  maps: MAPS,
  caller: CALLER,
  calls: DIRECT_CALLS,
  sleeps: DIRECT_SLEEPS,
  broken: BROKEN,
});

function bind(place: MappedSite, page: GatePage, slot: number): Direct {
  const { semume } = place.boot;
  const undo = new UndoVector(new Carver(page.buffer, page.undoAt(slot)), semume);
  return new ProcessCalls(place, page, slot, undo);
}

class ProcessCalls extends MappedProcess implements Direct {
  constructor(place: MappedSite, page: GatePage, slot: number, undo: UndoVector) {
    const grantAt = page.row(slot) + GRANT;
    super(place, page.words, grantAt, () => identityOf(page, slot, undo));
  }

  enterResume({ a, f64, u8 }: Frame): number {
    const { asleep } = this;
    if (asleep?.call !== "msgsnd") throw new Error("only a msgsnd goes on in the kernel");
    const { ix, send } = asleep;
    a[0] = ix;
    a[1] = PTR_DATA;
    a[2] = send.msgsz;
    a[3] = send.msgflg;
    a[4] = this.td_interrupted ? 1 : this.td_timedout ? 2 : 0;
    f64[0] = send.mtype;
    if (send.mtext !== null)
      u8.set(send.mtext.subarray(0, u8.length - MSG_TEXT_BYTE), MSG_TEXT_BYTE);
    this.resumed();
    return SYS_msgsnd_resume;
  }
}

/** What the kernel has written into the slot. */
function identityOf(page: GatePage, slot: number, undo: UndoVector): Identity {
  const { words } = page;
  const row = page.row(slot);
  const groups = words.subarray(row + GROUPS, row + GROUPS + words[row + NGROUPS]);
  return {
    tid: words[row + TID],
    pid: words[row + PID] as Pid,
    cred: {
      cr_uid: words[row + UID] >>> 0,
      cr_gid: words[row + GID] >>> 0,
      cr_groups: [...groups].map((group) => group >>> 0),
      cr_prison: { pr_allow_suser: words[row + SUSER] === 1 },
    },
    undo,
  };
}
