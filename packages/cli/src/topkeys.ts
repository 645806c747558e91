/** What keys do to `jailyard top`: one state to the next, without a terminal. */
import {
  type AnyColumn,
  type Choice,
  COLUMNS,
  FIRST_SORT,
  VIEWS,
  type View,
} from "@jailyard/lab/top/columns";
import type { Span } from "@jailyard/lab/top/look";

/** Seconds between two looks. */
export const INTERVAL = { least: 0.1, most: 3600, usual: 2 } as const;

type Prompt = "filter" | "sort" | "interval";

export interface TopState {
  readonly view: View;
  readonly sorts: Readonly<Record<View, Pick<Choice, "sort" | "reversed">>>;
  readonly filter: string;
  readonly busy: boolean;
  readonly tree: boolean;
  readonly span: Span;
  readonly paused: boolean;
  readonly help: boolean;
  readonly seconds: number;
  /** The first row that is shown. */
  readonly at: number;
  /** A line that is being typed. */
  readonly prompt: { readonly what: Prompt; readonly text: string } | null;
  /** Said until the next key. */
  readonly message: string;
}

/** As `readline` names a key. */
export interface Key {
  readonly name?: string | undefined;
  readonly sequence: string;
  readonly ctrl?: boolean | undefined;
}

/** What is to be done beside drawing. */
export type Effect = "quit" | "look" | "suspend" | "redraw" | null;
type Outcome = readonly [state: TopState, effect: Effect];

/** Rows that fit, and rows that there are. */
export interface Page {
  readonly fit: number;
  readonly rows: number;
}

export function firstState(given: Partial<TopState> = {}): TopState {
  const sorts = Object.fromEntries(
    VIEWS.map((view) => [view, { sort: FIRST_SORT[view], reversed: false }]),
  ) as Record<View, Pick<Choice, "sort" | "reversed">>;
  return {
    ...{ view: "jails", sorts, filter: "", busy: false, tree: false, span: "interval" },
    ...{ paused: false, help: false, seconds: INTERVAL.usual, at: 0, prompt: null, message: "" },
    ...given,
  };
}

/** A filter that is being typed filters already. */
export function choiceOf({ view, sorts, filter, busy, tree, prompt }: TopState): Choice {
  const wanted = prompt?.what === "filter" ? prompt.text : filter;
  return { view, filter: wanted, busy, tree, ...sorts[view] };
}

export function pressed(state: TopState, key: Key, page: Page): Outcome {
  if (key.ctrl === true && key.name === "c") return [state, "quit"];
  if (key.ctrl === true && key.name === "z") return [state, "suspend"];
  if (key.ctrl === true && key.name === "l") return [state, "redraw"];
  if (state.prompt !== null) return [typed(state, key), null];
  if (state.help) return [{ ...state, help: false }, null];
  const plain = { ...state, message: "" };
  const moved = movement(plain.at, key, page);
  if (moved !== null) return [{ ...plain, at: moved }, null];
  const command = COMMANDS[key.sequence] ?? COMMANDS[key.name ?? ""];
  if (command === undefined) return [{ ...plain, message: "? or h shows the keys" }, null];
  return command(plain);
}

/** Where the page begins after a key that scrolls; null: it is none. */
function movement(at: number, { name, sequence, ctrl }: Key, { fit, rows }: Page): number | null {
  const last = Math.max(0, rows - fit);
  const to = (row: number): number => Math.max(0, Math.min(last, row));
  const is = (...names: string[]): boolean => ctrl !== true && names.includes(name ?? sequence);
  if (is("down", "j")) return to(at + 1);
  if (is("up", "k")) return to(at - 1);
  if (name === "pagedown" || (ctrl === true && name === "f")) return to(at + fit);
  if (name === "pageup" || (ctrl === true && name === "b")) return to(at - fit);
  if (name === "home" || sequence === "g") return 0;
  if (name === "end" || sequence === "G") return last;
  return null;
}

type Command = (state: TopState) => Outcome;
const quit: Command = (state) => [state, "quit"];
const help: Command = (state) => [{ ...state, help: true }, null];
const to =
  (view: View): Command =>
  (state) => [{ ...state, view, at: 0 }, null];
const ask =
  (what: Prompt): Command =>
  (state) => [{ ...state, prompt: { what, text: what === "filter" ? state.filter : "" } }, null];
