/** A program for the host: it emits all objects of the yard with their owners, and ends. */
import { program } from "@jailyard/trap/program";
import type { ListRow } from "@jailyard/trap/records";

export interface Listing {
  readonly sem: readonly ListRow<"sem">[];
  readonly shm: readonly ListRow<"shm">[];
}

export default program("lister", async (p) => {
  p.emit({ sem: await p.ipcs("sem"), shm: await p.ipcs("shm") } satisfies Listing);
});
