/** What `jailyard top` shows: a look and a state, as lines that fit a terminal. */
import { styleText } from "node:util";
import { figureText, timeText } from "@jailyard/lab/stress/figuretext";
import {
  type AnyColumn,
  COLUMNS,
  rateText,
  rowsOf,
  shortText,
  VIEWS,
} from "@jailyard/lab/top/columns";
import type { JailRow, LimitRow, Look, SleeperRow } from "@jailyard/lab/top/look";
import truncate from "cli-truncate";
import width from "string-width";
import { plural } from "./terminal.ts";
import { choiceOf, type Page, type TopState } from "./topkeys.ts";

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** mono: bold, inverse and their like, and no colour. */
export type Ink = "plain" | "mono" | "colour";

/** How a screen is to look. */
export interface Canvas extends Size {
  readonly ink: Ink;
  /** Time of day, as the corner shows it. */
  readonly clock: string;
}

type Style = Parameters<typeof styleText>[0];
type Paint = (how: Style, text: string) => string;

const COLOURS: readonly Style[] = ["red", "yellow", "green"];

const painter =
  (ink: Ink): Paint =>
  (how, text) =>
    ink === "plain" || (ink === "mono" && COLOURS.includes(how))
      ? text
      : styleText(how, text, { validateStream: false });

/** Lines beside the rows: four of what the yard is, the heads, and the last one. */
const FRAME = 6;
/** A bar is drawn in this much room, and in more if there is. */
const BAR_LEAST = 8;
const BAR_MOST = 40;
const [HIGH, FULL] = [75, 90];

type AnyRow = ReturnType<typeof rowsOf>[number];

/** Characters that would move the cursor are shown as a question mark: names are whoever's. */
const printable = (text: string): string => text.replaceAll(/\p{Cc}/gu, "?");

/** How many rows fit, and how many there are. */
export const pageOf = (look: Look, state: TopState, { rows }: Size): Page => ({
  fit: Math.max(1, rows - FRAME),
  rows: rowsOf(look, choiceOf(state)).length,
});

/** The whole screen: exactly as many lines as it has, none too long. */
export function screen(
  look: Look,
  state: TopState,
  canvas: Canvas,
  gone: string | null = null,
): string[] {
  const paint = painter(canvas.ink);
  const lines = state.help ? helpLines(state) : viewLines(look, state, canvas, gone, paint);
  const fitted = lines.slice(0, canvas.rows);
  while (fitted.length < canvas.rows) fitted.push("");
  return fitted.map((line) => cut(line, canvas.columns));
}

const cut = (line: string, columns: number): string =>
  width(line) <= columns ? line : truncate(line, columns, { truncationCharacter: "…" });

function viewLines(
  look: Look,
  state: TopState,
  canvas: Canvas,
  gone: string | null,
  paint: Paint,
): string[] {
  const { fit, rows } = pageOf(look, state, canvas);
  const at = Math.min(state.at, Math.max(0, rows - fit));
  const shown = rowsOf(look, choiceOf(state)).slice(at, at + fit);
  const table = tableLines(look, state, shown, canvas.columns, paint);
  const body = [...headLines(look, state, canvas, paint), ...table];
  while (body.length < canvas.rows - 1) body.push("");
  const last = lastLine(state, gone, { fit, rows }, at, paint);
  return [...body.slice(0, canvas.rows - 1), last];
}

/** Who the yard is and how it is. */
export function headLines(look: Look, state: TopState, canvas: Canvas, paint: Paint): string[] {
  const { sample } = look;
  const title = `jailyard top - yard ${sample.yard}, up ${upText(sample.atNanos / 1e9)}: ${sample.manner}`;
  const room = canvas.columns - width(canvas.clock) - 1;
  const jails = sample.jails.filter(({ jid }) => jid !== 0);
  const processes = sample.jails.reduce((sum, jail) => sum + jail.processes, 0);
  const per = look.span === "totals" ? "" : "/s";
  const waited =
    look.span === "totals" ? timeText(look.wait * 1000) : `${shortText(look.wait)} s/s`;
  const rate = (value: number, what: string): string => `${rateText(value, look)} ${what}${per}`;
  const summary = [
    `${plural(jails.length, "jail")}, ${figureText(processes)} process${processes === 1 ? "" : "es"}`,
    `${figureText(sample.waitingCount)} asleep for locks, ${waited} waited, ${rate(look.waits, "waits")}`,
    `${rate(look.calls, "calls")}, ${rateText(look.gateCalls, look)} at the gate`,
  ];
  return [
    paint("bold", cut(printable(title), room).padEnd(room)) + (room > 20 ? ` ${canvas.clock}` : ""),
    summary.join("; "),
    alertLine(look, paint),
    tabLine(look, state, paint),
  ];
}

