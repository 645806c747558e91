/**
 * vis(3): what a tool prints comes in part from whoever named a jail, a host or a program, and must
 * not speak to the terminal. As ps(1) of FreeBSD does it, VIS_NOSLASH: an escape is `^[`, and what
 * has the eighth bit begins with `M`.
 */

/** Control characters but the tab, halves of surrogates, and what turns the direction of a line. */
const UNSAFE =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  /[\0-\x08\x0a-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]|\p{Cs}/gu;

const CONTROL = 0x20;
const DEL = 0x7f;
const utf8 = new TextEncoder();

/** A line of text that any terminal shows as it is. */
export const visible = (line: string): string =>
  line.replace(UNSAFE, (unsafe) => [...utf8.encode(unsafe)].map(visByte).join(""));

function visByte(byte: number): string {
  const meta = byte > DEL ? "M" : "";
  const rest = byte & DEL;
  if (rest === DEL) return `${meta}^?`;
  return rest < CONTROL ? `${meta}^${char(rest + 0x40)}` : `${meta}-${char(rest)}`;
}

const char = (byte: number): string => String.fromCharCode(byte);

/** JSON in which the same are escaped, so that it is still what it was. */
export const jsonLine = (value: unknown): string =>
  JSON.stringify(value).replace(
    UNSAFE,
    (unsafe) => `\\u${unsafe.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
