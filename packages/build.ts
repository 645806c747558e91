/**
 * `pnpm build`: compile every package from src to dist, as it is published. In development nothing
 * is built: Node runs the sources.
 */
import { execFileSync } from "node:child_process";
import { globSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";

const here = import.meta.dirname;
const tools = join(here, "../node_modules");

// One program for all packages, since they import each other's sources. Not in the temporary folder
// of the system, for a rename does not cross file systems.
const out = mkdtempSync(join(tools, ".build-"));
try {
  const args = ["--project", join(here, "tsconfig.build.json"), "--outDir", out];
  execFileSync(join(tools, ".bin/tsc"), args, { stdio: "inherit" });
  for (const name of globSync("*/package.json", { cwd: here }).map(dirname)) {
    const dist = join(here, name, "dist");
    rmSync(dist, { recursive: true, force: true });
    renameSync(join(out, name, "src"), dist);
    process.stdout.write(`packages/${name}/dist\n`);
  }
} catch (error) {
  if (!(error instanceof Error && "status" in error)) throw error;
  process.exitCode = 1; // tsc has said why
} finally {
  rmSync(out, { recursive: true, force: true });
}
