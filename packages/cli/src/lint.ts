/** `jailyard lint FILE`: settings that do not do what they look like, each with its line and remedy. */
import type { Finding } from "@jailyard/lab/lint/finding";
import { lint } from "@jailyard/lab/lint/lint";
import type { Command } from "commander";
import { bold, plural, print, red, wrapped } from "./terminal.ts";

const EXAMPLES = `
FILE is jail.conf(5), the YAML of \`jailyard up\`, or a file whose name has loader, sysctl or rctl in
it, such as /boot/loader.conf. Several files are taken as those of one host: limits of one are held
against jails of another. A program called postgres is counted as \`jailyard size\` counts it.

An error does not do what it says; a warning does, and somebody may be surprised.

Rules: sysvipc-mixed inherit-sees-new parent-disabled module-absent model-without-modes
  unknown-parameter bad-value                                           jails
  boot-only unknown-setting derived-setting out-of-range set-twice      limits and tunables
  rctl-off rctl-no-jail rctl-over-host                                  rctl
  postgres-without-ipc postgres-needs-more postgres-setting             servers
  refused                                                               what \`jailyard up\` refuses

Examples:
  $ jailyard lint /etc/jail.conf
  $ jailyard lint /etc/jail.conf /boot/loader.conf /etc/sysctl.conf /etc/rctl.conf
  $ jailyard lint lab.yaml --json

Exit status: 0 nothing was found; 1 warnings or errors were; 2 a file cannot be read.`;

interface LintOptions {
  readonly json?: boolean;
}

export function addLint(program: Command, run: (status: number) => void): void {
  program
    .command("lint")
    .description("find settings that do not do what they look like, each with its line and remedy")
    .argument("<file...>", "jail.conf, YAML, loader.conf, sysctl.conf or rctl.conf")
    .option("--json", "the findings as JSON on stdout")
    .addHelpText("after", EXAMPLES)
    .action((files: string[], { json }: LintOptions) => {
      const found = lint(files);
      if (json === true) print(JSON.stringify(found, null, 2));
      else report(found, files);
      run(found.length === 0 ? 0 : 1);
    });
}

function report(found: readonly Finding[], files: readonly string[]): void {
  for (const one of found) {
    const { file, line, severity, rule, what, why, remedy } = one;
    const label = severity === "error" ? red(severity) : severity;
    print(`${bold(`${file}:${line}`)}: ${label}: ${what} [${rule}]`);
    print(wrapped(`why: ${why}`, "    "));
    print(wrapped(`remedy: ${remedy}`, "    "));
  }
  const errors = found.filter(({ severity }) => severity === "error").length;
  const warnings = found.length - errors;
  const among = plural(files.length, "file");
  if (found.length === 0) print(`Nothing found in ${among}.`);
  else print(`${plural(errors, "error")}, ${plural(warnings, "warning")} in ${among}.`);
}
