/** `jailyard lint`: what files of one host say that will not do what it looks like. */
import { SettingsError } from "../stress/settings.ts";
import { type Described, NOTHING, together } from "./described.ts";
import { type Finding, finding } from "./finding.ts";
import { jailFindings } from "./jailrules.ts";
import { settingFindings } from "./settingrules.ts";
import { describe, readAsUp } from "./source.ts";
import { sumFindings } from "./sumrules.ts";

/** In the order of files and lines. @throws SettingsError for a file that cannot be read */
export function lint(files: readonly string[]): Finding[] {
  let host: Described = NOTHING;
  const refused: Finding[] = [];
  for (const file of files) {
    const { described, problem } = tried(() => describe(file));
    if (described !== undefined) host = together(host, described);
    if (problem !== undefined) refused.push(syntax(problem));
  }
  const found = unique([...jailFindings(host), ...settingFindings(host), ...sumFindings(host)]);
  const all = [...found, ...refused];
  for (const one of files.flatMap(refusedByUp)) {
    if (!all.some(({ file, line }) => file === one.file && line === one.line)) all.push(one);
  }
  const place = new Map(files.map((file, i) => [file, i]));
  return all.sort((a, b) => place.get(a.file)! - place.get(b.file)! || a.line - b.line);
}

/** A file that has findings may be refused for them: that is said once, by the rule. */
function refusedByUp(file: string): Finding[] {
  try {
    readAsUp(file);
    return [];
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    return PLACED.test(error.message) ? [syntax(error.message)] : [];
  }
}

/** What all jails are given by one line is said once. */
function unique(found: readonly Finding[]): Finding[] {
  const seen = new Map<string, Finding>();
  for (const one of found) {
    const key = `${one.file}:${one.line} ${one.rule} ${one.what}`;
    if (!seen.has(key)) seen.set(key, one);
  }
  return [...seen.values()];
}

interface Tried<T> {
  readonly described?: T;
  readonly problem?: string;
}

/** A refusal that names a line is a finding; one that does not is no file. */
function tried<T>(read: () => T): Tried<T> {
  try {
    return { described: read() };
  } catch (error) {
    if (!(error instanceof SettingsError) || !PLACED.test(error.message)) throw error;
    return { problem: error.message };
  }
}

const PLACED = /^(.+?):(\d+): (.*)$/s;

function syntax(problem: string): Finding {
  const [, file, line, what] = PLACED.exec(problem)!;
  return finding({ file, line: Number(line) }, "error", "refused", {
    what,
    why: "the file is refused there, and nothing of it takes effect",
    remedy: "mend the line",
  });
}
