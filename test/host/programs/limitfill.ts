/** Takes all that there is of what the host has few of, tells how much that was, and keeps it. */
import { IPC_NOWAIT, type Process, program, SEM_UNDO, SysError } from "jailyard";
import type { Race } from "./limitrace.ts";

const PRIVATE = 0 as never;
type Take = (p: Process) => Promise<unknown>;

/** How often the call succeeds before it does not. */
async function count(call: () => Promise<unknown>): Promise<number> {
  for (let taken = 0; ; taken++) {
    try {
      await call();
    } catch (error) {
      if (error instanceof SysError) return taken;
      throw error;
    }
  }
}

/** Each in a child of its own, which keeps it. @returns what takes one */
function inChild(p: Process, take: Take): () => Promise<void> {
  return () =>
    new Promise((resolve, reject) => {
      void p.fork(async (child) => {
        await take(child).then(() => resolve(), reject);
        await child.sleep(Number.POSITIVE_INFINITY);
      });
    });
}

async function taker(p: Process, what: Race["what"]): Promise<() => Promise<unknown>> {
  if (what === "sets") return () => p.semget(PRIVATE, 1, 0o600);
  if (what === "undo") {
    const set = await p.semget(PRIVATE, 1, 0o600);
    return inChild(p, (child) => child.semop(set, [[0, 1, SEM_UNDO]]));
  }
  const queue = await p.msgget(PRIVATE, 0o600);
  const mtext = "x".repeat(what === "headers" ? 1 : 16);
  return () => p.msgsnd(queue, { mtype: 1, mtext }, IPC_NOWAIT);
}

export default program("limitfill", async (p, arg) => {
  p.emit(await count(await taker(p, arg as Race["what"])));
  await p.sleep(Number.POSITIVE_INFINITY);
});
