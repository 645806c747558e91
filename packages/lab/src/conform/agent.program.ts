/** Placement `central`: a process of a case as a coroutine of its jail's thread. */
import { type Process, program } from "@jailyard/host/programapi";
import { type AgentArg, failed, make, type Order, type Reply, told } from "./agentcalls.ts";
import { Mailbox } from "./mailbox.ts";

async function carry(p: Process, order: Order, arg: AgentArg): Promise<Reply> {
  try {
    if (order.call === "exit") return p.exit(0);
    if (order.call === "exec") return await p.exec("default", { ...arg, greeting: { ret: 0 } });
    if (order.call !== "fork") return told(order, await make(p, order));
    return { ret: await p.fork("default", { ...arg, ...order.args, greeting: {} }) };
  } catch (error) {
    return failed(error);
  }
}

/** Greet, then take orders until told to quit. */
async function agent(p: Process, given: unknown): Promise<void> {
  const arg = given as AgentArg;
  const mail = new Mailbox(arg.memory, arg.box);
  for (const signal of arg.signals) await p.signal(signal, () => {});
  mail.answer(arg.greeting);
  for (;;) {
    const order = (await mail.nextOrderAsync()) as Order;
    if (order.call === "quit") return;
    mail.answer(await carry(p, order, arg));
  }
}

export default program("agent", agent);
