/** Tells what a program has of "jailyard", and of the modules behind it. */
import { program, SysError } from "jailyard";

export default program(
  "instances",
  async (p, arg) => {
    await p.exec((arg as { entry: string }).entry);
  },
  {
    async names(p) {
      p.emit(Object.keys(await import("jailyard")).sort());
    },
    /** Errors of calls are of the class that programs import, by whatever name. */
    async errors(p) {
      const error = await p.semget(7, 1, 0o600).catch((thrown: unknown) => thrown);
      const byFile = await import("@jailyard/abi/syserror");
      p.emit([error instanceof SysError, error instanceof byFile.SysError]);
    },
    /** Allocates until there is no more. */
    async hog(p) {
      const kept: object[] = [];
      while (p.pid > 0) kept.push(Array.from({ length: 10_000 }, (_, n) => ({ n })));
      p.emit(kept.length);
    },
  },
);
