/** What `jailyard size` prints for people. */
import type { Break } from "@jailyard/lab/sizing/breaks";
import { leastLimits, leastRules } from "@jailyard/lab/sizing/least";
import { confLines } from "@jailyard/lab/sizing/lines";
import type { Sizing } from "./size.ts";
import { bold, count, dim, green, plural, print, red, table, wrapped } from "./terminal.ts";

function printPlan({ plan, demand }: Sizing): void {
  const { version, instances, maxConnections } = plan;
  const { semaphores, sum, sets, nsems, segmentBytes } = demand;
  print(
    bold(
      `${plural(instances, `PostgreSQL ${version} server`)}, max_connections=${maxConnections}, ` +
        "each in a jail with name spaces of its own",
    ),
  );
  print(
    wrapped(
      `Each asks for ${count(semaphores)} semaphores (${sum}) in ${plural(sets, "set")} of ` +
        `${nsems}, and a segment of ${count(segmentBytes)} bytes.`,
    ),
  );
  print();
}

export function printLeast(sizing: Sizing, rctl: boolean, all: boolean): void {
  const { plan, breaks } = sizing;
  const least = leastLimits(plan);
  printPlan(sizing);
  const rows = least.map(({ name, value, usual, when, why }) => [
    name,
    count(value),
    value > usual ? `${count(usual)}, too small` : count(usual),
    when === "boot" ? "loader.conf" : "sysctl.conf",
    why,
  ]);
  print(table(["setting", ">least", ">default", "set in", "because"], rows));
  if (rctl) printRules(sizing);
  print();
  if (breaks === null) print("  FreeBSD's defaults suffice.");
  else print(wrapped(`With FreeBSD's defaults ${breakSentence(sizing, breaks)}`));
  for (const { name, value } of least.filter(({ impossible }) => impossible)) {
    print(red(wrapped(`No kernel takes ${name}=${value}: put fewer servers on one host.`)));
  }
  for (const { file, lines } of confLines(plan, rctl, all)) {
    print();
    print(dim(`# ${file}`));
    for (const line of lines) print(line);
  }
}

function printRules({ plan }: Sizing): void {
  print();
  const rows = leastRules(plan).map(({ resource, amount, why }) => [resource, count(amount), why]);
  print(table(["rule for each jail", ">least", "because"], rows));
}

export function printGiven(sizing: Sizing): void {
  const { given, breaks } = sizing;
  printPlan(sizing);
  for (const text of given!.ignored) print(wrapped(`Note: ${text}.`));
  if (breaks === null) print(green("  The settings suffice."));
  else print(red(wrapped(`The settings do not suffice: ${breakSentence(sizing, breaks)}`)));
  if (breaks === null) return;
  const remedy = leastLimits(sizing.plan).find(({ name }) => name === breaks.limit);
  if (remedy === undefined || breaks.limit === "kern.ipc.shmmin") return;
  const where = remedy.when === "boot" ? "loader.conf and boot" : "sysctl.conf";
  print(
    wrapped(`Put ${remedy.name}=${remedy.value} into ${where}: ${remedy.why}. Then ask again.`),
  );
}

/** `server 2 (jail2) fails at set 7 of 14: semget(5432007) says ENOSPC, as ...`. */
export function breakSentence({ demand }: Pick<Sizing, "demand">, one: Break): string {
  const { limit, value, instance, call, set, key, code, inUse, request } = one;
  const what = set === 0 ? "its segment" : `set ${set} of ${demand.sets}`;
  const how = key === null ? call : `${call} of key ${key}`;
  const name = `${limit}=${value}`;
  const why =
    inUse === null
      ? `it asks for ${request} with ${name}`
      : `it asks for ${request} more when ${inUse} of ${name} are in use`;
  return `server ${instance} (jail${instance}) fails at ${what}: ${how} says ${code}, as ${why}.`;
}

export function printVerified({ verified, given }: Sizing): void {
  const { seen, agrees } = verified!;
  print();
  const settings = given === null ? "the least settings" : "these settings";
  if (seen === null) print(`  Verified in a yard with ${settings}: all servers started.`);
  else {
    const { instance, call, code, limit } = seen;
    print(
      wrapped(
        `Verified in a yard with ${settings}: server ${instance} did not start: ${call} said ` +
          `${code} for ${limit}.`,
      ),
    );
    for (const line of seen.log.slice(0, 2)) print(dim(wrapped(line, "    ")));
  }
  print(agrees ? green("  The run did what was predicted.") : red("  That was NOT predicted."));
}
