/**
 * jail.conf(5), as far as this host has what it speaks of: `name { param = value; }`, parameters for
 * all jails outside of braces or under `*`, comments, quotes, `$variables`. `exec.start` names a
 * module and its arguments; it runs in the background. Any other parameter is refused with its line.
 */
import { jailParamNamed, parseJailParam } from "@jailyard/abi/jailparam";
import { textOf } from "../checkedyaml.ts";
import { SettingsError } from "../stress/settings.ts";
import { programPlan } from "./programplan.ts";
import type { JailPlan, ProgramPlan } from "./yardfile.ts";

interface Token {
  /** A word, or one of `{ } ; = +=`, which `quoted` text never is. */
  readonly text: string;
  readonly line: number;
  readonly mark: boolean;
}

export interface Setting {
  readonly name: string;
  /** null: the bare name. */
  readonly value: string | null;
  readonly line: number;
}

const TOKEN =
  /(?<blank>\s+|#.*|\/\/.*|\/\*[\s\S]*?\*\/)|(?<mark>\+=|[{};=])|"(?<double>(?:[^"\\]|\\[\s\S])*)"|'(?<single>[^']*)'|(?<word>(?:\$\{[\w.]+\}|[^\s{};="'#+]|\+(?!=))+)/y;
const START = "exec.start";

const refusal = (file: string, line: number, what: string): SettingsError =>
  new SettingsError(`${file}:${line}: ${what}`);

function tokensOf(file: string, text: string): Token[] {
  const tokens: Token[] = [];
  let line = 1;
  for (TOKEN.lastIndex = 0; TOKEN.lastIndex < text.length; ) {
    const found = TOKEN.exec(text);
    if (found === null)
      throw refusal(file, line, "a quote or comment does not end, or a stray character");
    const { blank, mark, double, single, word } = found.groups!;
    const value = mark ?? double?.replace(/\\([\s\S])/g, "$1") ?? single ?? word;
    if (blank === undefined) tokens.push({ text: value, line, mark: mark !== undefined });
    line += found[0].split("\n").length - 1;
  }
  return tokens;
}

/** The jails of a file, in its order. @throws SettingsError with the line */
export const readJailConf = (file: string): JailPlan[] =>
  parseJailConf(file).map(({ name, settings }) => planOf(file, name, settings));

export interface WrittenJail {
  readonly name: string;
  readonly line: number;
  /** Those of all jails first, then its own, in their order. */
  readonly settings: readonly Setting[];
}

/** What is written, whether it makes sense or not. @throws SettingsError with the line */
export function parseJailConf(file: string): WrittenJail[] {
  const tokens = tokensOf(file, textOf(file));
  const common: Setting[] = [];
  const jails = new Map<string, Setting[]>();
  const lines = new Map<string, number>();
  let at = 0;
  while (at < tokens.length) {
    const [name, next] = [tokens[at], tokens[at + 1]];
    if (name.mark)
      throw refusal(file, name.line, `"${name.text}" where a jail or parameter begins`);
    if (!isMark(next, "{")) {
      at = readSetting(file, tokens, at, common);
      continue;
    }
    const own = name.text === "*" ? common : (jails.get(name.text) ?? []);
    if (own !== common) jails.set(name.text, own);
    if (!lines.has(name.text)) lines.set(name.text, name.line);
    at += 2;
    while (!isMark(tokens[at], "}")) {
      if (tokens[at] === undefined) throw refusal(file, name.line, `"${name.text} {" has no "}"`);
      at = readSetting(file, tokens, at, own);
    }
    at++;
  }
  return [...jails].map(([name, own]) => {
    return { name, line: lines.get(name)!, settings: [...common, ...own] };
  });
}

const isMark = (token: Token | undefined, text: string): boolean =>
  token?.mark === true && token.text === text;

/** One `name;`, `name = value;` or `name += value;`. @returns where the next one begins */
function readSetting(file: string, tokens: readonly Token[], at: number, into: Setting[]): number {
  const [name, sign, value, end] = tokens.slice(at, at + 4);
  if (!name.mark && isMark(sign, ";")) {
    into.push({ name: name.text, value: null, line: name.line });
    return at + 2;
  }
  const assigns = isMark(sign, "=") || (isMark(sign, "+=") && name.text === START);
  if (name.mark || !assigns || value === undefined || value.mark || !isMark(end, ";")) {
    throw refusal(
      file,
      name.line,
      `${name.text}: write "name;" or "name = value;", with one value`,
    );
  }
  into.push({ name: name.text, value: value.text, line: name.line });
  return at + 4;
}

/** The last word on a parameter counts, but programs add up. */
function planOf(file: string, name: string, settings: readonly Setting[]): JailPlan {
  const variables = new Map([["name", name]]);
  const params: Record<string, string | number | boolean> = {};
  const programs: ProgramPlan[] = [];
  for (const setting of settings) {
    const value = setting.value === null ? null : expanded(file, setting, variables);
    if (setting.name.startsWith("$")) variables.set(setting.name.slice(1), value ?? "");
    else if (setting.name === START) programs.push(programOf(file, value ?? ""));
    else Object.assign(params, paramOf(file, setting, value));
  }
  return { name: String(params.name ?? name), params, programs };
}

function expanded(file: string, { value, line }: Setting, variables: Map<string, string>): string {
  return value!.replace(/\$(?:\{([\w.]+)\}|([\w.]+))/g, (_, braced, bare) => {
    const known = variables.get(braced ?? bare);
    if (known === undefined) throw refusal(file, line, `the variable ${braced ?? bare} is not set`);
    return known;
  });
}

function paramOf(file: string, { name, line }: Setting, value: string | null): object {
  const known = jailParamNamed(name);
  if (known === undefined || !known.param.settable) {
    throw refusal(file, line, `unknown parameter: ${name}; this host has no such thing to set`);
  }
  const parsed = parseJailParam(value === null ? name : `${name}=${value}`);
  if (parsed.error !== undefined) throw refusal(file, line, parsed.error);
  return known.negated ? { [known.param.name]: parsed.value !== true } : { [name]: parsed.value };
}

function programOf(file: string, command: string): ProgramPlan {
  const [run, ...args] = command.trim().split(/\s+/);
  return programPlan(file, run, args, { uid: 0, procs: 1 });
}
