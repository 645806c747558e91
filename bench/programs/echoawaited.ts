/** The same as echo.ts by a coroutine. */
import { program } from "jailyard";
import type { EchoArg } from "./echo.ts";

export default program("echo", async (p, arg) => {
  const { id } = arg as EchoArg;
  const take = [[0, -1]] as const;
  const give = [[1, 1]] as const;
  for (;;) {
    await p.semop(id, take);
    await p.semop(id, give);
  }
});
