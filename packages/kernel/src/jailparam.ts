/**
 * What a jail_set(2) asks, read from its parameters: values tested for their kind, nothing more.
 */
import { type JailParams, type JailValue, MAXHOSTNAMELEN } from "@jailyard/abi/jail";
import { type JailParam, jailParamNamed } from "@jailyard/abi/jailparam";
import { FACILITIES, type Facility } from "@jailyard/abi/types";
import type { Kernel } from "./kernel.ts";

/** The parameters of one call; undefined: not given. */
export interface JailRequest {
  /** 0: not given. */
  jid: number;
  /** As the caller says it; empty: not given. */
  name: string;
  path?: string;
  hostname?: string;
  persist?: boolean;
  childmax?: number;
  sysvipc?: boolean;
  suser?: boolean;
  /** As given: the module itself tests them, later than the rest. [JAIL-11] */
  readonly jailsys: Partial<Record<Facility, JailValue>>;
  /** The first parameter that nobody knows; null if all are known. */
  unknown: string | null;
}

/** The facility whose parameter this is; undefined for any other name. */
const facilityOf = (name: string): Facility | undefined =>
  FACILITIES.find((f) => `sysv${f}` === name);

/** Is there such a parameter in this kernel, under its model, with the modules it has? [JAIL-7] */
export function jailParamExists(k: Kernel, param: JailParam): boolean {
  if (param.kind !== "jailsys") return true;
  return k.model.jailsys !== null && k.modules[facilityOf(param.name)!].loaded;
}

/** Null if a value is malformed: EINVAL. */
export function readJailParams(k: Kernel, params: JailParams): JailRequest | null {
  const request: JailRequest = { jid: 0, name: "", jailsys: {}, unknown: null };
  for (const [name, value] of Object.entries(params)) {
    const known = jailParamNamed(name);
    if (known === undefined || !known.param.settable || !jailParamExists(k, known.param)) {
      request.unknown ??= name;
    } else if (!note(request, known.param, value, known.negated)) return null;
  }
  return request;
}

/** A number that fits an int of C. */
export const isInt = (value: JailValue): value is number => value === (Number(value) | 0);
/** A string as C has it ends at its first NUL: that may not come early. */
const isString = (value: JailValue): value is string =>
  typeof value === "string" && !value.includes("\0");

/** Put one value where it belongs; false if it is not of its parameter's kind. */
function note(request: JailRequest, param: JailParam, value: JailValue, negated: boolean): boolean {
  switch (param.kind) {
    case "bool":
      return noteFlag(request, param.name, value, negated);
    case "int":
      if (!isInt(value)) return false;
      if (param.name === "jid") request.jid = value;
      else request.childmax = value;
      return param.name === "jid" || value >= 0;
    case "string":
      return isString(value) && noteText(request, param.name, value);
    case "jailsys":
      request.jailsys[facilityOf(param.name)!] = value;
      return true;
  }
}

function noteFlag(request: JailRequest, name: string, value: JailValue, negated: boolean): boolean {
  if (typeof value !== "boolean") return false;
  const on = value !== negated;
  if (name === "persist") request.persist = on;
  else if (name === "allow.sysvipc") request.sysvipc = on;
  else request.suser = on;
  return true;
}

function noteText(request: JailRequest, name: string, text: string): boolean {
  if (name === "name") request.name = text;
  else if (name === "path") request.path = text;
  else request.hostname = text;
  return true;
}

const MAXPATHLEN = 1024;

/** ENAMETOOLONG: a name, host name or path that no kernel buffer holds. */
export const nameTooLong = ({ name, hostname, path }: JailRequest): boolean =>
  name.length >= MAXHOSTNAMELEN ||
  (hostname?.length ?? 0) >= MAXHOSTNAMELEN ||
  (path?.length ?? 0) >= MAXPATHLEN;
