/** Messages that each process sends to itself through one queue, as stress-ng's --msg does. */
import { IPC_CREAT, IPC_NOWAIT, IPC_RMID, IPC_STAT } from "@jailyard/abi/ipc";
import type { SysError } from "@jailyard/abi/syserror";
import type { Msqid } from "@jailyard/abi/types";
import { randomBelow } from "../postgres/random.ts";
import { keyOf, stressor } from "./stressor.ts";
import { verify, type Worker } from "./worker.ts";

/** Bytes of the sequence number in front of each text. */
const HEAD = 4;

export default stressor<Msqid>(
  {
    name: "msg",
    summary: "one queue: messages of a type for each process, some in flight",
    operation: "a message sent, or one received by its type",
    verifies: "messages of a type come in their order, and whole; the queue is empty at the end",
    mechanisms: ["msg"],
    leastProcs: 1,
    leastJails: 1,
    shareable: false,
    expects: [],
    options: {
      bytes: { about: "bytes of a text, at most", default: 64, min: 4, max: 1024 },
      flight: { about: "messages of a process in the queue, at most", default: 4, min: 1, max: 64 },
    },
    needs: (procs, { bytes, flight }) => {
      const messages = procs * Number(flight);
      return { msgmni: 1, msgtql: messages, msgseg: messages * Math.ceil(Number(bytes) / 8) };
    },
  },
  {
    async setup(p, arg) {
      const queue = await p.msgget(keyOf(arg, 1), IPC_CREAT | 0o600);
      await p.label(queue, 0, "messages", "msg");
      return queue;
    },

    async work(me, queue) {
      let sent = 0;
      let received = 0;
      const receive = async (flags: number): Promise<void> => {
        const { mtext } = await me.wait(() => me.p.msgrcv(queue, 1024, me.ix + 1, flags));
        check(mtext, received++);
      };
      await me.run(async () => {
        const flight = sent - received;
        const full = flight >= me.option("flight");
        if (!full && (flight === 0 || me.rng() < 0.5)) {
          if (await send(me, queue, sent, flight === 0)) sent++;
          else await receive(0); // there is no room: what is there is to be taken first
        } else await receive(0);
      });
      while (received < sent) await receive(IPC_NOWAIT);
    },

    async verify(p, queue) {
      const { msg_qnum, msg_cbytes } = await p.msgctl(queue, IPC_STAT);
      verify(msg_qnum === 0, `${msg_qnum} messages are in the queue after all were received`);
      verify(msg_cbytes === 0, `msg_cbytes is ${msg_cbytes} for an empty queue`);
    },

    async teardown(p, queue) {
      await p.msgctl(queue, IPC_RMID);
    },
  },
);

/** False: no room, and the process has messages in the queue that it can take instead. */
async function send(me: Worker, queue: Msqid, n: number, waits: boolean): Promise<boolean> {
  const mtext = textOf(n, HEAD + randomBelow(me.rng, me.option("bytes") - HEAD + 1));
  try {
    const msg = { mtype: me.ix + 1, mtext };
    await me.wait(() => me.p.msgsnd(queue, msg, waits ? 0 : IPC_NOWAIT));
    return true;
  } catch (error) {
    if (!waits && (error as SysError).code === "EAGAIN") return false;
    throw error;
  }
}

/** The number, then bytes that follow from it. */
function textOf(n: number, bytes: number): Uint8Array {
  const text = new Uint8Array(bytes).fill((n * 31) & 0xff);
  new DataView(text.buffer).setUint32(0, n);
  return text;
}

function check(text: Uint8Array, expected: number): void {
  const n = new DataView(text.buffer, text.byteOffset).getUint32(0);
  verify(n === expected, `message ${n} came where ${expected} was due`);
  const whole = text.subarray(HEAD).every((byte) => byte === ((n * 31) & 0xff));
  verify(whole, `message ${n} came with other bytes than were sent`);
}
