/** A program for the host: it writes sysctls and adds rules of rctl, and ends. */
import { program } from "@jailyard/trap/program";

export interface Orders {
  readonly sysctls: Readonly<Record<string, number>>;
  readonly rules: readonly string[];
}

export default program("administrator", async (p, arg) => {
  const { sysctls, rules } = arg as Orders;
  for (const [name, value] of Object.entries(sysctls)) await p.sysctl(name, value);
  for (const rule of rules) await p.rctl_add_rule(rule);
});
