/**
 * ipcmk(1) of util-linux, which FreeBSD lacks: make a segment, a queue or a set of semaphores under
 * a random key. [TOOL-61] Ours is -k, a key of the user's choice. All arguments are looked at before
 * anything is made.
 */
import { randomInt } from "node:crypto";
import { EEXIST } from "@jailyard/abi/errno";
import { IPC_CREAT, IPC_EXCL } from "@jailyard/abi/ipc";
import type { Facility } from "@jailyard/abi/types";
import type { Process } from "@jailyard/trap/process";
import { argumentOf, countOf, getopt, type Options } from "./getopt.ts";
import { attempt, failed, reasonOf, tool } from "./tool.ts";
import { complain, warnx } from "./warn.ts";

const LONGS = { shmem: true, queue: false, semaphore: true, mode: true, key: true };
const INT_MAX = 0x7fffffff;
const MODE = 0o644;
const TRIES = 8;

interface Making {
  readonly f: Facility;
  /** Bytes of a segment, semaphores of a set; 0 for a queue. */
  readonly size: number;
}

interface Wanted {
  readonly makings: readonly Making[];
  readonly mode: number;
  /** null: a random one each. */
  readonly key: number | null;
}

const NAMES: Readonly<Record<Facility, readonly [made: string, failed: string]>> = {
  shm: ["Shared memory id", "create shared memory failed"],
  msg: ["Message queue id", "create message queue failed"],
  sem: ["Semaphore id", "create semaphore failed"],
};

export default tool("ipcmk", async (p) => {
  const parsed = getopt(p.args, "M:QS:p:k:", LONGS);
  if (typeof parsed === "string") return refuse(p, parsed.replace(/-- (.)$/, "-- '$1'"));
  const wanted = wantedOf(parsed);
  if (typeof wanted === "string") return refuse(p, wanted);
  for (const making of wanted.makings) {
    const id = await make(p, making, wanted);
    const [made, why] = NAMES[making.f];
    if (failed(id)) {
      warnx(p, `${why}: ${reasonOf(id)}`);
      return 1;
    }
    p.print(`${made}: ${id}`);
  }
  return 0;
});

function refuse(p: Process, why: string): number {
  warnx(p, why);
  complain(p, "Try 'ipcmk --help' for more information.");
  return 1;
}

const either = (parsed: Options, letter: string, name: string): string | undefined =>
  argumentOf(parsed, letter) ?? argumentOf(parsed, name);

/** In the order in which util-linux makes them, or what is wrong. */
function wantedOf(parsed: Options): Wanted | string {
  const makings: Making[] = [];
  const bytes = either(parsed, "M", "shmem");
  const nsems = either(parsed, "S", "semaphore");
  if (bytes !== undefined) {
    const size = sizeOf(bytes);
    if (size === null) return `failed to parse size: '${bytes}'`;
    makings.push({ f: "shm", size });
  }
  if (countOf(parsed, "Q") + countOf(parsed, "queue") > 0) makings.push({ f: "msg", size: 0 });
  if (nsems !== undefined) {
    if (!/^\d{1,10}$/.test(nsems) || Number(nsems) > INT_MAX) {
      return `failed to parse elements: '${nsems}'`;
    }
    makings.push({ f: "sem", size: Number(nsems) });
  }
  const mode = either(parsed, "p", "mode") ?? MODE.toString(8);
  if (!/^0*[0-7]{1,3}$/.test(mode)) return `failed to parse mode: '${mode}'`;
  const key = either(parsed, "k", "key");
  if (key !== undefined && keyOf(key) === null) return `failed to parse key: '${key}'`;
  if (makings.length === 0 || parsed.operands.length > 0) return "bad usage";
  return { makings, mode: Number.parseInt(mode, 8), key: key === undefined ? null : keyOf(key) };
}

const UNITS = "KMGT";

/** `4096`, `64K`, `1MiB`: powers of 1024. */
function sizeOf(text: string): number | null {
  const [, digits, unit] = /^(\d{1,15})([KMGT]?)(?:iB|B)?$/i.exec(text) ?? [];
  if (digits === undefined) return null;
  return Number(digits) * 1024 ** (UNITS.indexOf(unit.toUpperCase() || "?") + 1);
}

/** A key_t, decimal or with 0x; large ones are negative, as ftok(3) gives them. */
function keyOf(text: string): number | null {
  if (!/^(-?\d{1,10}|0x[0-9a-f]{1,8})$/i.test(text)) return null;
  const key = Number(text);
  return key >= -INT_MAX - 1 && key <= 0xffffffff ? key | 0 : null;
}

async function make(p: Process, making: Making, { mode, key }: Wanted) {
  for (let tries = 1; ; tries++) {
    const id = await attempt(get(p, making, key ?? randomInt(1, INT_MAX), mode));
    const again = key === null && failed(id) && id.errno === EEXIST && tries < TRIES;
    if (!again) return id;
  }
}

function get(p: Process, { f, size }: Making, key: number, mode: number): Promise<number> {
  const flags = mode | IPC_CREAT | IPC_EXCL;
  if (f === "msg") return p.msgget(key, flags);
  return f === "shm" ? p.shmget(key, size, flags) : p.semget(key, size, flags);
}
