/** A process that owns its thread, and its child on another: what the child says. */
import { blocking } from "jailyard";

export default blocking(
  "family",
  (p) => {
    p.fork("child", "hello");
    p.emit(p.wait()?.status);
  },
  {
    child(p, arg) {
      p.print(`child says ${arg}`);
      return 4;
    },
  },
);
