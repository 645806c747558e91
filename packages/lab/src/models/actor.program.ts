/** A process that carries out the calls of a scenario, one at a time, as it is told. */
import { type Process, program, SysError } from "@jailyard/host/programapi";
import { Mailbox } from "../conform/mailbox.ts";

export interface ActorArg {
  readonly memory: SharedArrayBuffer;
  readonly box: number;
}

/** A call of libc by name; `fork` takes the box of the child, `quit` has no reply. */
export interface Order {
  readonly call: string;
  readonly args: readonly unknown[];
}

/** What a call gave, and how long it took in microseconds; or how it failed. */
export type Reply =
  | { readonly value: unknown; readonly micros: number }
  | { readonly code: string; readonly reason: string; readonly micros: number }
  | { readonly threw: string };

type AnyCalls = Readonly<Record<string, (...args: readonly unknown[]) => Promise<unknown>>>;

async function carry(p: Process, { call, args }: Order, arg: ActorArg): Promise<Reply> {
  const began = performance.now();
  const micros = (): number => (performance.now() - began) * 1000;
  try {
    if (call === "fork") {
      return { value: await p.fork("default", { ...arg, box: args[0] }), micros: micros() };
    }
    const value = await (p as unknown as AnyCalls)[call](...args);
    const taken = micros();
    return { value: call === "shmat" ? undefined : value, micros: taken }; // memory does not travel
  } catch (error) {
    if (error instanceof SysError) {
      return { code: error.code, reason: error.reason, micros: micros() };
    }
    if (error instanceof TypeError) return { threw: error.message };
    throw error;
  }
}

export default program("actor", async (p, given) => {
  const arg = given as ActorArg;
  const mail = new Mailbox(arg.memory, arg.box);
  await p.signal("SIGSYS", () => {}); // of a call whose module is not there: ENOSYS is enough
  mail.answer({ value: undefined, micros: 0 });
  for (;;) {
    const order = (await mail.nextOrderAsync()) as Order;
    if (order.call === "quit") return;
    mail.answer(await carry(p, order, arg));
  }
});
