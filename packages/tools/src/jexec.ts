/**
 * jexec(8): run a command in a jail. [TOOL-38] [TOOL-39]
 *
 * The process attaches to the jail and becomes the command, a tool or a program of the user's: from
 * then on it sees what the jail sees. There is no shell, so a command has to be named; and as there
 * is no environment, -l changes nothing.
 */
import type { Process } from "@jailyard/trap/process";
import { commandOf, execute } from "./execvp.ts";
import { argumentOf, getopt } from "./getopt.ts";
import { jailNamed } from "./jails.ts";
import { uidOf } from "./owners.ts";
import { attempt, failed, reasonOf, type Surroundings, tool, usage } from "./tool.ts";
import { warnx } from "./warn.ts";

const USAGE = ["usage: jexec [-l] [-u username | -U username] jail command ..."];

export default tool("jexec", async (p, around) => {
  const parsed = getopt(p.args, "lu:U:");
  if (typeof parsed === "string") return usage(p, USAGE, parsed);
  const { operands } = parsed;
  const users = parsed.options.filter(({ letter }) => letter !== "l");
  if (operands.length === 0 || users.length > 1) return usage(p, USAGE);
  const user = argumentOf(parsed, "u") ?? argumentOf(parsed, "U");
  const why = await enterAndRun(p, operands[0], user, operands.slice(1), around);
  warnx(p, why);
  return 1;
});

/** Returns only if it fails: why. */
async function enterAndRun(
  p: Process,
  name: string,
  user: string | undefined,
  words: readonly string[],
  around: Surroundings,
): Promise<string> {
  const uid = user === undefined ? null : uidOf(user);
  if (user !== undefined && uid === null) return `${user}: no such user`;
  const jail = await jailNamed(p, name);
  if (typeof jail === "string") return jail;
  const attached = await attempt(p.jail_attach(jail.jid));
  if (failed(attached)) return `jail_attach(${jail.jid}): ${reasonOf(attached)}`;
  const set = uid === null ? undefined : await attempt(p.setcred(uid, uid));
  if (failed(set)) return `setusercontext: ${reasonOf(set)}`;
  const command = await commandOf(words, around);
  return typeof command === "string" ? command : execute(p, command);
}
