/** Rules about limits and tunables: those that will not take, and rules of rctl that bind nobody. */
import { LIMITS, limitNamed, limitsProblem } from "@jailyard/abi/limits";
import type { Facility } from "@jailyard/abi/types";
import type { HostSetting } from "../scenario/hostconf.ts";
import { numberOf } from "../sizing/given.ts";
import type { Described } from "./described.ts";
import { type Finding, finding } from "./finding.ts";

/** Boot-only ones of this host that are no limits. [TOOL-45] */
const BOOT_ONLY = new Set(["kern.racct.enable", "kern.maxproc"]);
/** Names of System V IPC; a host's files have many others. */
const OURS = /^kern\.ipc\.(sem|shm|msg)/;

export function settingFindings(host: Described): Finding[] {
  return [
    ...host.settings.flatMap((one) => settingFinding(one, host)),
    ...repeated(host.settings),
    ...ruleFindings(host),
  ];
}

function settingFinding(one: HostSetting, { modules }: Described): Finding[] {
  const { name, value, when } = one;
  const limit = limitNamed(name);
  if (limit === undefined) return OURS.test(name) ? [unknown(one)] : tunable(one);
  if (limit.writable === "derived") return [derived(one)];
  if (when === "run" && limit.writable === "boot") return [bootOnly(one)];
  const problem = limitsProblem({ [name]: numberOf(value) });
  if (problem !== null) return [outOfRange(one, problem)];
  const facility = name.slice("kern.ipc.".length, "kern.ipc.".length + 3) as Facility;
  return modules === null || modules.includes(facility) ? [] : [moduleAbsent(one, facility)];
}

function tunable(one: HostSetting): Finding[] {
  return one.when === "run" && BOOT_ONLY.has(one.name) ? [bootOnly(one)] : [];
}

function unknown(one: HostSetting): Finding {
  const near = LIMITS.find(({ name }) => name.startsWith(one.name) || one.name.startsWith(name));
  return finding(one, "error", "unknown-setting", {
    what: `${one.name}: there is no such setting`,
    why: "sysctl(8) says unknown oid, the loader ignores it; the limit that was meant keeps its value",
    remedy: near === undefined ? "correct its name: sysctl -N lists them" : `write ${near.name}`,
  });
}

function derived(one: HostSetting): Finding {
  const by =
    one.name === "kern.ipc.msgmax" ? "kern.ipc.msgssz and kern.ipc.msgseg" : "kern.ipc.semume";
  return finding(one, "error", "derived-setting", {
    what: `${one.name} cannot be set`,
    why: `the kernel computes it from ${by}`,
    remedy: `set ${by}`,
  });
}

function bootOnly(one: HostSetting): Finding {
  return finding(one, "error", "boot-only", {
    what: `${one.name} is a tunable of the loader and is read-only once the kernel runs`,
    why: "sysctl(8) refuses it at every boot, and the default stays",
    remedy: `move ${one.name}="${one.value}" to loader.conf and boot`,
  });
}

function outOfRange(one: HostSetting, problem: string): Finding {
  return finding(one, "error", "out-of-range", {
    what: Number.isNaN(numberOf(one.value)) ? `${one.name}=${one.value} is no number` : problem,
    why: "the kernel refuses it, and the limit keeps its value",
    remedy: "choose a whole number of the range",
  });
}

function moduleAbsent(one: HostSetting, facility: Facility): Finding {
  return finding(one, "error", "module-absent", {
    what: `${one.name} is set, but the module sysv${facility} is not loaded`,
    why: "the name exists with the module only, so nobody meets this limit",
    remedy: `add sysv${facility} to modules, or leave the setting out`,
  });
}

function repeated(settings: readonly HostSetting[]): Finding[] {
  return settings.flatMap((one, i) => {
    const later = settings
      .slice(i + 1)
      .find(({ name, when }) => name === one.name && when === one.when);
    if (later === undefined || later.value === one.value) return [];
    return [
      finding(one, "warning", "set-twice", {
        what: `${one.name}=${one.value} is overruled by ${later.file}:${later.line}`,
        why: `the last word counts: it is ${later.value}`,
        remedy: "keep one of the two lines",
      }),
    ];
  });
}

function ruleFindings({ rules, settings, jails }: Described): Finding[] {
  if (rules.length === 0) return [];
  const enabled = settings.findLast(
    ({ name, when }) => name === "kern.racct.enable" && when === "boot",
  );
  const off = finding(rules[0], "error", "rctl-off", {
    what: "rules of rctl, but no kern.racct.enable=1 for the loader",
    why: "without accounting rctl(8) says Function not implemented, and no rule binds anybody",
    remedy: "put kern.racct.enable=1 into loader.conf, lint that file too, and boot",
  });
  const known = new Set(jails.map(({ name }) => name));
  const strangers = rules.filter(({ text }) => {
    const [subject, id = ""] = text.split(":");
    return subject.startsWith("j") && known.size > 0 && !known.has(id);
  });
  return [
    ...(enabled?.value === "1" ? [] : [off]),
    ...strangers.map((rule) =>
      finding(rule, "warning", "rctl-no-jail", {
        what: `${rule.text}: there is no jail ${rule.text.split(":")[1]} in these files`,
        why: "a rule binds by the name of the jail, and none has it",
        remedy: `write one of ${[...known].join(", ")}`,
      }),
    ),
  ];
}
