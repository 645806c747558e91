/**
 * Two children in one thread with a set of semaphores that it has mapped: one goes to another name
 * space, the other stays. What semop says to each, before and after.
 */
import { GETVAL, IPC_CREAT, type Process, program, SysError } from "jailyard";

const KEY = 5432001;
const ROUNDS = 50;

/** Where to, and who is the first to call afterwards: it is to its name space that pages go. */
interface Move {
  /** A jail to attach to; without it, into a name space that a call makes. */
  readonly jid?: number;
  readonly first: "stays" | "moves";
  /** A module to load before. */
  readonly load?: string;
}

export default program("mover", async (p, arg) => {
  const { jid, first, load } = arg as Move;
  if (load !== undefined) await p.kldload(load);
  const id = await p.semget(KEY, 1, IPC_CREAT | 0o600);
  const [mapped, moved, called, over] = [turn(), turn(), turn(), turn()];
  await p.fork(async (stays) => {
    await rounds(stays, id);
    mapped.come();
    await moved.came;
    if (first === "moves") await called.came;
    stays.emit({ stays: await rounds(stays, id) });
    if (first === "stays") called.come();
    await over.came;
    stays.emit({ stays: await rounds(stays, id) });
  });
  await p.fork(async (moves) => {
    await mapped.came;
    moves.emit({ moves: await rounds(moves, id) });
    if (jid === undefined) await moves.ipcns_create("sem", "elsewhere");
    else await moves.jail_attach(jid);
    moved.come();
    if (first === "stays") await called.came;
    moves.emit({ moves: await rounds(moves, id) });
    if (first === "moves") called.come();
    over.come();
  });
  await p.wait();
  await p.wait();
  p.emit({ value: await p.semctl(id, 0, GETVAL) });
});

/** @returns OK, or the one code with which every call fails */
async function rounds(p: Process, id: number): Promise<string> {
  const codes = new Set<string>();
  for (let i = 0; i < ROUNDS; i++) codes.add(await p.semop(id, [[0, 1]]).then(() => "OK", codeOf));
  return [...codes].join();
}

/** Something for which the other one waits. */
function turn(): { readonly came: Promise<void>; come(): void } {
  let come = (): void => {};
  const came = new Promise<void>((resolve) => {
    come = resolve;
  });
  return { came, come: () => come() };
}

function codeOf(error: unknown): string {
  if (error instanceof SysError) return error.code;
  throw error;
}
