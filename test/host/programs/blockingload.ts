/** The same as load.ts, of processes that own their threads: fewer of them, and semaphores alone. */
import { blocking, IPC_CREAT, type Process, SEM_UNDO, SysError } from "jailyard";
import { Dice } from "../../support/dice.ts";

const CHILDREN = 2;
const KEY = 7;
const SEMS = 4;

function once(p: Process<"blocking">, dice: Dice): void {
  const id = p.semget(KEY, SEMS, IPC_CREAT | 0o600);
  p.semop(id, [[dice.below(SEMS), 1, SEM_UNDO]]);
  p.semop(id, [[dice.below(SEMS), -1, SEM_UNDO]]);
}

export default blocking(
  "blockingload",
  (p, arg) => {
    const dice = new Dice((arg as { seed: number }).seed);
    p.emit("ready");
    for (let children = 0; ; children--) {
      for (; children < CHILDREN; children++) p.fork("child", dice.below(2 ** 31));
      p.wait();
    }
  },
  {
    child(p, seed) {
      const dice = new Dice(seed as number);
      for (let i = dice.below(2000); i > 0; i--) {
        try {
          once(p, dice);
        } catch (error) {
          if (!(error instanceof SysError)) throw error; // the set was removed
        }
      }
    },
  },
);
