/** A program as a yard's file names it: a module beside the file, or the simulated PostgreSQL. */
import { dirname, resolve } from "node:path";
import { SettingsError } from "../stress/settings.ts";
import { POSTGRES } from "./modules.ts";
import { POSTGRES_PROGRAM, postgresConfig } from "./postgresprogram.ts";
import type { ProgramPlan } from "./yardfile.ts";

/** @throws SettingsError for settings that PostgreSQL does not have */
export function programPlan(
  at: { readonly file: string; readonly line?: number },
  run: string,
  args: readonly string[],
  as: Pick<ProgramPlan, "uid" | "procs">,
): ProgramPlan {
  if (run !== POSTGRES_PROGRAM) return { module: resolve(dirname(at.file), run), args, ...as };
  const arg = postgresConfig(args);
  const where = at.line === undefined ? at.file : `${at.file}:${at.line}`;
  if ("problem" in arg) throw new SettingsError(`${where}: postgres: ${arg.problem}`);
  return { module: POSTGRES, args: [], arg, ...as };
}
