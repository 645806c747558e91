/** Queue storm: a crowd of senders and receivers at one queue that is always full or empty. */
import { IPC_CREAT, IPC_RMID, IPC_STAT } from "@jailyard/abi/ipc";
import type { Msqid } from "@jailyard/abi/types";
import { randomBelow } from "../postgres/random.ts";
import { keyOf, stressor } from "./stressor.ts";
import { verify } from "./worker.ts";

/** Types of messages; a receiver takes the lowest up to one that it draws, or any. */
const TYPES = 8;

interface Shared {
  readonly queue: Msqid;
  /** Messages and bytes, sent and received. */
  readonly sent: { messages: number; bytes: number };
  readonly received: { messages: number; bytes: number };
}

export default stressor<Shared>(
  {
    name: "storm",
    summary: "queue storm: a crowd at one short queue, woken all together by every message",
    operation: "a message sent or received",
    verifies:
      "messages and bytes sent are those received and those left; types are those asked for",
    mechanisms: ["msg"],
    leastProcs: 2,
    leastJails: 1,
    shareable: false,
    expects: [],
    options: {
      bytes: { about: "bytes of a text, at most", default: 128, min: 1, max: 2048 },
    },
    needs: () => ({ msgmni: 1, msgtql: 2048, msgseg: 256 }),
  },
  {
    async setup(p, arg) {
      const queue = await p.msgget(keyOf(arg, 1), IPC_CREAT | 0o600);
      await p.label(queue, 0, "storm queue", "msg");
      const none = { messages: 0, bytes: 0 };
      return { queue, sent: { ...none }, received: { ...none } };
    },

    async work(me, { queue, sent, received }) {
      const send = async (): Promise<void> => {
        const mtext = new Uint8Array(1 + randomBelow(me.rng, me.option("bytes")));
        const mtype = 1 + randomBelow(me.rng, TYPES);
        await me.wait(() => me.p.msgsnd(queue, { mtype, mtext }));
        add(sent, mtext);
      };
      const receive = async (): Promise<void> => {
        const most = me.rng() < 0.5 ? 0 : TYPES;
        const { mtype, mtext } = await me.wait(() => me.p.msgrcv(queue, 2048, -most));
        add(received, mtext);
        verify(mtype >= 1 && mtype <= TYPES, `a message of type ${mtype} was never sent`);
      };
      await me.run(me.ix % 2 === 0 ? send : receive);
    },

    async verify(p, { queue, sent, received }) {
      const { msg_qnum, msg_cbytes } = await p.msgctl(queue, IPC_STAT);
      const messages = sent.messages - received.messages;
      const bytes = sent.bytes - received.bytes;
      verify(msg_qnum === messages, `the queue has ${msg_qnum} messages, ${messages} are missing`);
      verify(msg_cbytes === bytes, `the queue has ${msg_cbytes} bytes, ${bytes} are missing`);
    },

    async teardown(p, { queue }) {
      await p.msgctl(queue, IPC_RMID);
    },
  },
);

function add(sum: { messages: number; bytes: number }, text: Uint8Array): void {
  sum.messages++;
  sum.bytes += text.length;
}
