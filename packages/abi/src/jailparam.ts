/**
 * Parameters of jails by name, and how libjail reads `name=value`: both are user land. The kernel
 * uses the table of kinds to test what it is given. [JAIL-6] [JAIL-10]
 */
import { JAIL_SYS_NAMES, type JailParams, type JailSysName, type JailValue } from "./jail.ts";

export type JailParamKind = "int" | "string" | "bool" | "jailsys";

export interface JailParam {
  readonly name: string;
  readonly kind: JailParamKind;
  /** False for what jail_get(2) alone gives. */
  readonly settable: boolean;
}

const param = (name: string, kind: JailParamKind, settable = true): [string, JailParam] => [
  name,
  { name, kind, settable },
];

/** Every parameter of this host, in the order in which jls -n shows them. */
export const JAIL_PARAMS: ReadonlyMap<string, JailParam> = new Map([
  param("dying", "bool", false),
  param("jid", "int"),
  param("name", "string"),
  param("parent", "int", false),
  param("path", "string"),
  param("persist", "bool"),
  param("sysvmsg", "jailsys"),
  param("sysvsem", "jailsys"),
  param("sysvshm", "jailsys"),
  param("allow.suser", "bool"),
  param("allow.sysvipc", "bool"),
  param("children.cur", "int", false),
  param("children.max", "int"),
  param("host.hostname", "string"),
]);

/** `allow.sysvipc` becomes `allow.nosysvipc`, `persist` becomes `nopersist`. */
export const negatedParam = (name: string): string => name.replace(/([^.]+)$/, "no$1");

const NEGATED = new Map(
  [...JAIL_PARAMS.values()]
    .filter(({ kind }) => kind === "bool")
    .map((p) => [negatedParam(p.name), p]),
);

/** The parameter behind a name, which may be a negated boolean; undefined if there is none. */
export function jailParamNamed(
  name: string,
): { readonly param: JailParam; readonly negated: boolean } | undefined {
  const plain = JAIL_PARAMS.get(name);
  if (plain !== undefined) return { param: plain, negated: false };
  const negated = NEGATED.get(name);
  return negated === undefined ? undefined : { param: negated, negated: true };
}

export type ParsedJailParam =
  | { readonly name: string; readonly value: JailValue; readonly error?: undefined }
  | { readonly error: string };

const DECIMAL = /^[+-]?\d+$/;

/**
 * One operand of jail(8), `name` or `name=value`, as jail_set(2) takes it; or what libjail says of
 * it, without the program's name. A name nobody knows passes: the kernel refuses it. [JAIL-36]
 */
export function parseJailParam(text: string): ParsedJailParam {
  const equals = text.indexOf("=");
  const name = equals === -1 ? text : text.slice(0, equals);
  const value = equals === -1 ? null : text.slice(equals + 1);
  switch (jailParamNamed(name)?.param.kind) {
    case "bool":
      return parseBool(name, value);
    case "int":
      return parseInteger(name, value);
    case "jailsys":
      return parseJailsys(name, value);
    default:
      return { name, value: value ?? "" };
  }
}

function parseBool(name: string, value: string | null): ParsedJailParam {
  const word = value?.toLowerCase() ?? "true";
  if (word === "true" || word === "1") return { name, value: true };
  if (word === "false" || word === "0") return { name, value: false };
  return { error: `${name}: unknown boolean value "${value}"` };
}

function parseInteger(name: string, value: string | null): ParsedJailParam {
  if (value === null || !DECIMAL.test(value)) {
    return { error: `${name}: non-integer value "${value ?? ""}"` };
  }
  return { name, value: Number(value) };
}

/** disable, new, inherit in any letter case, or a number; the bare name means new. [JAIL-10] */
function parseJailsys(name: string, value: string | null): ParsedJailParam {
  if (value === null) return { name, value: JAIL_SYS_NAMES.indexOf("new") };
  const word = value.toLowerCase();
  const known = JAIL_SYS_NAMES.indexOf(word as JailSysName);
  if (known !== -1) return { name, value: known };
  if (DECIMAL.test(value)) return { name, value: Number(value) };
  return { error: `${name}: unknown jailsys value "${value}"` };
}

/**
 * Parameters by name with values as people write them: `{ sysvsem: "new", persist: true }`.
 * @returns what jail_set(2) takes, or a sentence of libjail's
 */
export function parseJailParams(params: JailParams): JailParams | string {
  const out: Record<string, JailValue> = {};
  for (const [name, value] of Object.entries(params)) {
    const parsed = typeof value === "string" ? parseJailParam(`${name}=${value}`) : { name, value };
    if ("error" in parsed && parsed.error !== undefined) return parsed.error;
    out[name] = (parsed as { value: JailValue }).value;
  }
  return out;
}
