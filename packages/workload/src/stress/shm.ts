/** A segment that all processes of a jail write, each a part of it, as stress-ng's --shm-sysv does. */
import { IPC_RMID, IPC_STAT } from "@jailyard/abi/ipc";
import { PAGE_SIZE } from "@jailyard/abi/shm";
import type { Shmid } from "@jailyard/abi/types";
import { randomBelow } from "../postgres/random.ts";
import { makeSegment, stressor } from "./stressor.ts";
import { verify } from "./worker.ts";

const WORDS = PAGE_SIZE / 4;

interface Shared {
  readonly shmid: Shmid;
  /** What each page was filled with last; 0 for the zeros it began with. */
  readonly filled: Int32Array;
}

export default stressor<Shared>(
  {
    name: "shm",
    summary: "one segment: pages are written, and read through a second attachment",
    operation: "a page of its own part filled; shmat again, compare, IPC_STAT, shmdt",
    verifies: "both attachments show the same; shm_nattch counts; at the end no page is another's",
    mechanisms: ["shm"],
    leastProcs: 1,
    leastJails: 1,
    shareable: false,
    expects: [],
    options: {
      pages: { about: "pages of 4 KiB for each process", default: 4, min: 1, max: 1024 },
    },
    needs: (procs, { pages }) => ({ shmmni: 1, shmall: procs * Number(pages) }),
  },
  {
    async setup(p, arg) {
      const pages = Number(arg.options.pages) * arg.procs;
      const { shmid } = await makeSegment(p, arg, 1, pages * PAGE_SIZE);
      return { shmid, filled: new Int32Array(pages) };
    },

    async work(me, { shmid, filled }) {
      const { p } = me;
      const own = me.option("pages");
      const first = p.attachments[0].i32;
      await me.run(async () => {
        const page = me.ix * own + randomBelow(me.rng, own);
        const value = 1 + randomBelow(me.rng, 0x7ffffffe);
        first.fill(value, page * WORDS, (page + 1) * WORDS);
        filled[page] = value;
        const second = await p.shmat(shmid);
        const same = isFilled(second.i32, page, value);
        const { shm_nattch } = await p.shmctl(shmid, IPC_STAT);
        await p.shmdt(second);
        verify(same, `page ${page} differs when it is attached again`);
        verify(shm_nattch >= 3, `shm_nattch is ${shm_nattch} while three are attached`);
      });
    },

    async verify(p, { shmid, filled }) {
      const { i32 } = p.attachments[0];
      filled.forEach((value, page) => {
        verify(isFilled(i32, page, value), `page ${page} does not hold what was written last`);
      });
      const { shm_nattch } = await p.shmctl(shmid, IPC_STAT);
      verify(shm_nattch === 1, `shm_nattch is ${shm_nattch} when one process is left`);
    },

    async teardown(p, { shmid }) {
      await p.shmctl(shmid, IPC_RMID);
    },
  },
);

function isFilled(words: Int32Array, page: number, value: number): boolean {
  for (let ix = page * WORDS; ix < (page + 1) * WORDS; ix++) if (words[ix] !== value) return false;
  return true;
}
