/**
 * A simulated PostgreSQL server as a program: its argument is an InstanceConfig, what it emits are
 * PostgresRecords, its exit status is PostgreSQL's own: 0 after a shutdown, 1 for a failed start.
 */
import { program } from "@jailyard/trap/program";
import { Chaos } from "./chaos.ts";
import { Postmaster } from "./postmaster.ts";
import { settingsOf } from "./settings.ts";

export default program("postgres", (p, arg) => {
  const settings = settingsOf(arg, p.jail);
  return settings.chaos === "none"
    ? new Postmaster(p, settings).run()
    : new Chaos(p, settings).run();
});
