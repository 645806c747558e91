/** Prints its argument and ends without a call. */
import { program } from "jailyard";

export default program("echo", (p) => p.print(p.args[0]));
