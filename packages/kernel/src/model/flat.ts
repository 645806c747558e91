/**
 * Model `flat`: FreeBSD before 11. One name space for all. security.jail.sysvipc_allowed, or the
 * allow.sysvipc bit of 8 to 10, opens it to a jail; else every call there is ENOSYS. Nothing
 * records the jail of an object, and nothing is removed when a jail ends. [HIST-1] to [HIST-3]
 */
import { byId, byKey, type Model } from "../model.ts";

const SPACE = 0;

const KEYS = "one key space: a key finds whatever any jail made with it";
const IDS = "an id is good everywhere, mode bits alone decide, and keys are shown";
const NO_PARAMETERS = "no sysv* parameters: allow.sysvipc opens the one name space to the jail";

export const flat: Model = {
  name: "flat",
  jailsys: null,
  spaces: null,
  hasSwitch: true,
  root(k, f, { cr_prison }) {
    const open = k.sysvipc_allowed || cr_prison.pr_allow_sysvipc;
    return cr_prison === k.prison0 || (open && !cr_prison.pr_noipc[f]) ? k.prison0 : null;
  },
  keySpace: () => SPACE,
  visible: () => true,
  showsKey: () => true,
  spaceName: () => null,
  created() {},
  dying() {},
  loaded(k, f) {
    const denied = k.lateLoad === "deny"; // there is nothing to create, and nothing to share but all
    for (const prison of k.prisons) prison.pr_noipc[f] = denied && prison !== k.prison0;
  },
  unloaded() {},
  about: {
    system: "FreeBSD before 11",
    lateLoad: "freebsd",
    limits: "host",
    differs: {
      ...byKey(KEYS),
      ...byId(IDS),
      ipcs: "whoever may call sees all, with keys",
      jail_set: NO_PARAMETERS,
      jail_get: NO_PARAMETERS,
      jail_attach: "what the process made stays in its sight if the jail may call at all",
      jail_remove: "objects of the jail stay, and keep it dying",
      kldload: "jails notice nothing but `deny`; `create` has nothing to give them",
      kldunload: "a reload gives jails back what the switch gives",
      sysctl: "security.jail.sysvipc_allowed is the switch of all jails, and is shown in each",
    },
    beside: [],
  },
};
