/**
 * Model `flat`: FreeBSD before 11. One name space for all. security.jail.sysvipc_allowed, or the
 * allow.sysvipc bit of 8 to 10, opens it to a jail; else every call there is ENOSYS. Nothing
 * records the jail of an object, and nothing is removed when a jail ends. [HIST-1] to [HIST-3]
 */
import type { Model } from "../model.ts";

const SPACE = 0;

export const flat: Model = {
  name: "flat",
  jailsys: null,
  root: (k, _f, { cr_prison }) =>
    cr_prison === k.prison0 || k.sysvipc_allowed || cr_prison.pr_allow_sysvipc ? k.prison0 : null,
  keySpace: () => SPACE,
  visible: () => true,
  showsKey: () => true,
  diesWith: () => false,
  loaded() {},
  unloaded() {},
};
