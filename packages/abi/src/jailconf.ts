/**
 * jail.conf(5) as text: jails, wildcards, lists, variables, includes. User land, as jailparam.ts is:
 * jail(8), `jailyard up` and `jailyard lint` read it here, and each says what it makes of a parameter.
 *
 * What is more special comes later and so counts: parameters outside of braces and those of `*`,
 * wildcards such as `web.*`, the jail's own; within these in the order of the files. `=` begins anew,
 * `+=` adds to what was there. A variable is what is set with `$name = …`, or a parameter of the jail.
 */

/** What is wrong, and where: `jail.conf:3: …`. */
export class JailConfError extends Error {
  override readonly name = "JailConfError";
  constructor({ file, line }: Place, what: string) {
    super(`${file}:${line}: ${what}`);
  }
}

export interface Place {
  readonly file: string;
  readonly line: number;
}

interface Piece {
  readonly text: string;
  /** In single quotes: `$` means nothing. */
  readonly literal: boolean;
}

interface Written extends Place {
  readonly name: string;
  /** null: the bare name. */
  readonly values: readonly Piece[] | null;
  readonly adds: boolean;
}

/** One setting of a jail with its variables filled in. */
export interface Setting extends Place {
  readonly name: string;
  /** null: the bare name. */
  readonly values: readonly string[] | null;
  /** `+=`. */
  readonly adds: boolean;
}

interface Block extends Place {
  readonly name: string;
  readonly written: Written[];
}

export interface ConfJail extends Place {
  readonly name: string;
  /** In the order in which they count; those of `$variables` are not among them. */
  readonly settings: readonly Setting[];
}

/** Files that `.include "pattern"` of `from` means, with their text. */
export type Include = (pattern: string, from: string) => readonly { file: string; text: string }[];

interface Token extends Place, Piece {
  /** One of `{ } ; , = +=`, which a quoted one never is. */
  readonly mark: boolean;
}

