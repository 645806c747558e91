/** What jail(8) itself makes of jail.conf(5): which parameters are its own, and who comes after whom. */
import { type ConfJail, JailConfError, lastWords } from "./jailconf.ts";

/** Commands that jail(8) runs when a jail begins and ends; `.start` and `.stop` in the jail. */
export const HOOKS = [
  ...(["exec.prestart", "exec.created", "exec.start", "exec.poststart"] as const),
  ...(["exec.prestop", "exec.stop", "exec.poststop"] as const),
];
export type Hook = (typeof HOOKS)[number];

/** How they are run, and how long a jail may take to end. */
const HOW = ["exec.clean", "exec.jail_user", "exec.timeout", "stop.timeout"];

/** Parameters of jail(8) and not of the kernel, but for `depend`. */
export const EXEC_PARAMS: ReadonlySet<string> = new Set<string>([...HOOKS, ...HOW]);

/** Names after `depend`. */
export const dependsOn = ({ settings }: ConfJail): readonly string[] =>
  lastWords(settings).get("depend")?.values ?? [];

/**
 * Each jail after those that it depends on; else in the order of the file.
 * @throws JailConfError for a jail that is not there, or that waits for itself
 */
export function inOrder(jails: readonly ConfJail[]): ConfJail[] {
  const named = new Map(jails.map((jail) => [jail.name, jail]));
  const done = new Set<ConfJail>();
  const under: ConfJail[] = [];
  const visit = (jail: ConfJail): void => {
    if (done.has(jail)) return;
    const at = lastWords(jail.settings).get("depend") ?? jail;
    if (under.includes(jail)) {
      const round = [...under.slice(under.indexOf(jail)), jail]
        .map(({ name }) => name)
        .join(" -> ");
      throw new JailConfError(at, `depend: jails wait for each other: ${round}`);
    }
    under.push(jail);
    for (const name of dependsOn(jail)) {
      const other = named.get(name);
      if (other === undefined) throw new JailConfError(at, `depend: there is no jail "${name}"`);
      visit(other);
    }
    under.pop();
    done.add(jail);
  };
  for (const jail of jails) visit(jail);
  return [...done];
}