/** `0:03:12`, with days before it. */
function upText(seconds: number): string {
  const whole = Math.floor(seconds);
  const [s, m, h] = [whole % 60, Math.floor(whole / 60) % 60, Math.floor(whole / 3600) % 24];
  const days = Math.floor(whole / 86_400);
  const clock = `${h}:${String(m).padStart(2, "0")}:${String(s).padStart(2, "0")}`;
  return days === 0 ? clock : `${days}+${clock}`;
}

/** What asks for attention first: a deadlock, a limit that is nearly full. */
function alertLine({ sample, limits }: Look, paint: Paint): string {
  const [first] = sample.deadlocks;
  if (first !== undefined) {
    const more = sample.deadlocks.length > 1 ? ` (and ${sample.deadlocks.length - 1} more)` : "";
    return paint("red", `${printable(first.text).replace("deadlock", "DEADLOCK")}${more}`);
  }
  const fullest = [...limits].sort((a, b) => b.share - a.share)[0];
  const parts: string[] = [];
  if (fullest !== undefined && fullest.use > 0) {
    const { limit, use, value, holder, amount } = fullest;
    const most = holder === "" ? "" : `, most by ${printable(holder)}: ${figureText(amount)}`;
    parts.push(`fullest limit: ${limit} ${figureText(use)} of ${figureText(value)}${most}`);
  }
  if (sample.deadlockCount > 0) parts.push(`${plural(sample.deadlockCount, "deadlock")}, over now`);
  if (sample.stats === "off") parts.push("--stats off: waits and sleepers are not known");
  const text = parts.join("; ");
  return fullest !== undefined && fullest.share >= FULL ? paint("yellow", text) : text;
}

function tabLine(look: Look, state: TopState, paint: Paint): string {
  const tabs = VIEWS.map((view, ix) =>
    view === state.view
      ? paint(["bold", "underline"], `[${ix + 1} ${view}]`)
      : ` ${ix + 1} ${view} `,
  );
  const { sort, reversed, filter, busy, tree } = choiceOf(state);
  const span = look.span === "totals" ? "totals" : `a second, over ${look.seconds.toFixed(1)} s`;
  const words = [
    `by ${sort}${reversed ? " reversed" : ""}`,
    span,
    filter === "" ? "" : `filter "${printable(filter)}"`,
    busy ? "busy ones" : "",
    tree && state.view === "sleepers" ? "tree" : "",
    state.paused ? paint("yellow", "PAUSED") : "",
  ];
  return `${tabs.join("")}  ${words.filter((word) => word !== "").join(", ")}`;
}

function lastLine(
  { prompt, message, view }: TopState,
  gone: string | null,
  { fit, rows }: Page,
  at: number,
  paint: Paint,
): string {
  if (prompt !== null) {
    const asks = { filter: "Filter", sort: `Sort by (${keysOf(view)})`, interval: "Seconds" };
    return `${asks[prompt.what]}: ${prompt.text}${paint("inverse", " ")}`;
  }
  if (message !== "") return paint("yellow", message);
  if (gone !== null) return paint("red", `${gone}; waiting for it, q quits`);
  const where = rows > fit ? `${at + 1} to ${Math.min(rows, at + fit)} of ${rows}; ` : "";
  return paint("dim", `${where}1-4 view  < > sort  r reverse  / filter  p pause  ? help  q quit`);
}

const keysOf = (view: TopState["view"]): string => COLUMNS[view].map(({ key }) => key).join(" ");

interface Placed {
  readonly column: AnyColumn;
  readonly width: number;
}

/** Which columns there is room for, and how much each gets. */
export function placed(columns: readonly AnyColumn[], room: number): Placed[] {
  let kept = [...columns];
  const least = (): number => kept.reduce((sum, column) => sum + column.width + 1, -1);
  while (least() > room && kept.length > 1) {
    const worst = Math.max(...kept.map(({ rank }) => rank));
    kept = kept.filter((column) => column !== kept.findLast(({ rank }) => rank === worst));
  }
  const texts = kept.filter(({ isText }) => isText);
  const spare = Math.max(0, room - least());
  const share = texts.length === 0 ? 0 : Math.floor(spare / texts.length);
  return kept.map((column) => ({
    column,
    width: Math.min(room, column.width + (column.isText ? Math.min(share, column.width * 2) : 0)),
  }));
}

