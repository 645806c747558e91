/**
 * The language of `jailyard sh`: what sh(1) has of lists, words and quotes, and no more.
 *
 *   list     = pipeline { (";" | newline | "&&" | "||") pipeline }
 *   pipeline = word { word } [ "|" text of a command of the machine ]
 *
 * A word is as in sh(1): ' " \ quote, # begins a comment, $? is the status of the last command. What
 * has no meaning here (>, <, &, backquotes, parentheses, variables) is refused and not passed on
 * unread. There are parsers of sh to be had as packages; those that expand $? do so before the list
 * runs, and do not say whether a line is wrong or only unfinished.
 */

/** Text as it stands, or the status of the last command. */
export type Part = { readonly text: string } | "status";
export type Word = readonly Part[];

export interface Pipeline {
  readonly words: readonly Word[];
  /** What stands after `|`, for sh(1) of the machine; null if nothing does. */
  readonly filter: string | null;
}

export interface Step {
  /** What precedes: run always, if that was 0, or if it was not. */
  readonly after: ";" | "&&" | "||";
  readonly pipeline: Pipeline;
}

/** The line is wrong: status 2. */
export class ShellSyntaxError extends Error {
  override readonly name = "ShellSyntaxError";
}

/** The line goes on: a quote or a list is open. */
export const UNFINISHED = Symbol("unfinished");

/** @throws ShellSyntaxError */
export function parse(text: string): Step[] | typeof UNFINISHED {
  const tokens = tokensOf(text);
  return tokens === UNFINISHED ? UNFINISHED : stepsOf(tokens);
}

/** The words of the command that goes on at the end of `text`; null where no tool's words go on. */
export function wordsBefore(text: string): string[] | null {
  try {
    const tokens = tokensOf(text);
    if (tokens === UNFINISHED) return null;
    const begin = tokens.findLastIndex((token) => !("word" in token)) + 1;
    if (isOperator(tokens[begin - 2], "|")) return null;
    return tokens.slice(begin).map((token) => ("word" in token ? expanded(token.word, 0) : ""));
  } catch {
    return null;
  }
}

/** The word as a command gets it. */
export const expanded = (word: Word, status: number): string =>
  word.map((part) => (part === "status" ? String(status) : part.text)).join("");

type Token = { readonly word: Word } | { readonly operator: string } | { readonly filter: string };

const isOperator = (token: Token | undefined, ...which: string[]): boolean =>
  token !== undefined && "operator" in token && which.includes(token.operator);

function tokensOf(text: string): Token[] | typeof UNFINISHED {
  const tokens: Token[] = [];
  let at = 0;
  while (at < text.length) {
    const char = text[at];
    if (char !== "\n" && /\s/.test(char)) at++;
    else if (text.startsWith("\\\n", at)) at += 2;
    else if (char === "#") at = lineEnd(text, at);
    else if (/[;\n&|]/.test(char)) {
      const operator = operatorAt(text, at);
      tokens.push({ operator });
      at += operator.length;
      if (operator !== "|") continue;
      const end = filterEnd(text, at);
      if (end === -1) return UNFINISHED;
      tokens.push({ filter: text.slice(at, end).trim() });
      at = end;
    } else {
      const found = wordAt(text, at);
      if (found === UNFINISHED) return UNFINISHED;
      tokens.push({ word: found.word });
      at = found.end;
    }
  }
  return tokens;
}

function lineEnd(text: string, at: number): number {
  const end = text.indexOf("\n", at);
  return end === -1 ? text.length : end;
}

function operatorAt(text: string, at: number): string {
  const two = text.slice(at, at + 2);
  if (two === "&&" || two === "||") return two;
  if (text[at] === "&")
    throw new ShellSyntaxError("there are no jobs here: & is for another shell");
  return text[at];
}

/** Where the command after `|` ends: at an operator outside of quotes; -1: in the middle of one. */
function filterEnd(text: string, from: number): number {
  let quote = "";
  for (let at = from; at < text.length; at++) {
    const char = text[at];
    if (char === "\\" && quote !== "'") at++;
    else if (quote !== "") quote = char === quote ? "" : quote;
    else if (char === "'" || char === '"') quote = char;
    else if (/[;\n]/.test(char) || /^(&&|\|\|)/.test(text.slice(at, at + 2))) return at;
  }
  return quote === "" ? text.length : -1;
}

interface Found {
  readonly word: Word;
  readonly end: number;
}

/** One word from `at` on. */
function wordAt(text: string, from: number): Found | typeof UNFINISHED {
  const parts: Part[] = [];
  let plain = "";
  let quote: "" | "'" | '"' = "";
  let at = from;
  for (; at < text.length; at++) {
    const char = text[at];
    if (quote === "" && /[\s;&|]/.test(char)) break;
    if (char === "\\" && quote !== "'") {
      if (at + 1 === text.length) return UNFINISHED;
      plain += escaped(text[++at], quote);
    } else if (char === quote) quote = "";
    else if (quote === "" && (char === "'" || char === '"')) quote = char;
    else if (quote === "'") plain += char;
    else if (text.startsWith("$?", at)) {
      parts.push({ text: plain }, "status");
      plain = "";
      at++;
    } else plain += meant(text, at, quote);
  }
  if (quote !== "") return UNFINISHED;
  return { word: [...parts, { text: plain }], end: at };
}

/** What a backslash and this come to. */
function escaped(char: string, quote: string): string {
  if (char === "\n") return "";
  return quote === '"' && !/["\\$`]/.test(char) ? `\\${char}` : char;
}

/** A character that stands for itself. @throws ShellSyntaxError for one that would not in sh(1) */
function meant(text: string, at: number, quote: string): string {
  const char = text[at];
  const [name] = /^\$\{?\w+\}?|^\$\(|^`/.exec(text.slice(at)) ?? [];
  if (name !== undefined) {
    throw new ShellSyntaxError(`${name}: of what begins with $ there is only $?; quote it with '`);
  }
  if (quote === "" && /[<>()]/.test(char)) {
    const file = char === ">" ? "; into a file: | cat >FILE" : "";
    throw new ShellSyntaxError(`\`${char}' means nothing here; quote it${file}`);
  }
  return char;
}

function stepsOf(tokens: readonly Token[]): Step[] | typeof UNFINISHED {
  const steps: Step[] = [];
  let after: Step["after"] = ";";
  let words: Word[] = [];
  let filter: string | null = null;
  const finish = (): void => {
    if (words.length > 0) steps.push({ after, pipeline: { words, filter } });
    [words, filter] = [[], null];
  };
  for (const token of tokens) {
    if ("word" in token) words.push(token.word);
    else if ("filter" in token) filter = token.filter;
    else if (words.length > 0 && token.operator === "|")
      continue; // the filter comes next
    else if (words.length === 0) {
      if (token.operator !== "\n") throw unexpected(token.operator);
    } else {
      if (filter === "") throw unexpected("|");
      finish();
      after = token.operator === "\n" ? ";" : (token.operator as Step["after"]);
    }
  }
  if (words.length === 0 && after !== ";") return UNFINISHED;
  if (filter === "") return UNFINISHED;
  finish();
  return steps;
}

const unexpected = (operator: string): ShellSyntaxError =>
  new ShellSyntaxError(`syntax error near \`${operator}'`);
