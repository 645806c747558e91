/**
 * A program that finds every SharedArrayBuffer which anything in its thread reaches, by the inspector
 * of that thread, and hands them out.
 */
import { Session } from "node:inspector";
import { IPC_CREAT, IPC_RMID, IPC_STAT, type Process, program, SysError } from "jailyard";

const BYTES = 12_288; // of a segment: no page has this size

/** Objects that a jail has, and what a value in each is: who made it. */
interface Made {
  readonly sem: number;
  readonly msg: number;
  readonly shm: number;
}

/** Make one object of each mechanism; `mark` is what its bytes say. */
async function make(p: Process, mark: number): Promise<Made> {
  const sem = await p.semget(mark, 1, IPC_CREAT | 0o600);
  await p.semop(sem, [[0, 1]]);
  const msg = await p.msgget(mark, IPC_CREAT | 0o600);
  await p.msgsnd(msg, { mtype: 1, mtext: "mine" });
  const shm = await p.shmget(mark, BYTES, IPC_CREAT | 0o600);
  (await p.shmat(shm)).i32.fill(mark);
  return { sem, msg, shm };
}

const says = async (call: Promise<unknown>): Promise<string> => {
  try {
    await call;
    return "OK";
  } catch (error) {
    if (error instanceof SysError) return error.code;
    throw error;
  }
};

/** Try to use everything, twice: the second time on a page if the first has mapped it. */
async function reach(p: Process, { sem, msg, shm }: Made): Promise<string[]> {
  const codes: string[] = [];
  for (let i = 0; i < 2; i++) {
    codes.push(await says(p.semctl(sem, 0, IPC_STAT)), await says(p.msgctl(msg, IPC_STAT)));
  }
  codes.push(await says(p.shmat(shm)));
  return codes;
}

/** Every SharedArrayBuffer of the thread's heap that is alive after a collection of garbage. */
function walk(): SharedArrayBuffer[] {
  const session = new Session();
  session.connect();
  const post = (method: string, params: object): Record<string, { objectId: string }> => {
    let answer: unknown;
    session.post(method, params, (error, result) => {
      if (error !== null) throw new Error(error.message);
      answer = result;
    });
    return answer as Record<string, { objectId: string }>;
  };
  const expression = "SharedArrayBuffer.prototype";
  const { result } = post("Runtime.evaluate", { expression });
  const { objects } = post("Runtime.queryObjects", { prototypeObjectId: result.objectId });
  const functionDeclaration = "function () { globalThis.walked = [...this]; }";
  post("Runtime.callFunctionOn", { objectId: objects.objectId, functionDeclaration });
  session.disconnect();
  const here = globalThis as { walked?: SharedArrayBuffer[] };
  const { walked } = here;
  delete here.walked;
  return walked!;
}

type Command =
  | { readonly make: number }
  | { readonly reach: Made }
  | { readonly remove: Made }
  | { readonly plant: SharedArrayBuffer }
  | { readonly walk: true };

const planted: SharedArrayBuffer[] = [];

async function obey(p: Process, command: Command): Promise<unknown> {
  if ("make" in command) return await make(p, command.make);
  if ("reach" in command) return await reach(p, command.reach);
  if ("plant" in command) return planted.push(command.plant);
  if ("walk" in command) {
    await p.sysctl("kern.ipc.semmni"); // a call at the gate: what was posted is taken
    return walk();
  }
  const { sem, msg, shm } = command.remove;
  await p.semctl(sem, 0, IPC_RMID);
  await p.msgctl(msg, IPC_RMID);
  return await p.shmctl(shm, IPC_RMID);
}

/** Does what it is told, says what came of it, and keeps what it has attached. */
export default program("walker", async (p, arg) => {
  p.emit(await obey(p, arg as Command));
  await p.sleep(Number.POSITIVE_INFINITY);
});
