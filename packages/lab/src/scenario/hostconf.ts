/**
 * Lines of loader.conf(5), sysctl.conf(5) and rctl.conf(5). The loader's set limits before there is
 * a kernel, those of sysctl.conf when it runs: what is boot-only does not take there.
 */
import { basename } from "node:path";
import { textOf } from "../checkedyaml.ts";
import { SettingsError } from "../stress/settings.ts";

export interface HostSetting {
  readonly name: string;
  readonly value: string;
  readonly file: string;
  readonly line: number;
  readonly when: "boot" | "run";
}

export type HostFile = "loader" | "sysctl" | "rctl";

/** What kind of file its name says it is; null: none of these. */
export function hostFileOf(file: string): HostFile | null {
  const name = basename(file);
  return (["loader", "sysctl", "rctl"] as const).find((kind) => name.includes(kind)) ?? null;
}

/** The `name=value` lines. @throws SettingsError with the line */
export function readHostSettings(file: string, kind: "loader" | "sysctl"): HostSetting[] {
  const when = kind === "loader" ? "boot" : "run";
  return linesOf(file).map(([line, text]) => {
    const found = /^([\w.%-]+)\s*=\s*(?:"([^"]*)"|(\S+))$/.exec(text);
    if (found === null) throw new SettingsError(`${file}:${line}: "${text}": write name=value`);
    const [, name, quoted, bare] = found;
    return { name, value: quoted ?? bare, file, line, when };
  });
}

export interface RctlLine {
  readonly text: string;
  readonly file: string;
  readonly line: number;
}

export const readRctlConf = (file: string): RctlLine[] =>
  linesOf(file).map(([line, text]) => ({ text, file, line }));

/** Lines with something on them, without comments. */
function linesOf(file: string): [line: number, text: string][] {
  return textOf(file)
    .split("\n")
    .map((text, i): [number, string] => [i + 1, text.replace(/#.*/, "").trim()])
    .filter(([, text]) => text !== "");
}