const TOKEN =
  /(?<blank>\s+|#.*|\/\/.*|\/\*[\s\S]*?\*\/)|(?<mark>\+=|[{};,=])|"(?<double>(?:[^"\\]|\\[\s\S])*)"|'(?<single>[^']*)'|(?<word>(?:\$\{[\w.]+\}|[^\s{};,="'#+]|\+(?!=))+)/y;

/**
 * The jails of a file, in its order. `unset` is what a variable is that nobody sets; null refuses it.
 * @throws JailConfError; what `include` throws
 */
export function parseJailConf(
  file: string,
  text: string,
  include: Include,
  unset: (name: string) => string | null = () => null,
): ConfJail[] {
  const blocks: Block[] = [];
  new Parser(blocks, include).read(file, text);
  const jails = new Map<string, Block>();
  for (const block of blocks) {
    if (isWild(block.name)) continue;
    const before = jails.get(block.name);
    if (before === undefined) jails.set(block.name, { ...block, written: [...block.written] });
    else before.written.push(...block.written);
  }
  return [...jails.values()].map((jail) => {
    const wild = blocks.filter(({ name }) => isWild(name) && name !== "*" && fits(name, jail.name));
    const all = blocks.filter(({ name }) => name === "*");
    const written = [...all, ...wild, jail].flatMap((block) => block.written);
    return { ...place(jail), name: jail.name, settings: filled(jail.name, written, unset) };
  });
}

/** Does the pattern of an include stand for whatever files there are? Else that one has to be there. */
export const isPattern = (pattern: string): boolean => /[*?[]/.test(pattern);

const place = ({ file, line }: Place): Place => ({ file, line });
const isWild = (name: string): boolean => name.split(".").includes("*");

/** Part by part; a `*` at the end stands for all that follow. */
function fits(pattern: string, name: string): boolean {
  const [parts, of] = [pattern.split("."), name.split(".")];
  const longer = parts.at(-1) === "*" && of.length > parts.length;
  return (
    (longer || parts.length === of.length) &&
    parts.every((part, i) => part === "*" || part === of[i])
  );
}

class Parser {
  readonly #blocks: Block[];
  readonly #include: Include;
  /** Files that are being read, each included by the one before. */
  readonly #open: string[] = [];
  #tokens: Token[] = [];
  #at = 0;

  constructor(blocks: Block[], include: Include) {
    this.#blocks = blocks;
    this.#include = include;
  }

  read(file: string, text: string): void {
    const outer = [this.#tokens, this.#at] as const;
    this.#tokens = tokensOf(file, text);
    this.#open.push(file);
    for (this.#at = 0; this.#at < this.#tokens.length; ) {
      const token = this.#tokens[this.#at];
      if (token.mark) {
        throw new JailConfError(token, `"${token.text}" where a jail or parameter begins`);
      }
      if (token.text === ".include" && !token.literal) this.#included(token);
      else if (this.#isMark(1, "{")) this.#block(token);
      else this.#blocks.push({ ...place(token), name: "*", written: [this.#setting()] });
    }
    this.#open.pop();
    [this.#tokens, this.#at] = outer;
  }

  #isMark(ahead: number, text: string): boolean {
    const token = this.#tokens[this.#at + ahead];
    return token?.mark === true && token.text === text;
  }

  #included(at: Token): void {
    const pattern = this.#tokens[this.#at + 1];
    if (pattern === undefined || pattern.mark || !this.#isMark(2, ";")) {
      throw new JailConfError(at, 'write .include "file";');
    }
    this.#at += 3;
    for (const { file, text } of this.#include(pattern.text, at.file)) {
      if (this.#open.includes(file)) throw new JailConfError(at, `${file} includes itself`);
      this.read(file, text);
    }
  }

  #block(name: Token): void {
    const block: Block = { ...place(name), name: name.text, written: [] };
    this.#blocks.push(block);
    this.#at += 2;
    while (!this.#isMark(0, "}")) {
      if (this.#tokens[this.#at] === undefined) {
        throw new JailConfError(name, `"${name.text} {" has no "}"`);
      }
      block.written.push(this.#setting());
    }
    this.#at++;
    if (this.#isMark(0, ";")) this.#at++;
  }

  /** `name;`, `name = value, value;` or `name += value;`. */
  #setting(): Written {
    const name = this.#tokens[this.#at];
    const wrong = () =>
      new JailConfError(name, `${name.text}: write "name;" or "name = value, value;"`);
    const bare = { ...place(name), name: name.text, values: null, adds: false };
    if (name.mark) throw wrong();
    if (this.#isMark(1, ";")) {
      this.#at += 2;
      return bare;
    }
    const adds = this.#isMark(1, "+=");
    if (!adds && !this.#isMark(1, "=")) throw wrong();
    const values: Piece[] = [];
    for (this.#at += 2; ; this.#at += 2) {
      const value = this.#tokens[this.#at];
      if (value === undefined || value.mark) throw wrong();
      values.push(value);
      if (!this.#isMark(1, ",")) break;
    }
    if (!this.#isMark(1, ";")) throw wrong();
    this.#at += 2;
    return { ...bare, values, adds };
  }
}

function tokensOf(file: string, text: string): Token[] {
  const tokens: Token[] = [];
  let line = 1;
  for (TOKEN.lastIndex = 0; TOKEN.lastIndex < text.length; ) {
    const found = TOKEN.exec(text);
    if (found === null) {
      const what = "a quote or comment does not end, or a stray character";
      throw new JailConfError({ file, line }, what);
    }
    const { blank, mark, double, single, word } = found.groups!;
    const value = mark ?? double?.replace(/\\([\s\S])/g, "$1") ?? single ?? word;
    if (blank === undefined) {
      const literal = single !== undefined;
      tokens.push({ text: value, literal, file, line, mark: mark !== undefined });
    }
    line += found[0].split("\n").length - 1;
  }
  return tokens;
}

/** The settings of one jail with the variables in them, as they are at the end, replaced. */
function filled(
  name: string,
  written: readonly Written[],
  unset: (name: string) => string | null,
): Setting[] {
  const final = lastWords(written);
  const open = new Set<string>();
  const known = (variable: string, at: Place): string => {
    const of = final.get(`$${variable}`) ?? final.get(variable);
    if (of === undefined && variable === "name") return name;
    if (of === undefined) {
      const value = unset(variable);
      if (value === null) throw new JailConfError(at, `the variable ${variable} is not set`);
      return value;
    }
    if (open.has(variable))
      throw new JailConfError(at, `the variable ${variable} is its own value`);
    open.add(variable);
    const value = (of.values ?? []).map((piece) => fill(piece, at)).join(" ");
    open.delete(variable);
    return value;
  };
  const fill = ({ text, literal }: Piece, at: Place): string =>
    literal
      ? text
      : text.replace(/\$(?:\{([\w.]+)\}|(\w+))/g, (_, braced, bare) => known(braced ?? bare, at));
  return written
    .filter((one) => !one.name.startsWith("$"))
    .map((one) => ({ ...one, values: one.values?.map((piece) => fill(piece, one)) ?? null }));
}

/** What each name comes to: `=` begins anew, `+=` adds. */
export function lastWords<
  V,
  S extends Place & { name: string; values: readonly V[] | null; adds: boolean },
>(settings: readonly S[]): Map<string, S> {
  const last = new Map<string, S>();
  for (const one of settings) {
    const before = one.adds ? last.get(one.name)?.values : undefined;
    last.set(one.name, before ? { ...one, values: [...before, ...(one.values ?? [])] } : one);
  }
  return last;
}
