/** Make semaphore sets that others use by id, tell their ids, and end. */
import { IPC_CREAT, IPC_PRIVATE, program, SETALL } from "jailyard";

export interface MakerArg {
  readonly sets: number;
  /** Values of the semaphores of each. */
  readonly values: readonly number[];
}

export default program("maker", async (p, arg) => {
  const { sets, values } = arg as MakerArg;
  const ids: number[] = [];
  for (let i = 0; i < sets; i++) {
    const id = await p.semget(IPC_PRIVATE, values.length, IPC_CREAT | 0o600);
    await p.semctl(id, 0, SETALL, values);
    ids.push(id);
  }
  p.emit(ids);
});
