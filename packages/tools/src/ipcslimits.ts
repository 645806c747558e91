/** ipcs -T: the limits of the three facilities. [TOOL-15] */
import type { Facility } from "@jailyard/abi/types";
import { right } from "./printf.ts";

type Row = readonly [name: string, about: string];

/** In the order in which ipcs shows them. */
export const LIMIT_ROWS: Readonly<Record<Facility, readonly Row[]>> = {
  msg: [
    ["msgmax", "max characters in a message"],
    ["msgmni", "# of message queues"],
    ["msgmnb", "max characters in a message queue"],
    ["msgtql", "max # of messages in system"],
    ["msgssz", "size of a message segment"],
    ["msgseg", "# of message segments in system"],
  ],
  shm: [
    ["shmmax", "max shared memory segment size"],
    ["shmmin", "min shared memory segment size"],
    ["shmmni", "max number of shared memory identifiers"],
    ["shmseg", "max shared memory segments per process"],
    ["shmall", "max amount of shared memory in pages"],
  ],
  sem: [
    ["semmni", "# of semaphore identifiers"],
    ["semmns", "# of semaphores in system"],
    ["semmnu", "# of undo structures in system"],
    ["semmsl", "max # of semaphores per id"],
    ["semopm", "max # of operations per semop call"],
    ["semume", "max # of undo entries per process"],
    ["semusz", "size in bytes of undo structure"],
    ["semvmx", "semaphore maximum value"],
    ["semaem", "adjust on exit max value"],
  ],
};

/** Values by name, without `kern.ipc.`. */
export type LimitValues = Readonly<Record<string, number>>;

/** `msginfo:`, a line a limit, an empty line. */
export function limitLines(f: Facility, values: LimitValues): string[] {
  const rows = LIMIT_ROWS[f].map(
    ([name, about]) => `\t${name}: ${right(values[name], 12)}\t(${about})`,
  );
  return [`${f}info:`, ...rows, ""];
}
