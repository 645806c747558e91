/** Processes as coroutines of one thread: what happens when things happen at the same time. */
import { OK } from "@jailyard/abi/errno";
import { SIGKILL, SIGNALS, sigmask } from "@jailyard/abi/signal";
import { SYS_exit, SYS_fork, SYS_semop } from "@jailyard/abi/syscall";
import { RET0 } from "@jailyard/abi/wire";
import { nudge } from "@jailyard/trap/kern";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Carry, type OneThread, oneThread, serve, spawn } from "../support/onethread.ts";

let thread: OneThread;
let stop = (): void => {};
const exits: number[] = [];

beforeEach(() => {
  thread = oneThread();
  exits.length = 0;
});
afterEach(() => stop());

/** Calls succeed, but semop, which sleeps for ever; `forked` is told the slot of each child. */
function serving(forked: (child: number, parent: number) => void = () => {}): void {
  const carry: Carry = (sysno, frame, slot) => {
    if (sysno === SYS_exit) exits.push(slot);
    if (sysno === SYS_fork) {
      const child = frame.a[0];
      frame.a[RET0] = 200 + child;
      forked(child, slot);
    }
    return sysno === SYS_semop ? null : OK;
  };
  stop = serve(thread, carry);
}

const USR1 = sigmask(SIGNALS.SIGUSR1);
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await turn();
};

describe("fork(2)", () => {
  test("the child runs although a handler ends its parent in the same call", async () => {
    serving((_child, parent) => nudge(thread.kern, parent, { sigs: USR1 }));
    let ran = false;
    await spawn(thread, async (p) => {
      await p.signal("SIGUSR1", () => p.exit(3));
      await p.fork(() => {
        ran = true;
      });
    });
    await until(() => thread.user.slotsInUse === 0);
    expect(ran).toBe(true);
    expect(exits.sort()).toEqual([0, 1]);
  });

  test("a child that is killed before it runs does not run", async () => {
    serving((child) => nudge(thread.kern, child, { killed: SIGKILL }));
    let ran = false;
    await spawn(thread, async (p) => {
      await p.fork(() => {
        ran = true;
      });
    });
    await until(() => thread.user.slotsInUse === 0);
    expect(ran).toBe(false);
    expect(exits).toEqual([0]);
  });
});

describe("a sleep", () => {
  test("of no number is a TypeError, and the process lives on", async () => {
    serving();
    let error: unknown;
    await spawn(thread, async (p) => {
      error = await p.sleep(Number.NaN).catch((thrown) => thrown);
      await p.getpid();
    });
    expect(error).toBeInstanceOf(TypeError);
    expect(exits).toEqual([0]);
  });

  test("is not ended by a signal that was handled before it", async () => {
    serving();
    let slept = 0;
    await spawn(thread, async (p) => {
      await p.signal("SIGUSR1", () => {});
      nudge(thread.kern, 0, { sigs: USR1 });
      expect(await p.sleep(30)).toBe(30); // the handler runs, the sleep is over at once
      const began = performance.now();
      await p.sleep(30);
      slept = performance.now() - began;
    });
    expect(slept).toBeGreaterThan(29);
  });

  test("that begins while the thread waits for a call's end is over in time", async () => {
    serving();
    void spawn(thread, (p) => p.semop(1, [[0, -1]]));
    let over = false;
    await spawn(thread, async (p) => {
      stop(); // nothing but the program's own timer is to come
      await new Promise((resolve) => setTimeout(resolve, 20));
      await p.sleep(5);
      over = true;
      serving();
    });
    expect(over).toBe(true);
  });
});
