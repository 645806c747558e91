/**
 * Which rules of the reference a failure is about: the one that refused the call, else those of the
 * quirks that the case has met, else those of the call.
 */
import type { CallName, ConformCase } from "./case.ts";

const OF_QUIRK: Readonly<Record<string, string>> = {
  "undo-clear-partial": "SEM-70, SEM-71",
  "undo-rmid-leftover": "SEM-71, SEM-72",
  "undo-stale-entry": "SEM-66, SEM-72",
  "undo-lost": "SEM-68, SEM-85",
  "undo-above-semvmx": "SEM-73",
  "sem-missed-wakeup": "SEM-51, SEM-53, SEM-60",
  "sem-count-stale": "SEM-60",
  "msg-sender-lock": "MSG-40, MSG-41",
  "msg-global-wait": "MSG-39, MSG-63",
  "msg-late-wakeup": "MSG-26, MSG-28, MSG-43",
  "perm-x-bit": "COM-20",
  "shm-remap": "SHM-21",
};

const OF_CALL: Readonly<Record<CallName, string>> = {
  semget: "SEM-16 to SEM-21",
  semop: "SEM-40 to SEM-69",
  semctl: "SEM-22 to SEM-39, SEM-70",
  msgget: "MSG-14 to MSG-18",
  msgsnd: "MSG-31 to MSG-52",
  msgrcv: "MSG-53 to MSG-65",
  msgctl: "MSG-19 to MSG-30",
  shmget: "SHM-8 to SHM-16",
  shmat: "SHM-17 to SHM-27",
  shmdt: "SHM-28 to SHM-32",
  shmctl: "SHM-38 to SHM-47",
  peek: "SHM-24",
  poke: "SHM-23, SHM-24",
  fork: "SHM-33, SEM-64",
  exec: "SHM-35, SEM-64",
  exit: "SEM-73, SHM-36",
  signal: "COM-29, COM-36",
  setcred: "COM-14",
  jail_set: "JAIL-11 to JAIL-28, JAIL-36",
  jail_get: "JAIL-2, JAIL-48",
  jail_remove: "JAIL-50 to JAIL-54",
  jail_attach: "JAIL-49",
  advance: "MSG-41, MSG-42",
  ipcs: "COM-11, COM-13, JAIL-33",
};

/**
 * `refused` are the reasons that the target gave for calls that it refused and should not have, or
 * refused in another way.
 */
export function rulesOf(conform: ConformCase, step: number, refused: readonly string[]): string {
  const given = [...new Set(refused)];
  if (given.length > 0) return given.join("; ");
  const { quirks = [], steps } = conform;
  const met = quirks.filter((quirk) => quirk.step <= step).map(({ tag }) => tag);
  if (met.length === 0) return OF_CALL[steps[step].call];
  return [...new Set(met)].map((tag) => `${OF_QUIRK[tag] ?? "no rule"} (quirk ${tag})`).join("; ");
}
