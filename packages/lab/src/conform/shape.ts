/**
 * Checks of JSON values: each takes a value and where it stands, and returns what is wrong with
 * it, or null. Objects are closed: a field that nobody knows is an error.
 */

/** What is wrong with `value`, which stands at `path`; null if nothing is. */
export type Check = (value: unknown, path: string) => string | null;
export type Fields = Readonly<Record<string, Check>>;

const shown = (value: unknown): string => {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 40 ? `${text.slice(0, 37)}...` : text;
};

const wrong = (path: string, wanted: string, value: unknown): string =>
  `${path}: expected ${wanted}, got ${value === undefined ? "nothing" : shown(value)}`;

function isOf(wanted: string, test: (value: unknown) => boolean): Check {
  return (value, path) => (test(value) ? null : wrong(path, wanted, value));
}

export const int = isOf("an integer", Number.isInteger);
export const bool = isOf("true or false", (value) => typeof value === "boolean");
export const yes = isOf("true", (value) => value === true);
export const text = isOf("a string", (value) => typeof value === "string");
export const name = isOf("a name", (value) => typeof value === "string" && value !== "");
export const whole = isOf(
  "a number from 0 up",
  (value) => Number.isInteger(value) && Number(value) >= 0,
);

export function matching(wanted: string, pattern: RegExp): Check {
  return isOf(wanted, (value) => typeof value === "string" && pattern.test(value));
}

export function oneOf(...values: readonly unknown[]): Check {
  const wanted = values.map((value) => JSON.stringify(value)).join(", ");
  return isOf(values.length === 1 ? wanted : `one of ${wanted}`, (value) => values.includes(value));
}

/** The first that accepts the value; `wanted` names them all. */
export function either(wanted: string, ...checks: readonly Check[]): Check {
  return (value, path) =>
    checks.some((check) => check(value, path) === null) ? null : wrong(path, wanted, value);
}

export function list(check: Check): Check {
  return (value, path) => {
    if (!Array.isArray(value)) return wrong(path, "a list", value);
    for (let i = 0; i < value.length; i++) {
      const problem = check(value[i], `${path}[${i}]`);
      if (problem !== null) return problem;
    }
    return null;
  };
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** An object by names that the file chooses. */
export function mapOf(check: Check): Check {
  return (value, path) => {
    if (!isObject(value)) return wrong(path, "an object", value);
    for (const [key, entry] of Object.entries(value)) {
      const problem = check(entry, `${path}.${key}`);
      if (problem !== null) return problem;
    }
    return null;
  };
}

/** An object with all of `required`, any of `optional`, and nothing else. */
export function record(required: Fields, optional: Fields = {}): Check {
  return (value, path) => {
    if (!isObject(value)) return wrong(path, "an object", value);
    for (const key of Object.keys(required)) {
      if (!Object.hasOwn(value, key)) return `${path}: ${key} is missing`;
    }
    for (const [key, entry] of Object.entries(value)) {
      const check = own(required, key) ?? own(optional, key);
      if (check === undefined) return `${path}: unknown field ${JSON.stringify(key)}`;
      const problem = check(entry, path === "" ? key : `${path}.${key}`);
      if (problem !== null) return problem;
    }
    return null;
  };
}

const own = (fields: Fields, key: string): Check | undefined =>
  Object.hasOwn(fields, key) ? fields[key] : undefined;

export const anyObject: Check = (value, path) =>
  isObject(value) ? null : wrong(path, "an object", value);
export const anything: Check = () => null;
