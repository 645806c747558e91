/** What a process waits for, in a line. */
import { lockText, type Waiting } from "@jailyard/abi/contention";

/** In its program's words, then what it sleeps on. */
export function waitText({ lock: name, label, kind, event }: Waiting): string {
  if (kind === "event" || event === null) return lockText({ name, label });
  return `${event}, on ${lockText({ name, label })}`;
}
