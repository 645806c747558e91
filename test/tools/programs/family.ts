/** A program that forks an entry by its name, and shows what it and the child were given. */
import { program } from "jailyard";

export default program(
  "family",
  async (p) => {
    p.print(`${p.comm} ${p.args.join("+")}`);
    await p.fork("child", "heir");
    return (await p.wait())?.status ?? 1;
  },
  {
    child: async (p, arg) => {
      const { jid, uid } = await p.getcred();
      p.print(`${arg} ${p.args.join("+")} in ${jid} as ${uid}`);
      return 5;
    },
  },
);
