/** Rules about jails: what their System V parameters do, and what they do not do. */
import { jailParamNamed, negatedParam, parseJailParam } from "@jailyard/abi/jailparam";
import { FACILITIES, type Facility } from "@jailyard/abi/types";
import { modelNamed } from "@jailyard/kernel/models";
import type { Described, DescribedJail, Param } from "./described.ts";
import { type Finding, finding } from "./finding.ts";

type Mode = "disable" | "new" | "inherit";
const MODES: readonly Mode[] = ["disable", "new", "inherit"];

/** The last word on a parameter, in either form of a boolean. */
function lastOf({ params }: DescribedJail, name: string): Param | undefined {
  return params.findLast((param) => param.name === name || param.name === negatedParam(name));
}

/** The line that allows the old way, if it does in the end. */
function allows(jail: DescribedJail): Param | null {
  const param = lastOf(jail, "allow.sysvipc");
  if (param === undefined || param.name !== "allow.sysvipc") return null;
  return param.value === "false" || param.value === "0" ? null : param;
}

/** The parameter that decides a facility, and what it says; null: it is not given. */
function given(jail: DescribedJail, f: Facility): { mode: Mode; param: Param } | null {
  const param = lastOf(jail, `sysv${f}`);
  if (param === undefined) return null;
  const parsed = parseJailParam(param.value === null ? param.name : `${param.name}=${param.value}`);
  if (parsed.error !== undefined) return null;
  const mode = MODES[Number(parsed.value)];
  return mode === undefined ? null : { mode, param };
}

/** What a jail has of a facility, and the line that says so. [JAIL-14] */
export function modeOf(jail: DescribedJail, f: Facility): { mode: Mode; param: Param | null } {
  const own = given(jail, f);
  if (own !== null) return own;
  const old = allows(jail);
  return old === null ? { mode: "disable", param: null } : { mode: "inherit", param: old };
}

export function jailFindings(host: Described): Finding[] {
  const { jails } = host;
  const takesModes = modelNamed(host.model).jailsys !== null;
  return jails.flatMap((jail) => [
    ...unknownParams(jail),
    ...badValues(jail),
    ...mixed(jail),
    ...(takesModes ? inherits(jail, jails) : noModes(jail, host)),
    ...belowDisabled(jail, jails),
    ...absentModules(jail, host),
  ]);
}

function unknownParams({ params }: DescribedJail): Finding[] {
  const unknown = params.filter(({ name }) => jailParamNamed(name)?.param.settable !== true);
  return unknown.map((param) =>
    finding(param, "error", "unknown-parameter", {
      what: `${param.name}: this host has no such jail parameter to set`,
      why: "jail_set(2) says Invalid argument, and the jail does not start; jailyard up refuses the file",
      remedy: "leave it out, or correct its name",
    }),
  );
}

function badValues({ params }: DescribedJail): Finding[] {
  return params.flatMap((param) => {
    const { name, value } = param;
    const { error, ...parsed } = parseJailParam(value === null ? name : `${name}=${value}`);
    const isMode = jailParamNamed(name)?.param.kind === "jailsys";
    const text = isMode && error === undefined && "value" in parsed ? Number(parsed.value) : 0;
    if (error === undefined && MODES[text] !== undefined) return [];
    return [
      finding(param, "error", "bad-value", {
        what: error ?? `${name}=${value} is out of range`,
        why: "the jail does not start",
        remedy: isMode ? "write new, inherit or disable" : "write a value of its kind",
      }),
    ];
  });
}

/** [JAIL-14] [JAIL-23] [JAIL-66] */
function mixed(jail: DescribedJail): Finding[] {
  const old = allows(jail);
  if (old === null) return [];
  const own = FACILITIES.filter((f) => given(jail, f) !== null);
  if (own.length === 0) return [];
  const rest = FACILITIES.filter((f) => !own.includes(f)).map((f) => `sysv${f}`);
  const now = rest.length === 0 ? "" : `through it the jail inherits ${rest.join(" and ")}; and `;
  return [
    finding(old, "warning", "sysvipc-mixed", {
      what: `jail ${jail.name} has allow.sysvipc beside ${own.map((f) => `sysv${f}`).join(", ")}`,
      why: `${now}when a module is unloaded and loaded again, the jail shares the host's name space, whatever its sysv* said`,
      remedy: "leave allow.sysvipc out and give sysvmsg, sysvsem and sysvshm each",
    }),
  ];
}

/** One whose root is the host's sees what every jail has, by id. [JAIL-29] */
function inherits(jail: DescribedJail, jails: readonly DescribedJail[]): Finding[] {
  if (parentOf(jail, jails) !== undefined) return [];
  return FACILITIES.flatMap((f) => {
    const { mode, param } = modeOf(jail, f);
    if (mode !== "inherit" || param === null) return [];
    const seen = jails.filter((other) => other !== jail && modeOf(other, f).mode === "new");
    if (seen.length === 0) return [];
    return [
      finding(param, "warning", "inherit-sees-new", {
        what: `jail ${jail.name} inherits sysv${f} and sees the objects of ${seen.map(({ name }) => name).join(", ")}`,
        why: "its name space is the host's: it lists the objects of all jails, and can use and remove by id those that their permissions grant it, root all of them",
        remedy: `give it sysv${f} = new, or disable`,
      }),
    ];
  });
}

function noModes(jail: DescribedJail, { model }: Described): Finding[] {
  const params = FACILITIES.flatMap((f) => given(jail, f)?.param ?? []);
  return params.slice(0, 1).map((param) =>
    finding(param, "error", "model-without-modes", {
      what: `${param.name} under the model ${model}`,
      why: "this model has no such parameters, and jail_set(2) refuses them",
      remedy: "leave them out, or choose jail-keyed or disjoint",
    }),
  );
}

/** The jail whose name is all but the last part. [JAIL-39] */
const parentOf = (
  { name }: DescribedJail,
  jails: readonly DescribedJail[],
): DescribedJail | undefined =>
  jails.find((other) => other.name === name.slice(0, Math.max(0, name.lastIndexOf("."))));

/** [JAIL-11] */
function belowDisabled(jail: DescribedJail, jails: readonly DescribedJail[]): Finding[] {
  const parent = parentOf(jail, jails);
  if (parent === undefined) return [];
  return FACILITIES.flatMap((f) => {
    const own = given(jail, f);
    if (own === null || own.mode === "disable") return [];
    if (modeOf(parent, f).mode !== "disable") return [];
    return [
      finding(own.param, "error", "parent-disabled", {
        what: `jail ${jail.name} wants sysv${f}=${own.mode} below ${parent.name}, which has none`,
        why: "jail_set(2) says EPERM: what the parent does not have it cannot give",
        remedy: `give ${parent.name} sysv${f} = new or inherit`,
      }),
    ];
  });
}

/** [JAIL-80] */
function absentModules(jail: DescribedJail, { modules }: Described): Finding[] {
  if (modules === null) return [];
  return FACILITIES.filter((f) => !modules.includes(f)).flatMap((f) => {
    const param = given(jail, f)?.param;
    if (param === undefined) return [];
    return [
      finding(param, "error", "module-absent", {
        what: `sysv${f} is given, but the module sysv${f} is not loaded`,
        why: "the parameter exists with the module only: jail_set(2) says unknown parameter, and a jail that was there before a load keeps none",
        remedy: `add sysv${f} to modules, or leave the parameter out`,
      }),
    ];
  });
}
