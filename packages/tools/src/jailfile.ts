/**
 * jail(8) with -f: the jails of a jail.conf(5), in the order of `depend`, with the commands around
 * them. [TOOL-34] [TOOL-36]
 *
 * The file is one of the machine's. A command is a tool, or the file of a program, looked for where
 * jail.conf lies; there is no shell to give it to, but `&` at its end leaves it running. The whole file
 * is looked at before anything is done. What this host has no notion of, mounts and addresses above
 * all, is refused with its line.
 */
import { globSync, readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { JAIL_CREATE, JAIL_UPDATE, type JailInfo, type JailParams } from "@jailyard/abi/jail";
import {
  type ConfJail,
  isPattern,
  JailConfError,
  lastWords,
  parseJailConf,
  type Setting,
} from "@jailyard/abi/jailconf";
import { dependsOn, EXEC_PARAMS, HOOKS, type Hook, inOrder } from "@jailyard/abi/jailorder";
import { jailParamNamed } from "@jailyard/abi/jailparam";
import type { Process } from "@jailyard/trap/process";
import { jailNamed } from "./jails.ts";
import { call, paramsOf, startIn } from "./jailsetting.ts";
import { uidOf } from "./owners.ts";
import { attempt, type Surroundings } from "./tool.ts";

/** A jail as the file has it, looked at and found good. */
export interface FileJail {
  readonly name: string;
  readonly params: JailParams;
  readonly depend: readonly string[];
  /** exec.jail_user. */
  readonly uid: number;
  /** exec.timeout in seconds; 0: none. */
  readonly timeout: number;
  /** stop.timeout in seconds. */
  readonly stopTimeout: number;
  readonly around: Surroundings;
  readonly hooks: ReadonlyMap<Hook, readonly string[]>;
}

const STOP_TIMEOUT = 10;
/** What only a shell would understand. */
const SHELL = /[|<>;`$(){}*?~]|&(?!\s*$)|&&/;

/** The jails of a file, each after those that it depends on; or what is wrong with it. */
export function readJails(file: string, { cwd = "/" }: Surroundings): FileJail[] | string {
  const path = resolve(cwd, file);
  try {
    return inOrder(parseJailConf(path, readFileSync(path, "utf8"), included)).map(fileJail);
  } catch (error) {
    if (error instanceof JailConfError) return error.message;
    const { code, message, path: which = file } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    return `${which === path ? file : which}: ${FILE_ERRORS[code] ?? message}`;
  }
}

const FILE_ERRORS: Readonly<Record<string, string>> = {
  ENOENT: "No such file or directory",
  EISDIR: "Is a directory",
  EACCES: "Permission denied",
};

function included(pattern: string, from: string): { file: string; text: string }[] {
  const path = resolve(dirname(from), pattern);
  const files = isPattern(pattern) ? globSync(path).sort() : [path];
  return files.map((file) => ({ file, text: readFileSync(file, "utf8") }));
}

/** @throws JailConfError */
function fileJail(jail: ConfJail): FileJail {
  const settings = lastWords(jail.settings);
  const words = [`name=${jail.name}`];
  for (const setting of settings.values()) {
    if (setting.name !== "depend" && !EXEC_PARAMS.has(setting.name)) words.push(wordOf(setting));
  }
  const params = paramsOf(words, "");
  if (typeof params === "string") throw new JailConfError(jail, params);
  const value = (name: string): Setting | undefined => settings.get(name);
  const hooks = new Map(HOOKS.map((name) => [name, commandsOf(value(name))]));
  return {
    name: String(params.name),
    params,
    depend: dependsOn(jail),
    uid: userOf(value("exec.jail_user")),
    timeout: secondsOf(value("exec.timeout"), 0),
    stopTimeout: secondsOf(value("stop.timeout"), STOP_TIMEOUT),
    around: { cwd: dirname(jail.file) },
    hooks,
  };
}

function wordOf(setting: Setting): string {
  const { name, values } = setting;
  const known = jailParamNamed(name);
  if (known === undefined || !known.param.settable) {
    throw new JailConfError(setting, `unknown parameter: ${name}`);
  }
  if (values !== null && values.length > 1) {
    throw new JailConfError(setting, `${name}: it takes one value`);
  }
  const word = values === null ? name : `${name}=${values[0]}`;
  const parsed = paramsOf([word], "");
  if (typeof parsed === "string") throw new JailConfError(setting, parsed);
  return word;
}

function userOf(setting: Setting | undefined): number {
  if (setting === undefined) return 0;
  const [user = ""] = setting.values ?? [];
  const uid = uidOf(user);
  if (uid === null) throw new JailConfError(setting, `${setting.name}: ${user}: no such user`);
  return uid;
}

function secondsOf(setting: Setting | undefined, usual: number): number {
  if (setting === undefined) return usual;
  const [text = ""] = setting.values ?? [];
  if (/^\d{1,6}$/.test(text)) return Number(text);
  throw new JailConfError(setting, `${setting.name}: non-integer value "${text}"`);
}

function commandsOf(setting: Setting | undefined): readonly string[] {
  const commands = (setting?.values ?? []).filter((command) => command.trim() !== "");
  const strange = commands.find((command) => SHELL.test(command));
  if (strange === undefined) return commands;
  throw new JailConfError(setting!, `${setting!.name}: there is no shell for "${strange}"`);
}

/** `a "b c" d` is three words. */
const wordsOf = (command: string): string[] =>
  [...command.matchAll(/"([^"]*)"|'([^']*)'|([^\s"']+)/g)].map(([, a, b, c]) => a ?? b ?? c);

/** The commands of a hook one after the other, on the host if `jid` is null. @returns why not */
async function runHook(
  p: Process,
  jail: FileJail,
  name: Hook,
  jid: number | null,
): Promise<string | null> {
  for (const command of jail.hooks.get(name)!) {
    const inBackground = /&\s*$/.test(command);
    const words = wordsOf(command.replace(/&\s*$/, ""));
    const uid = jid === null ? 0 : jail.uid;
    const pid = await startIn(p, { title: jail.name, words, around: jail.around, uid, jid });
    if (inBackground) continue;
    const why = await ended(p, pid, jail.timeout);
    if (why !== null) return `${jail.name}: ${command}: ${why}`;
  }
  return null;
}

const WNOHANG = 1;
const LOOK_MS = 5;

/** Wait for a command, for a while at most. @returns null if it ended well */
async function ended(p: Process, pid: number, seconds: number): Promise<string | null> {
  if (seconds === 0) return (await p.wait(pid))?.status === 0 ? null : "failed";
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const child = await p.wait(pid, WNOHANG);
    if (child !== null) return child.status === 0 ? null : "failed";
    if (Date.now() >= deadline) {
      await attempt(p.kill(pid, "SIGKILL"));
      await p.wait(pid);
      return "timed out";
    }
    await p.sleep(LOOK_MS);
  }
}

/** End the processes of a jail, and the jail. @returns why not */
export type Stop = (jail: JailInfo, seconds: number) => Promise<string | null>;

interface How {
  readonly verbose: boolean;
  readonly stop: Stop;
}

/** Make a jail and run what begins with it; one that does not begin well goes again. @returns why not */
export async function startJail(p: Process, jail: FileJail, how: How): Promise<string | null> {
  const before = await runHook(p, jail, "exec.prestart", null);
  if (before !== null) return before;
  const { nopersist: _, ...params } = jail.params;
  const stays = params.persist === true;
  const jid = await call(p, jail.name, { ...params, persist: true }, JAIL_CREATE, how);
  if (typeof jid === "string") return jid;
  let why = await runHook(p, jail, "exec.created", null);
  why ??= await runHook(p, jail, "exec.start", jid);
  why ??= await runHook(p, jail, "exec.poststart", null);
  if (why !== null) await attempt(p.jail_remove(jid));
  else if (!stays) await attempt(p.jail_set({ jid, nopersist: true }, JAIL_UPDATE));
  return why;
}

/** What ends with a jail, and the jail. @returns why not */
export async function stopJail(p: Process, jail: FileJail, how: How): Promise<string | null> {
  const found = await jailNamed(p, jail.name);
  if (typeof found === "string") return `"${jail.name}" not found`;
  // As with jail(8), a command that fails does not keep a jail.
  await runHook(p, jail, "exec.prestop", null);
  await runHook(p, jail, "exec.stop", found.jid);
  const why = await how.stop(found, jail.stopTimeout);
  if (why === null) await runHook(p, jail, "exec.poststop", null);
  return why;
}

/** All its parameters again. [TOOL-36] @returns why not */
export async function updateJail(p: Process, jail: FileJail, how: How): Promise<string | null> {
  const found = await jailNamed(p, jail.name);
  if (typeof found === "string") return `"${jail.name}" not found`;
  const { path: _, ...params } = jail.params; // the kernel refuses even the same one
  const jid = await call(p, jail.name, params, JAIL_UPDATE, how);
  return typeof jid === "string" ? jid : null;
}