const turn =
  (field: "busy" | "tree" | "paused"): Command =>
  (state) => [{ ...state, [field]: !state[field], at: field === "paused" ? state.at : 0 }, null];

const step =
  (by: number): Command =>
  (state) => {
    const at = (VIEWS.indexOf(state.view) + by + VIEWS.length) % VIEWS.length;
    return to(VIEWS[at])(state);
  };

/** Sort by the column beside. */
const shift =
  (by: number): Command =>
  (state) => {
    const columns = COLUMNS[state.view];
    const now = columns.findIndex(({ key }) => key === state.sorts[state.view].sort);
    const { key } = columns[(now + by + columns.length) % columns.length];
    return [sortedBy(state, key, false), null];
  };

const reverse: Command = (state) => {
  const { sort, reversed } = state.sorts[state.view];
  return [sortedBy(state, sort, !reversed), null];
};

export const sortedBy = (state: TopState, sort: string, reversed: boolean): TopState => ({
  ...state,
  at: 0,
  sorts: { ...state.sorts, [state.view]: { sort, reversed } },
});

const totals: Command = (state) => [
  { ...state, span: state.span === "totals" ? "interval" : "totals" },
  null,
];

const faster =
  (by: number): Command =>
  (state) => [{ ...state, seconds: rounded(state.seconds * by) }, null];
const rounded = (seconds: number): number =>
  Number(Math.min(INTERVAL.most, Math.max(INTERVAL.least, seconds)).toPrecision(2));

const COMMANDS: Readonly<Record<string, Command>> = {
  q: quit,
  f10: quit,
  "?": help,
  h: help,
  f1: help,
  "1": to("jails"),
  "2": to("locks"),
  "3": to("sleepers"),
  "4": to("limits"),
  tab: step(+1),
  right: step(+1),
  "\u001b[Z": step(-1),
  left: step(-1),
  "<": shift(-1),
  ">": shift(+1),
  o: ask("sort"),
  f6: ask("sort"),
  r: reverse,
  R: reverse,
  I: reverse,
  "/": ask("filter"),
  "\\": ask("filter"),
  f4: ask("filter"),
  escape: (state) => [{ ...state, filter: "", at: 0 }, null],
  i: turn("busy"),
  t: turn("tree"),
  f5: turn("tree"),
  c: totals,
  p: turn("paused"),
  Z: turn("paused"),
  s: ask("interval"),
  d: ask("interval"),
  "+": faster(2),
  "-": faster(0.5),
  space: (state) => [state, "look"],
  return: (state) => [state, "look"],
};

/** A key of a line that is typed. */
function typed(state: TopState, { name, sequence, ctrl }: Key): TopState {
  const { what, text } = state.prompt!;
  const with_ = (next: string): TopState => ({ ...state, prompt: { what, text: next } });
  if (name === "escape") return { ...state, prompt: null };
  if (name === "return" || name === "enter") return taken({ ...state, prompt: null }, what, text);
  if (name === "backspace") return with_([...text].slice(0, -1).join(""));
  if (ctrl === true && name === "u") return with_("");
  const isText = ctrl !== true && /^[^\p{Cc}]+$/u.test(sequence);
  return isText ? with_(text + sequence) : state;
}

function taken(state: TopState, what: Prompt, text: string): TopState {
  if (what === "filter") return { ...state, filter: text.trim(), at: 0 };
  if (what === "interval") {
    const seconds = Number(text);
    const fits = text.trim() !== "" && seconds >= INTERVAL.least && seconds <= INTERVAL.most;
    const message = `an interval is from ${INTERVAL.least} to ${INTERVAL.most} seconds`;
    return fits ? { ...state, seconds } : { ...state, message };
  }
  const column = columnNamed(state.view, text);
  if (column !== undefined) return sortedBy(state, column.key, false);
  const keys = COLUMNS[state.view].map(({ key }) => key).join(" ");
  return { ...state, message: `no column ${text}; there are ${keys}` };
}

/** By its key, its head, or the begin of its key. */
export function columnNamed(view: View, text: string): AnyColumn | undefined {
  const wanted = text.trim().toLowerCase();
  if (wanted === "") return undefined;
  const columns = COLUMNS[view];
  return (
    columns.find(({ key }) => key === wanted) ??
    columns.find(({ head }) => head.toLowerCase() === wanted) ??
    columns.find(({ key }) => key.startsWith(wanted))
  );
}
