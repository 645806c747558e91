/** getopt(3) and getopt_long(3): options with and without arguments, up to the first operand. */

export interface Option {
  /** A letter, or the name of a long option without its dashes. */
  readonly letter: string;
  /** Empty for one that takes none. */
  readonly argument: string;
}

export interface Options {
  readonly options: readonly Option[];
  readonly operands: readonly string[];
}

/** Long options by name: do they take an argument? */
export type LongOptions = Readonly<Record<string, boolean>>;

/** `spec` as in C: a letter, with `:` after it if it takes an argument. @returns what is wrong, too */
export function getopt(
  args: readonly string[],
  spec: string,
  longs: LongOptions = {},
): Options | string {
  const options: Option[] = [];
  let at = 0;
  for (; at < args.length && isCluster(args[at]); at++) {
    if (args[at] === "--") return { options, operands: args.slice(at + 1) };
    const taken = args[at].startsWith("--")
      ? long(args[at].slice(2), args[at + 1], longs, options)
      : cluster(args[at], args[at + 1], spec, options);
    if (typeof taken === "string") return taken;
    at += taken;
  }
  return { options, operands: args.slice(at) };
}

const isCluster = (arg: string): boolean => arg.startsWith("-") && arg !== "-";

/** `name`, `name=argument` or `name argument`. @returns as cluster does */
function long(
  text: string,
  next: string | undefined,
  longs: LongOptions,
  options: Option[],
): number | string {
  const equals = text.indexOf("=");
  const letter = equals === -1 ? text : text.slice(0, equals);
  if (!Object.hasOwn(longs, letter)) return `unrecognized option \`--${letter}'`;
  if (!longs[letter]) {
    options.push({ letter, argument: "" });
    return equals === -1 ? 0 : `option \`--${letter}' doesn't allow an argument`;
  }
  const argument = equals === -1 ? next : text.slice(equals + 1);
  if (argument === undefined) return `option \`--${letter}' requires an argument`;
  options.push({ letter, argument });
  return equals === -1 ? 1 : 0;
}

/** Letters of one argument. @returns how many further arguments they took, or what is wrong */
function cluster(
  arg: string,
  next: string | undefined,
  spec: string,
  options: Option[],
): number | string {
  for (let i = 1; i < arg.length; i++) {
    const letter = arg[i];
    const at = letter === ":" ? -1 : spec.indexOf(letter);
    if (at === -1) return `illegal option -- ${letter}`;
    if (spec[at + 1] !== ":") {
      options.push({ letter, argument: "" });
      continue;
    }
    const attached = arg.slice(i + 1);
    if (attached === "" && next === undefined) return `option requires an argument -- ${letter}`;
    options.push({ letter, argument: attached || next! });
    return attached === "" ? 1 : 0;
  }
  return 0;
}

/** The argument of the last option with this letter; undefined if there is none. */
export const argumentOf = ({ options }: Options, letter: string): string | undefined =>
  options.findLast((option) => option.letter === letter)?.argument;

/** How often an option is given. */
export const countOf = ({ options }: Options, letter: string): number =>
  options.filter((option) => option.letter === letter).length;

const INT_MAX = 0x7fffffff;

/**
 * atoi(3): the decimal number at the beginning; 0 for anything else. One that is no int becomes the
 * next that is: FreeBSD's wraps, so that for its ipcrm 4294967295 is -1, and means everything.
 */
export function atoi(text: string): number {
  const value = Number(/^\s*[+-]?\d+/.exec(text)?.[0] ?? 0);
  return Math.max(-INT_MAX - 1, Math.min(INT_MAX, value));
}
