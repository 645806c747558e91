/** Segment churn: segments come and go, as programs that start and end all the time make them. */
import { IPC_CREAT, IPC_EXCL, IPC_RMID } from "@jailyard/abi/ipc";
import { PAGE_SIZE } from "@jailyard/abi/shm";
import type { SysError } from "@jailyard/abi/syserror";
import type { Key, Shmid } from "@jailyard/abi/types";
import { type Random, randomBelow } from "../postgres/random.ts";
import { keyOf, stressor } from "./stressor.ts";
import { verify, type Worker } from "./worker.ts";

export default stressor<Gone>(
  {
    name: "churn",
    summary: "segment churn: made, filled, marked for removal while attached, let go",
    operation: "the whole life of a segment, of a size that is drawn",
    verifies:
      "it begins as zeros; after IPC_RMID its key is free, its bytes are there; none is left",
    mechanisms: ["shm"],
    leastProcs: 1,
    leastJails: 1,
    shareable: false,
    expects: [],
    options: {
      pages: { about: "pages of 4 KiB of the largest segment", default: 16, min: 1, max: 16384 },
    },
    needs: (procs, { pages }) => ({ shmmni: procs, shmall: procs * Number(pages) }),
  },
  {
    setup: () => Promise.resolve([]),

    async work(me, gone) {
      const key = keyOf(me.arg, 1 + me.ix);
      await me.run(() => life(me, key, gone));
    },

    async verify(p, gone) {
      const left = (await p.ipcs("shm")).filter(({ id }) => gone.includes(id as Shmid));
      verify(left.length === 0, `${left.length} segments are left after all were let go`);
    },

    teardown: () => Promise.resolve(),
  },
);

/** Ids of the last segments that were let go. */
type Gone = Shmid[];
const GONE_MAX = 200;

async function life(me: Worker, key: Key, gone: Gone): Promise<void> {
  const { p, rng } = me;
  const bytes = (1 + randomBelow(rng, me.option("pages"))) * PAGE_SIZE;
  const shmid = await me.wait(() => p.shmget(key, bytes, IPC_CREAT | IPC_EXCL | 0o600));
  const at = await p.shmat(shmid);
  const zeros = sample(rng, at.i32, (word) => word === 0);
  at.i32.fill(shmid);
  await p.shmctl(shmid, IPC_RMID);
  const free = await p.shmget(key, 0, 0).then(
    () => false,
    (error: SysError) => error.code === "ENOENT",
  );
  const kept = sample(rng, at.i32, (word) => word === shmid);
  await p.shmdt(at);
  if (gone.push(shmid) > GONE_MAX) gone.shift();
  verify(zeros, `a new segment of ${bytes} bytes is not all zeros`);
  verify(free, "the key of a removed segment is found still");
  verify(kept, "an attached segment lost its bytes when it was removed");
}

/** Does `test` hold of the first and last word, and of some in between? */
function sample(rng: Random, words: Int32Array, test: (word: number) => boolean): boolean {
  const places = [0, words.length - 1];
  for (let n = 0; n < 16; n++) places.push(randomBelow(rng, words.length));
  return places.every((place) => test(words[place]));
}
