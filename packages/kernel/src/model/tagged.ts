/**
 * Model `tagged`: zones of Solaris 10 and illumos. One table; each object has the zone of its
 * creator, key and zone together are what is looked up, and an id is good in its own zone and in
 * the global one. Each jail is a zone, also one in another jail: zones do not nest, so only the host
 * sees all, keys included. Nothing is per zone but the identity: there is nothing to switch, and
 * nothing to make for a zone that a module finds when it comes. [HIST-7] to [HIST-15]
 */
import { cleanup } from "../facility.ts";
import { letIn } from "../lateload.ts";
import { byId, type Model } from "../model.ts";

/** As zonename(1) calls the host. */
const GLOBAL = "global";

const IDS =
  "an id is good in its own jail and on the host, not in a jail between them; keys are shown";
const NO_PARAMETERS = "no sysv* parameters: every jail is a zone, and needs no permission";

export const tagged: Model = {
  name: "tagged",
  jailsys: null,
  spaces: null,
  hasSwitch: false,
  root: (_k, f, { cr_prison }) => (cr_prison.pr_noipc[f] ? null : cr_prison),
  keySpace: (_k, _f, { cr_prison }) => cr_prison.pr_serial,
  visible: (k, _f, root, { cred }) => root === k.prison0 || root === cred.cr_prison,
  showsKey: () => true,
  spaceName: (k, { cred }) => (cred.cr_prison === k.prison0 ? GLOBAL : cred.cr_prison.pr_name),
  created() {},
  dying: cleanup,
  loaded: (k, f) => letIn(k, f, () => {}),
  unloaded() {},
  about: {
    system: "illumos zones",
    lateLoad: "create",
    limits: "namespace",
    differs: {
      ...byId(IDS),
      ipcs: "the host is shown keys, and each object's zone by name",
      jail_set: NO_PARAMETERS,
      jail_get: NO_PARAMETERS,
      jail_remove: "all objects of the jail are removed, whoever shared them",
      kldload: "a jail that gets one has its own keys and ids, with allow.sysvipc too",
    },
    beside: [
      "Who is not root on the host passes for the owner of a jail's object if the uid is the same, as on FreeBSD; illumos asks for privilege.",
      "illumos modules never unload; here they do, if there is no object.",
      "Limits are those of the host, or `--limits namespace` gives each zone all of them, where illumos has resource controls for each zone and project.",
    ],
  },
};
