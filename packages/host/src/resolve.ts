/**
 * Programs import from "jailyard" wherever they lie: a module that cannot find the package gets the
 * one that runs it. Before Node 22.15 there are no such hooks, and a program outside a package finds
 * "jailyard" only where it is installed.
 */
import * as module from "node:module";

const NAME = "jailyard";
let registered = false;

export function resolvePackage(): void {
  if (registered) return;
  registered = true;
  if (!("registerHooks" in module)) return;
  module.registerHooks({
    resolve(specifier, context, next) {
      if (specifier !== NAME) return next(specifier, context);
      try {
        return next(specifier, context);
      } catch {
        return { url: apiUrl(), shortCircuit: true };
      }
    },
  });
}

/** What a program may import: programs, constants, errors. */
function apiUrl(): string {
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  return new URL(`./programapi.${extension}`, import.meta.url).href;
}
