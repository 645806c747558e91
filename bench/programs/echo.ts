/** The other side of a ping-pong: hands back what it is handed, until it is killed. */
import { blocking } from "jailyard";

export interface EchoArg {
  readonly id: number;
}

export default blocking("echo", (p, arg) => {
  const { id } = arg as EchoArg;
  const take = [[0, -1]] as const;
  const give = [[1, 1]] as const;
  for (;;) {
    p.semop(id, take);
    p.semop(id, give);
  }
});
