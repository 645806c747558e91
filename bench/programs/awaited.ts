/** The same loops by a coroutine, which awaits each call. */
import { IPC_CREAT, IPC_PRIVATE, type Process, program } from "jailyard";
import { type PlayerArg, playAwaited } from "./player.ts";
import { timedAwaited } from "./timed.ts";

export interface AwaitedArg {
  readonly work: keyof typeof WORKS;
  /** Of a set that another process uses too. */
  readonly id?: number;
}

type P = Process<"awaited">;
type Loop = (n: number) => Promise<void>;

const MODE = IPC_CREAT | 0o600;

async function semop(p: P): Promise<Loop> {
  const id = await p.semget(IPC_PRIVATE, 1, MODE);
  const down = [[0, -1]] as const;
  const up = [[0, 1]] as const;
  await p.semop(id, up);
  return async (n) => {
    for (let i = 0; i < n; i += 2) {
      await p.semop(id, down);
      await p.semop(id, up);
    }
  };
}

async function ping(p: P, id: number): Promise<Loop> {
  const give = [[0, 1]] as const;
  const take = [[1, -1]] as const;
  return async (n) => {
    for (let i = 0; i < n; i++) {
      await p.semop(id, give);
      await p.semop(id, take);
    }
  };
}

const WORKS = {
  semop,
  ping: (p: P, { id = -1 }: AwaitedArg) => ping(p, id),
} as const satisfies Record<string, (p: P, arg: AwaitedArg) => Promise<Loop>>;

export default program("bench", async (p, arg) => {
  const told = arg as AwaitedArg & PlayerArg;
  const loop = await WORKS[told.work](p, told);
  await playAwaited(told, timedAwaited(loop));
});
