/**
 * How full the limits are that many share: use, value, and who uses most. Where limits are those of
 * name spaces, a limit is as full as the fullest of them. Rules of rctl(8) that deny are limits too.
 */
import type { Facility } from "@jailyard/abi/types";
import type { LimitSample } from "@jailyard/abi/yardsample";
import { objectsOf } from "./facility.ts";
import type { Kernel } from "./kernel.ts";
import { SHARED, type SharedLimit, type Uses } from "./limituse.ts";
import { P_CBYTES } from "./msgpage.ts";
import { freeSegs } from "./msgpool.ts";
import type { Use } from "./usage.ts";

/** In the order of ipcs -T, those of modules that are absent apart. */
export function limitSamples(k: Kernel): LimitSample[] {
  const samples: LimitSample[] = [];
  for (const name of Object.keys(SHARED) as SharedLimit[]) {
    const shared = SHARED[name];
    if ("facility" in shared && !k.modules[shared.facility].loaded) continue;
    const uses = bySpace(k, name) ?? byJail(shared.uses(k));
    samples.push(sampleOf(name, shared.value(k), uses));
  }
  return [...samples, ...segments(k), ...rules(k)];
}

interface Named {
  readonly total: number;
  readonly holder: string | null;
  readonly holderUse: number;
}

const sampleOf = (name: string, value: number, { total, ...most }: Named): LimitSample => ({
  ...{ name, value, use: total },
  ...most,
});

function byJail(uses: Uses): Named {
  let named: Named = { total: 0, holder: null, holderUse: 0 };
  for (const [{ pr_name }, amount] of uses) {
    const isMost = amount > named.holderUse;
    const most = isMost ? { holder: pr_name, holderUse: amount } : named;
    named = { ...named, ...most, total: named.total + amount };
  }
  return named;
}

/** Those whose use counts by name space where limits are those of name spaces. */
const QUOTAS: Readonly<Partial<Record<SharedLimit, readonly [Facility, keyof Use]>>> = {
  "kern.ipc.semmni": ["sem", "objects"],
  "kern.ipc.semmns": ["sem", "amount"],
  "kern.ipc.shmmni": ["shm", "objects"],
  "kern.ipc.shmall": ["shm", "amount"],
  "kern.ipc.msgmni": ["msg", "objects"],
};

/** Null: the limit is the host's. */
function bySpace(k: Kernel, name: SharedLimit): Named | null {
  const quota = QUOTAS[name];
  if (k.usage === null || quota === undefined) return null;
  const [f, what] = quota;
  let [fullest, most] = [0, 0];
  for (const [space, use] of k.usage[f]) if (use[what] > most) [fullest, most] = [space, use[what]];
  const found = objectsOf(k, f).find(({ space }) => most > 0 && space === fullest);
  if (found === undefined) return { total: most, holder: null, holderUse: most };
  const holder = k.model.spaceName(k, found) ?? found.cred.cr_prison.pr_name;
  return { total: most, holder, holderUse: most };
}

/** The pool of segments of messages; who has most is told by the bytes in its queues. */
function segments(k: Kernel): LimitSample[] {
  if (!k.modules.msg.loaded) return [];
  const { msgseg, msgssz } = k.msginfo;
  const uses: Uses = new Map();
  for (const { page, cred } of objectsOf(k, "msg")) {
    const least = Math.ceil(page.hdr[P_CBYTES] / msgssz);
    uses.set(cred.cr_prison, (uses.get(cred.cr_prison) ?? 0) + least);
  }
  const total = msgseg - freeSegs(k.commons.words);
  return [sampleOf("kern.ipc.msgseg", msgseg, { ...byJail(uses), total })];
}

/** Rules that bound the use of their own subject. */
function rules({ racct }: Kernel): LimitSample[] {
  const own = (racct?.rules ?? []).filter(
    ({ action, subject, per }) => action === "deny" && subject === per,
  );
  return own.map(({ subject, id, resource, amount }) => {
    const use = racct!.used(subject, id, resource);
    return sampleOf(`rctl ${subject}:${id}:${resource}`, amount, {
      total: use,
      holder: use > 0 ? id : null,
      holderUse: use,
    });
  });
}
