/**
 * The entry of jails' threads as one file. Each thread has to load it anew, and forty modules whose
 * types must be stripped cost five times what the thread itself does (docs/performance.md). rolldown
 * follows the imports of jail.worker.ts; the file is made when its sources have changed, and kept.
 *
 *   jail-<hash>.cjs       what piscina loads: turns on Node's cache of compiled code (compiled/)
 *   jail-<hash>.all.cjs   default: the task; it holds the modules that programs import (resolve.ts)
 *   jail.json             which sources it was made of
 *
 * Without rolldown (a development dependency), or a folder to write, threads load the sources. What
 * is published is compiled, and loaded as it is.
 */
import { createHash } from "node:crypto";
import {
  existsSync,
  globSync,
  readFileSync,
  renameSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { cacheFolder } from "./cachefolder.ts";

const here = import.meta.dirname;
const ENTRY = "\0jail";
const DAY_MS = 86_400_000;

interface Made {
  readonly file: string;
  readonly hash: string;
  /** Absolute paths. */
  readonly sources: readonly string[];
}

/** What the threads of jails load: a file made of the sources, or the sources. */
export async function jailEntry(): Promise<URL> {
  if (!import.meta.url.endsWith(".ts")) return new URL("./jail.worker.js", import.meta.url);
  const sources = new URL("./jail.worker.ts", import.meta.url);
  const folder = cacheFolder();
  if (folder === null) return sources;
  const file = kept(folder) ?? (await make(folder).catch(() => null));
  return file === null ? sources : pathToFileURL(file);
}

/** The file, if its sources are what they were. */
function kept(folder: string): string | null {
  try {
    const { file, hash, sources } = JSON.parse(
      readFileSync(join(folder, "jail.json"), "utf8"),
    ) as Made;
    return hash === hashOf(sources) && existsSync(file) ? file : null;
  } catch {
    return null;
  }
}

/** Of this file too, and of the list: another choice of modules is another entry. */
function hashOf(sources: readonly string[]): string {
  const hash = createHash("sha256");
  for (const source of [import.meta.filename, ...sources])
    hash.update(source).update(readFileSync(source));
  return hash.update(held().join()).digest("hex");
}

/** The modules that programs import, or whose instances they meet: errors, above all. */
function held(): string[] {
  const packages = globSync(["abi/src/*.ts", "trap/src/*.ts"], {
    cwd: join(here, "../.."),
    exclude: ["trap/src/kern.ts"], // the other side of the gate
  });
  const host = ["programapi.ts", "yarderror.ts"].map((name) => join(here, name));
  return [...packages.map((file) => join(here, "../..", file)), ...host].sort();
}

async function make(folder: string): Promise<string> {
  const { rolldown } = await import("rolldown");
  const bundle = await rolldown({
    input: ENTRY,
    platform: "node",
    logLevel: "silent",
    plugins: [
      {
        name: "jail",
        resolveId: (id) => (id === ENTRY ? id : undefined),
        load: (id) => (id === ENTRY ? entryText() : undefined),
      },
    ],
  });
  const { output } = await bundle.generate({
    format: "cjs",
    exports: "named",
    minify: { compress: true, mangle: { keepNames: true } },
  });
  await bundle.close();
  const [chunk] = output;
  const sources = chunk.moduleIds.filter((id) => existsSync(id)).sort();
  const hash = hashOf(sources);
  const name = `jail-${hash.slice(0, 16)}`;
  const file = join(folder, `${name}.cjs`);
  forget(folder);
  replace(join(folder, `${name}.all.cjs`), ascii(chunk.code));
  replace(file, firstText(name));
  replace(join(folder, "jail.json"), JSON.stringify({ file, hash, sources } satisfies Made));
  return file;
}

/** Node keeps what it compiles, and what it strips of types, from here on: of programs too. */
const firstText = (name: string): string =>
  `require("node:module").enableCompileCache?.(__dirname + "/compiled");
module.exports = require("./${name}.all.cjs").default;
`;

/** A text with one character beyond Latin-1 takes two bytes for each, in every thread. */
const ascii = (code: string): string =>
  code.replace(/[^\0-\x7f]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);

/** rolldown strips types and follows imports; what is named here alone is not in jail.worker.ts. */
async function entryText(): Promise<string> {
  const quote = JSON.stringify;
  const host = (name: string): string => quote(join(here, name));
  const modules = await Promise.all(held().map(namespaceText));
  return [
    `import { holdModules } from ${host("resolve.ts")};`,
    `export { default } from ${host("jail.worker.ts")};`,
    ...modules.map(({ imports }) => imports),
    "holdModules({",
    ...modules.map(({ maker }) => maker),
    `}, ${quote(pathToFileURL(join(here, "programapi.ts")).href)});`,
  ].join("\n");
}

/** What a module exports, imported one by one, and a function that gives all of it. */
async function namespaceText(
  file: string,
  ix: number,
): Promise<{ imports: string; maker: string }> {
  const { href } = pathToFileURL(file);
  const names = Object.keys((await import(href)) as object);
  const own = names.map((name) => `${name} as m${ix}_${name}`);
  const all = names.map((name) => `${name}: m${ix}_${name}`);
  return {
    imports: `import { ${own.join(", ")} } from ${JSON.stringify(file)};`,
    maker: `${JSON.stringify(href)}: () => ({ ${all.join(", ")} }),`,
  };
}

/** Files of sources that were changed long ago; a yard that runs may load newer ones still. */
function forget(folder: string): void {
  for (const name of globSync("jail-*", { cwd: folder })) {
    const file = join(folder, name);
    if (Date.now() - statSync(file).mtimeMs > DAY_MS) unlinkSync(file);
  }
}

/** Whoever reads the file has the old text or the new one. */
function replace(file: string, text: string): void {
  const part = `${file}.${process.pid}`;
  writeFileSync(part, text);
  renameSync(part, file);
}
