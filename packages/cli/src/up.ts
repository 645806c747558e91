/** `jailyard up [FILE]`: a yard in the foreground, for tools in other terminals. */
import type { JailInfo } from "@jailyard/abi/jail";
import { FACILITIES } from "@jailyard/abi/types";
import type { YardConfig } from "@jailyard/host/yard";
import { MODELS, type ModelName } from "@jailyard/kernel/model";
import { up } from "@jailyard/lab/scenario/up";
import { readYardFile, type YardPlan } from "@jailyard/lab/scenario/yardfile";
import { visible } from "@jailyard/tools/vis";
import { type Command, Option } from "commander";
import { addYardOptions, listening, type YardOptions } from "./command.ts";
import { interrupted } from "./interrupt.ts";
import { effectiveLimits } from "./record.ts";
import { lineOutput } from "./runfile.ts";
import { print, printError, wrapped } from "./terminal.ts";
import { settingOption, yardSettings } from "./usage.ts";

export interface UpOptions extends YardOptions {
  readonly model?: ModelName;
  readonly set?: readonly string[];
}

const EXAMPLES = `
FILE is YAML, or jail.conf(5) if its name ends in .conf:

  name: lab
  model: jail-keyed            # late-load, limits: as of run
  modules: [sysvmsg, sysvsem, sysvshm]
  settings: {kern.ipc.semmni: 64, kern.racct.enable: 1}
  jails:
    web:
      sysvsem: new
      programs:
        - {run: ./pinger.ts, args: [fast], uid: 80, procs: 2}
    db: {allow.sysvipc: true}

What a jail is not given it does not have, as on FreeBSD. Programs lie where the file lies. In
jail.conf, each value of exec.start names a program and its arguments; it runs in the background. Jails
begin in the order of depend. Other commands around a jail are run by jailyard jail -f FILE -c.
A program called postgres is the simulated server; its arguments are settings, as max_connections=50.
The yard stays up until Ctrl-C, also when all programs have ended. -o and --model win over the file.

Examples:
  $ jailyard up                                  no jails yet: jailyard jail -c makes them
  $ jailyard up lab.yaml --yard lab
  $ jailyard up /etc/jail.conf -o kern.ipc.semmns=680
  $ jailyard ipcs --yard lab                     in another terminal

Exit status: 1 a jail or program cannot be had, or the kernel died; 2 the file is wrong; 130 Ctrl-C.`;

export function addUp(program: Command, run: (status: number) => void): void {
  const command = program
    .command("up")
    .description("keep a yard up, of jails and programs from a file, for tools in other terminals")
    .argument("[file]", "YAML, or jail.conf(5)")
    .addOption(
      new Option("--model <model>", `virtualisation model (default: ${MODELS[0]})`).choices(MODELS),
    )
    .addOption(settingOption())
    .addHelpText("after", EXAMPLES)
    .action(async (file: string | undefined, options: UpOptions) =>
      run(await runUp(file, options)),
    );
  addYardOptions(command);
}

async function runUp(file: string | undefined, options: UpOptions): Promise<number> {
  const plan = planOf(file);
  const config = configOf(plan, options);
  const yard = options.yard ?? plan.name ?? String(process.pid);
  const output = {
    ...lineOutput,
    isUp: (jails: readonly JailInfo[]) => reportUp(yard, config, options, jails),
    console: (line: string) => printError(visible(line)),
  };
  await listening({ ...options, yard }, (cx) => up(cx, config, plan.jails, output));
  return 0;
}

/** What a file asks for; nothing without one. */
export const planOf = (file: string | undefined): YardPlan =>
  file === undefined ? { settings: {}, jails: [] } : readYardFile(file);

/** The file's settings, but for those that -o says. */
export function configOf(
  plan: YardPlan,
  { model, set = [] }: Pick<UpOptions, "model" | "set">,
): YardConfig {
  const given = new Set(set.map((text) => text.slice(0, text.indexOf("="))));
  const kept = Object.entries(plan.settings).filter(([name]) => !given.has(name));
  const { lateLoad, limitScope, modules } = plan;
  return {
    model: model ?? plan.model ?? MODELS[0],
    ...(lateLoad && { lateLoad }),
    ...(limitScope && { limitScope }),
    ...(modules && { modules }),
    ...yardSettings([...kept.map(([name, value]) => `${name}=${value}`), ...set]),
  };
}

/** Everything that holds, set or not. */
function reportUp(
  name: string,
  config: YardConfig,
  { placement, wake, locks }: YardOptions,
  jails: readonly JailInfo[],
): void {
  if (interrupted.aborted) return;
  const { model, lateLoad = "freebsd", limitScope = "host", modules = FACILITIES } = config;
  const loaded = modules.map((f) => `sysv${f}`).join(" ") || "none";
  print(`yard ${name}: model ${model}, late load ${lateLoad}, limits by ${limitScope}`);
  print(`  placement ${placement}, wake ${wake}, locks ${locks}; modules: ${loaded}`);
  const flags = {
    "security.jail.sysvipc_allowed": Number(config.sysvipc_allowed ?? false),
    "kern.racct.enable": Number(config.racct ?? false),
  };
  const settings = { ...flags, ...effectiveLimits(config.limits ?? {}) };
  print(
    wrapped(
      Object.entries(settings)
        .map((pair) => pair.join("="))
        .join(" "),
    ),
  );
  for (const jail of jails) print(jailLine(jail));
  print(`up: \`jailyard ipcs --yard ${name}\` looks into it; Ctrl-C ends it`);
}

function jailLine({ jid, name, path, sysvmsg, sysvsem, sysvshm, ...rest }: JailInfo): string {
  const modes = Object.entries({ sysvmsg, sysvsem, sysvshm }).filter(([, mode]) => mode);
  const words = modes.map((pair) => pair.join("="));
  if (rest["allow.sysvipc"]) words.push("allow.sysvipc");
  return `jail ${jid} ${name}: ${[`path=${path}`, ...words].join(" ")}`;
}
