/**
 * ipcns(8): list name spaces of System V IPC, and run a command in one. Ours, for models in which
 * name spaces have names; after lsns(8), nsenter(1) and unshare(1) of Linux.
 */
import type { IpcnsRow } from "@jailyard/abi/ipcns";
import type { Facility } from "@jailyard/abi/types";
import type { Process } from "@jailyard/trap/process";
import { columnLines } from "./columns.ts";
import { commandOf, execute } from "./execvp.ts";
import { argumentOf, countOf, getopt, type Options } from "./getopt.ts";
import { attempt, failed, reasonOf, type Surroundings, tool, usage } from "./tool.ts";
import { jsonLine } from "./vis.ts";
import { warnx } from "./warn.ts";

const USAGE = [
  "usage: ipcns [-qms] [--json]",
  "       ipcns [-qms] -c name command ...",
  "       ipcns [-qms] -e name command ...",
];
const LETTERS: readonly (readonly [letter: string, facility: Facility])[] = [
  ["q", "msg"],
  ["m", "shm"],
  ["s", "sem"],
];
const HEADINGS = ["T", "ID", "OBJECTS", "PROCS", "MINE", "NAME"];
const NUMBERS = new Set(["ID", "OBJECTS", "PROCS"]);

export default tool("ipcns", async (p, around) => {
  const parsed = getopt(p.args, "qmsc:e:", { json: false });
  if (typeof parsed === "string") return usage(p, USAGE, parsed);
  const { operands } = parsed;
  const ways = ["c", "e"].filter((letter) => countOf(parsed, letter) > 0);
  const isList = ways.length === 0;
  if (ways.length > 1 || isList !== (operands.length === 0)) return usage(p, USAGE);
  if (isList) return list(p, parsed);
  if (countOf(parsed, "json") > 0) return usage(p, USAGE);
  warnx(p, await moveAndRun(p, parsed, around));
  return 1;
});

/** Those that are asked for; all if none is. */
function facilitiesOf(parsed: Options): Facility[] {
  const asked = LETTERS.filter(([letter]) => countOf(parsed, letter) > 0);
  return (asked.length === 0 ? LETTERS : asked).map(([, facility]) => facility);
}

async function list(p: Process, parsed: Options): Promise<number> {
  const wanted = facilitiesOf(parsed);
  const rows = (await p.ipcns_list()).filter(({ facility }) => wanted.includes(facility));
  if (countOf(parsed, "json") > 0) {
    p.print(jsonLine(rows));
    return 0;
  }
  const columns = HEADINGS.map((heading) => ({ heading, isNumber: NUMBERS.has(heading) }));
  for (const line of columnLines(columns, rows.map(cellsOf))) p.print(line);
  return 0;
}

function cellsOf({ facility, id, name, objects, processes, mine }: IpcnsRow): string[] {
  const letter = LETTERS.find(([, f]) => f === facility)![0];
  return [letter, String(id), String(objects), String(processes), mine ? "yes" : "-", name];
}

/** Returns only if it fails: why. */
async function moveAndRun(p: Process, parsed: Options, around: Surroundings): Promise<string> {
  const created = argumentOf(parsed, "c");
  const name = created ?? argumentOf(parsed, "e")!;
  const [call, move] =
    created === undefined
      ? (["ipcns_enter", (f: Facility) => p.ipcns_enter(f, name)] as const)
      : (["ipcns_create", (f: Facility) => p.ipcns_create(f, name)] as const);
  const command = await commandOf(parsed.operands, around);
  if (typeof command === "string") return command;
  for (const facility of facilitiesOf(parsed)) {
    const moved = await attempt(move(facility));
    if (failed(moved)) return `${call}(${facility}, ${name}): ${reasonOf(moved)}`;
  }
  return execute(p, command);
}
