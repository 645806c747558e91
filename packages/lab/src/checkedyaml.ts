/** A YAML file checked against a schema: what is not known, or of the wrong kind, is refused with its line. */
import { readFileSync } from "node:fs";
import { Ajv, type ErrorObject } from "ajv";
import { type Document, isNode, isPair, LineCounter, parseDocument } from "yaml";
import { SettingsError } from "./stress/settings.ts";

/** The text of a file. @throws SettingsError */
export function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = code === "ENOENT" ? "no such file" : code === "EISDIR" ? "a directory" : message;
    throw new SettingsError(`${file}: ${why}`);
  }
}

/**
 * Reader of files of one kind; `what`: "the scenario".
 * The reader throws a SettingsError that names the file, the line, and what is wrong there.
 */
export function checkedYaml<T>(what: string, schema: object): (file: string) => T {
  const validate = new Ajv({ allowUnionTypes: true, verbose: true }).compile<T>(schema);
  return (file) => {
    const lines = new LineCounter();
    const document = parseDocument(textOf(file), { lineCounter: lines, prettyErrors: false });
    const wrong = (at: number, text: string): SettingsError =>
      new SettingsError(`${file}:${lines.linePos(at).line}: ${text}`);
    const [syntax] = document.errors;
    if (syntax !== undefined) throw wrong(syntax.pos[0], syntax.message.split("\n")[0]);
    const value: unknown = document.toJS() ?? {};
    if (validate(value)) return value;
    const problem = problemOf(validate.errors!, what);
    throw wrong(placeOf(document, problem.path), problem.text);
  };
}

/** The first that says something definite: of a choice of kinds each says what it is not. Else the deepest. */
function problemOf(errors: readonly ErrorObject[], what: string): { path: string[]; text: string } {
  const error =
    errors.find(({ keyword }) => keyword !== "anyOf" && keyword !== "type") ?? deepest(errors);
  if (error.instancePath === "" && error.keyword === "type") {
    const kind = what.replace("the ", "");
    return { path: [], text: `it is no ${kind}: names and values are expected, as jails: 8` };
  }
  const path = error.instancePath.split("/").slice(1).map(unescaped);
  const at = path.join(".") || what;
  if (error.keyword === "additionalProperties") {
    const key = String(error.params.additionalProperty);
    const known = Object.keys(error.parentSchema?.properties ?? {}).join(", ");
    return { path: [...path, key], text: `there is no setting "${key}"; there are ${known}` };
  }
  const choices = (error.params as { allowedValues?: unknown[] }).allowedValues;
  const text =
    choices === undefined
      ? error.message
      : `it is one of ${[...new Set(choices.map(String))].join(", ")}`;
  return { path, text: `${at}: ${text}` };
}

function deepest(errors: readonly ErrorObject[]): ErrorObject {
  const depth = ({ instancePath }: ErrorObject): number => instancePath.split("/").length;
  return errors.reduce((found, one) => (depth(one) > depth(found) ? one : found));
}

/** A step of a JSON pointer, RFC 6901. */
const unescaped = (step: string): string => step.replaceAll("~1", "/").replaceAll("~0", "~");

/** Where the key or value at this path begins. */
function placeOf(document: Document, path: readonly string[]): number {
  const parent = document.getIn(path.slice(0, -1), true);
  const items = (parent as { items?: unknown[] } | undefined)?.items ?? [];
  const pair = items.find((one) => isPair(one) && String(one.key) === path.at(-1));
  const node = isPair(pair) ? pair.key : document.getIn(path, true);
  return isNode(node) ? (node.range?.[0] ?? 0) : 0;
}
