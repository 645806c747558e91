/** One sample of start.ts in a process of its own: `jails N` or `threads N`, JSON on stdout. */
import { measureScale, measureThreads } from "./start.ts";

const [, , what, count] = process.argv;
const measured = await (what === "jails" ? measureScale : measureThreads)(Number(count));
process.stdout.write(JSON.stringify(measured));
