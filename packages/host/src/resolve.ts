/**
 * Programs import from "jailyard" wherever they lie: a module that cannot find the package gets the
 * one that runs it. A thread that runs from one file (jailentry.ts) holds the modules that programs
 * import, so an import of one of their files gives the instance that the thread itself uses. Before
 * Node 22.15 there are no such hooks, and a program outside a package finds "jailyard" only where it
 * is installed.
 */
import type { ResolveFnOutput } from "node:module";
import { YardError } from "./yarderror.ts";

const NAME = "jailyard";
const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
/** What a program may import: programs, constants, errors. */
let api = new URL(`./programapi.${extension}`, import.meta.url).href;
let registered = false;

/** What makes the namespace of a module, by the URL of its file. */
export type Held = Readonly<Record<string, () => object>>;

declare global {
  /** Where the modules that stand in for a file find what they hand out. */
  var jailyardHeld: Record<string, object> | undefined;
}

let held: Held = {};

/** The files of these modules are loaded already; programapi is one of them. */
export function holdModules(modules: Held, programapi: string): void {
  held = modules;
  api = programapi;
}

/** A namespace is made when it is first asked for: all 41 of them take 0.2 MiB of each thread. */
function namespaceOf(url: string): object | undefined {
  globalThis.jailyardHeld ??= {};
  const made = globalThis.jailyardHeld[url] ?? held[url]?.();
  if (made !== undefined) globalThis.jailyardHeld[url] = made;
  return made;
}

/** `fallback`: what stands in for the package where it is not installed; programapi if absent. */
export function resolvePackage(fallback = api): void {
  api = fallback;
  const module = process.getBuiltinModule?.("node:module"); // `import *` would copy all that it has
  if (registered || module?.registerHooks === undefined) return;
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
      const namespace = namespaceOf(url);
      if (namespace === undefined) return next(url, context);
      return { format: "module", source: standIn(url, namespace), shortCircuit: true };
    },
  });
}

/**
 * The package's whole interface can boot yards too. Programs do not, and loading that would cost as
 * much as their thread; who does so all the same, in a file that is program and script, has it.
 */
function wholePackage(resolved: ResolveFnOutput): ResolveFnOutput {
  const { url } = resolved;
  const ours = namespaceOf(api);
  if (ours === undefined || namespaceOf(url) !== undefined) return resolved;
  const whole =
    (name: string) =>
    async (...args: unknown[]): Promise<unknown> =>
      (await import(`${url}?whole`))[name](...args);
  const others = Object.fromEntries(
    ["boot", "scenario", "tool"].map((name) => [name, whole(name)]),
  );
  globalThis.jailyardHeld![url] = { ...ours, ...others, YardError };
  return resolved;
}

/** A module that exports what the one of this file exports, which has run. */
const standIn = (url: string, namespace: object): string =>
  `export const { ${Object.keys(namespace).join(", ")} } = jailyardHeld[${JSON.stringify(url)}];`;
