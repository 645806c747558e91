/**
 * Programs import from "jailyard" wherever they lie: a module that cannot find the package gets the
 * one that runs it. A thread that runs from one file (jailentry.ts) holds the modules that programs
 * import, so an import of one of their files gives the instance that the thread itself uses. Before
 * Node 22.15 there are no such hooks, and a program outside a package finds "jailyard" only where it
 * is installed.
 */
import * as module from "node:module";
import { YardError } from "./yarderror.ts";

const NAME = "jailyard";
const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
/** What a program may import: programs, constants, errors. */
let api = new URL(`./programapi.${extension}`, import.meta.url).href;
let registered = false;

/** Namespaces of modules by the URL of their file. */
export type Held = Readonly<Record<string, object>>;

declare global {
  /** Where the modules that stand in for a file find what they hand out. */
  var jailyardHeld: Record<string, object> | undefined;
}

/** The files of these modules are loaded already; programapi is one of them. */
export function holdModules(held: Held, programapi: string): void {
  globalThis.jailyardHeld = { ...held };
  api = programapi;
}

/** `fallback`: what stands in for the package where it is not installed; programapi if absent. */
export function resolvePackage(fallback = api): void {
  api = fallback;
  if (registered || !("registerHooks" in module)) return;
  registered = true;
  module.registerHooks({
    resolve(specifier, context, next) {
      if (specifier !== NAME) return next(specifier, context);
      try {
        return wholePackage(next(specifier, context));
      } catch {
        return { url: api, shortCircuit: true };
      }
    },
    load(url, context, next) {
      const held = globalThis.jailyardHeld?.[url];
      if (held === undefined) return next(url, context);
      return { format: "module", source: standIn(url, held), shortCircuit: true };
    },
  });
}

/**
 * The package's whole interface can boot yards too. Programs do not, and loading that would cost as
 * much as their thread; who does so all the same, in a file that is program and script, has it.
 */
function wholePackage(resolved: module.ResolveFnOutput): module.ResolveFnOutput {
  const held = globalThis.jailyardHeld;
  const { url } = resolved;
  if (held === undefined || url in held) return resolved;
  const whole =
    (name: string) =>
    async (...args: unknown[]): Promise<unknown> =>
      (await import(`${url}?whole`))[name](...args);
  const others = Object.fromEntries(
    ["boot", "scenario", "tool"].map((name) => [name, whole(name)]),
  );
  held[url] = { ...held[api], ...others, YardError };
  return resolved;
}

/** A module that exports what the one of this file exports, which has run. */
const standIn = (url: string, held: object): string =>
  `export const { ${Object.keys(held).join(", ")} } = jailyardHeld[${JSON.stringify(url)}];`;
