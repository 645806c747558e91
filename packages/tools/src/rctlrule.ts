/**
 * Rules as rctl(8) reads and shows them: short names of subjects, names of users, amounts with
 * units. The kernel has them in full and in numbers.
 */
import { expanded, humanized } from "./humanize.ts";
import { uidOf, userName } from "./owners.ts";

/** `subject:id:resource:action=amount/per`, the parts that are there. */
interface Parts {
  readonly subject: string;
  readonly id: string | undefined;
  readonly resource: string | undefined;
  readonly action: string | undefined;
  readonly amount: string | undefined;
  readonly per: string | undefined;
}

const SUBJECTS: Readonly<Record<string, string>> = {
  p: "process",
  u: "user",
  l: "loginclass",
  c: "loginclass",
  j: "jail",
};
const fullSubject = (word: string): string => SUBJECTS[word] ?? word;

/** Null for more colons, equals signs or slashes than a rule has. */
function partsOf(text: string): Parts | null {
  const [subject, id, resource, limit, ...rest] = text.split(":");
  const [action, quantity, ...more] = (limit ?? "").split("=");
  const [amount, per, ...most] = (quantity ?? "").split("/");
  if (rest.length + more.length + most.length > 0) return null;
  return {
    subject,
    id,
    resource,
    action: limit === undefined ? undefined : action,
    amount: quantity === undefined ? undefined : amount,
    per,
  };
}

function ruleOf({ subject, id, resource, action, amount, per }: Parts): string {
  let text = subject;
  for (const part of [id, resource, action]) if (part !== undefined) text += `:${part}`;
  if (amount !== undefined) text += `=${amount}`;
  return per === undefined ? text : `${text}/${per}`;
}

const INVALID = "Invalid argument";

/** A rule or filter as the kernel takes it, or what is wrong with it. */
export function kernelRule(text: string): string | { readonly problem: string } {
  const parts = partsOf(text);
  if (parts === null) return { problem: INVALID };
  const subject = fullSubject(parts.subject);
  let { id, amount } = parts;
  if (subject === "user" && id) {
    const uid = uidOf(id);
    if (uid === null) return { problem: `user '${id}' not found` };
    id = String(uid);
  }
  if (amount) {
    // A sign is the kernel's affair: it answers ERANGE.
    const value = /^-\d+$/.test(amount) ? Number(amount) : expanded(amount);
    if (value === null) return { problem: INVALID };
    amount = String(value);
  }
  const per = parts.per === undefined ? undefined : fullSubject(parts.per);
  return ruleOf({ ...parts, subject, id, amount, per });
}

/** A rule of the kernel's with names of users, unless `numeric`, and short amounts if `human`. */
export function shownRule(rule: string, human: boolean, numeric: boolean): string {
  const parts = partsOf(rule);
  if (parts === null) return rule; // a jail's name may have any character
  let { id, amount } = parts;
  if (!numeric && parts.subject === "user" && id) id = userName(Number(id));
  if (human && amount) amount = humanized(Number(amount));
  return ruleOf({ ...parts, id, amount });
}
