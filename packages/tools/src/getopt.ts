/** getopt(3): letters with and without arguments, together or apart, up to the first operand. */

export interface Option {
  readonly letter: string;
  /** Empty for a letter that takes none. */
  readonly argument: string;
}

export interface Options {
  readonly options: readonly Option[];
  readonly operands: readonly string[];
}

/** `spec` as in C: a letter, with `:` after it if it takes an argument. @returns what is wrong, too */
export function getopt(args: readonly string[], spec: string): Options | string {
  const options: Option[] = [];
  let at = 0;
  for (; at < args.length && isCluster(args[at]); at++) {
    if (args[at] === "--") return { options, operands: args.slice(at + 1) };
    const taken = cluster(args[at], args[at + 1], spec, options);
    if (typeof taken === "string") return taken;
    at += taken;
  }
  return { options, operands: args.slice(at) };
}

const isCluster = (arg: string): boolean => arg.startsWith("-") && arg !== "-";

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
