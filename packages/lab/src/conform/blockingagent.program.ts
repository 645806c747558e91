/** Placement `central`: a process of a case that owns its thread; each call blocks it. */
import { blocking, type Process } from "@jailyard/host/programapi";
import { type AgentArg, failed, make, type Order, type Reply, told } from "./agentcalls.ts";
import { Mailbox } from "./mailbox.ts";

function carry(p: Process<"blocking">, order: Order, arg: AgentArg): Reply {
  try {
    if (order.call === "exit") return p.exit(0);
    if (order.call === "exec") return p.exec("default", { ...arg, greeting: { ret: 0 } });
    if (order.call !== "fork") return told(order, make(p, order));
    return { ret: p.fork("default", { ...arg, ...order.args, greeting: {} }) };
  } catch (error) {
    return failed(error);
  }
}

/** Greet, then take orders until told to quit. */
function agent(p: Process<"blocking">, given: unknown): void {
  const arg = given as AgentArg;
  const mail = new Mailbox(arg.memory, arg.box);
  for (const signal of arg.signals) p.signal(signal, () => {});
  mail.answer(arg.greeting);
  for (;;) {
    const order = mail.nextOrder() as Order;
    if (order.call === "quit") return;
    mail.answer(carry(p, order, arg));
  }
}

export default blocking("agent", agent);