function tableLines(
  look: Look,
  state: TopState,
  rows: readonly AnyRow[],
  room: number,
  paint: Paint,
): string[] {
  const bar = state.view === "limits" ? Math.min(BAR_MOST, room - 76) : 0;
  const hasBar = bar >= BAR_LEAST;
  const columns = placed(COLUMNS[state.view], hasBar ? room - bar - 3 : room);
  const { sort } = state.sorts[state.view];
  const heads = columns.map(({ column, width: wide }) => {
    const head = column.key === sort ? `*${column.head}` : column.head;
    return aligned(head, wide, column.isText === true);
  });
  const barHead = hasBar ? ` ${"".padEnd(bar + 2)}` : "";
  const line = (row: AnyRow): string => {
    const cells = columns.map(({ column, width: wide }) =>
      aligned(printable(cellText(column, row, look)), wide, column.isText === true),
    );
    const drawn = hasBar ? ` ${barText(row as LimitRow, bar)}` : "";
    return coloured(row, `${cells.join(" ")}${drawn}`, paint);
  };
  const head = `${heads.join(" ")}${barHead}`.padEnd(room);
  const none = `  ${state.filter === "" ? NONE[state.view] : `no ${state.view} with "${printable(state.filter)}"`}`;
  return [paint("inverse", cut(head, room)), ...(rows.length === 0 ? [none] : rows.map(line))];
}

const NONE: Readonly<Record<TopState["view"], string>> = {
  jails: "no jail does anything",
  locks: "no lock was taken",
  sleepers: "nobody sleeps for a lock",
  limits: "no limit is in use",
};

/** Sleepers in a tree are indented, and marked if they are in a deadlock. */
function cellText(column: AnyColumn, row: AnyRow, look: Look): string {
  const text = column.text(row as never, look);
  if (!("slept" in row) || column.key !== "comm") return text;
  const { depth, deadlock } = row;
  const branch = depth === 0 ? "" : `${"  ".repeat(Math.min(depth, 8) - 1)}└ `;
  return `${branch}${deadlock ? "! " : ""}${text}`;
}

function aligned(text: string, wide: number, left: boolean): string {
  const fits = cut(text, wide);
  const blanks = " ".repeat(Math.max(0, wide - width(fits)));
  return left ? fits + blanks : blanks + fits;
}

function barText({ share }: LimitRow, room: number): string {
  const filled = Math.min(room, Math.round((share / 100) * room));
  return `[${"|".repeat(filled).padEnd(room)}]`;
}

function coloured(row: AnyRow, line: string, paint: Paint): string {
  if ("share" in row) {
    if (row.share >= FULL) return paint("red", line);
    return row.share >= HIGH ? paint("yellow", line) : row.use > 0 ? paint("green", line) : line;
  }
  if ("deadlock" in row) return deadlocked(row, line, paint);
  const isBusy = "calls" in row ? isActive(row) : row.wait > 0;
  return isBusy ? line : paint("dim", line);
}

const isActive = ({ calls, asleep }: JailRow): boolean => calls > 0 || asleep > 0;

function deadlocked({ deadlock, slept }: SleeperRow, line: string, paint: Paint): string {
  if (deadlock) return paint("red", line);
  return slept === null ? paint("bold", line) : line;
}

const KEYS: readonly (readonly [keys: string, about: string])[] = [
  ["1 2 3 4  Tab", "jails, locks, sleepers, limits; the next view"],
  ["< >  o F6", "sort by the column beside; by one that you name"],
  ["r R I", "reverse the order"],
  ["/ \\ F4", "show rows with a text; Esc shows all again"],
  ["i", "leave out what does nothing"],
  ["t F5", "sleepers below whom they wait for"],
  ["c", "totals since the yard began, or figures a second"],
  ["p Z", "pause; Space looks now"],
  ["s d  + -", "seconds between two looks; twice, half as long"],
  ["↑ ↓ j k  PgUp PgDn", "scroll; Home g, End G"],
  ["q F10  Ctrl-C", "quit; Ctrl-Z suspends, Ctrl-L draws again"],
];

/** The keys, and what the columns of this view are. */
function helpLines({ view }: TopState): string[] {
  const keys = KEYS.map(([names, about]) => `  ${names.padEnd(20)} ${about}`);
  const columns = COLUMNS[view].map(({ head, about }) => `  ${head.padEnd(20)} ${about}`);
  return [
    "jailyard top: any key goes back",
    "",
    ...keys,
    "",
    `Columns of ${view}; WAIT and its like are seconds a second, which is how many wait on average:`,
    ...columns,
  ];
}

/** For a pipe: the same lines, as long as they are, with all rows. */
export function plainLines(look: Look, state: TopState, count: number): string[] {
  const columns = 160;
  const canvas = { columns, rows: Number.POSITIVE_INFINITY, ink: "plain" as const, clock: "" };
  const paint = painter("plain");
  const rows = rowsOf(look, choiceOf(state)).slice(0, count);
  const lines = [...headLines(look, state, canvas, paint)];
  return [...lines, ...tableLines(look, state, rows, columns, paint)].map((line) => line.trimEnd());
}
