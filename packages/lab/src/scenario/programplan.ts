/** A program as a yard's file names it: a module beside the file, or the simulated PostgreSQL. */
import { dirname, resolve } from "node:path";
import { SettingsError } from "../stress/settings.ts";
import { POSTGRES } from "./modules.ts";
import { POSTGRES_PROGRAM, postgresConfig } from "./postgresprogram.ts";
import type { ProgramPlan } from "./yardfile.ts";

/** @throws SettingsError for settings that PostgreSQL does not have */
export function programPlan(
  file: string,
  run: string,
  args: readonly string[],
  as: Pick<ProgramPlan, "uid" | "procs">,
): ProgramPlan {
  if (run !== POSTGRES_PROGRAM) return { module: resolve(dirname(file), run), args, ...as };
  const arg = postgresConfig(args);
  if ("problem" in arg) throw new SettingsError(`${file}: postgres: ${arg.problem}`);
  return { module: POSTGRES, args: [], arg, ...as };
}
