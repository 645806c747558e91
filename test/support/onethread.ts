/** Both sides of the gate in one thread: calls are carried out by a function, in an order we choose. */
import { EDEAD, type Errno, OK } from "@jailyard/abi/errno";
import { SYS_exit } from "@jailyard/abi/syscall";
import type { Pid } from "@jailyard/abi/types";
import type { Frame } from "@jailyard/abi/wire";
import { Carver } from "@jailyard/memory/page";
import { Sleepers } from "@jailyard/memory/sleepers";
import { type Context, type Host, runAwaited } from "@jailyard/trap/crt";
import { BELL_BYTES, GatePage, type GateShape, gateBytes } from "@jailyard/trap/gate";
import { answer, KernelGate, type KernThread } from "@jailyard/trap/kern";
import type { Child } from "@jailyard/trap/process";
import { program } from "@jailyard/trap/program";
import { UserGate } from "@jailyard/trap/user";
import { UserProcess } from "@jailyard/trap/userprocess";

const SHAPE: GateShape = { slots: 8, dataBytes: 4096, undoBytes: 0 };
const NO_REASON = 0 as Parameters<typeof answer>[3];

export interface OneThread {
  readonly user: UserGate;
  readonly kern: KernThread;
  readonly bell: KernelGate;
  /** What the kernel has posted. */
  readonly posted: unknown[];
}

export function oneThread(): OneThread {
  const bell = new SharedArrayBuffer(BELL_BYTES);
  const page = new SharedArrayBuffer(gateBytes(SHAPE));
  const posted: unknown[] = [];
  const port = { postMessage: (message: unknown) => posted.push(message) };
  const rows = 16;
  const sleepers = new Sleepers(
    new Carver(new SharedArrayBuffer(Sleepers.bytes(rows, 2))),
    rows,
    2,
  );
  const kern = {
    ix: 0,
    awaits: true,
    port,
    page: new GatePage(page, SHAPE),
    sleepers,
    home: 1,
    draining: false,
    owed: false,
  };
  const gate = new KernelGate(bell, 2);
  gate.threads[0] = kern;
  const { port2 } = new MessageChannel();
  const user = new UserGate(
    { bell, page, shape: SHAPE, thread: 0, port: port2 as never },
    sleepers,
  );
  return { user, kern, bell: gate, posted };
}

/** A call of the kernel's side; null: no answer, now or ever. */
export type Carry = (sysno: number, frame: Frame, slot: number) => Errno | null;

/** Carry calls out in every turn of the event loop until stopped. An exit ends its caller. */
export function serve({ bell, kern }: OneThread, carry: Carry): () => void {
  let stopped = false;
  const round = (): void => {
    bell.drain((thread, slot, sysno) => {
      const error = carry(sysno, kern.page.frame(slot), slot);
      const ends = sysno === SYS_exit && error === OK;
      if (error !== null) answer(thread, slot, ends ? EDEAD : error, NO_REASON, undefined);
    });
    if (!stopped) setImmediate(round);
  };
  round();
  return () => {
    stopped = true;
  };
}

const HOST: Host = {
  jail: "test",
  stat: () => ({ dev: 1, ino: 1 }),
  print() {},
  emit() {},
  crashed(_pid, error) {
    throw error;
  },
  begun() {},
  left() {},
  startThread() {},
};

/** Run a process as a coroutine of this thread; resolves once it has ended. */
export function spawn({ user }: OneThread, main: Child): Promise<void> {
  const u = new UserProcess(user, user.takeSlot());
  u.pid = (100 + u.slot) as Pid;
  const cx: Context = { gate: user, host: HOST, program: program("test", main), args: [] };
  return runAwaited(cx, u, "default", undefined);
}
