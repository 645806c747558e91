/** How locks are called. */
import type { LockKind } from "@jailyard/abi/contention";
import { ipcidToIx } from "@jailyard/abi/ipc";
import { MSQ_MTX } from "./commons.ts";
import { tableOf } from "./facility.ts";
import type { Kernel } from "./kernel.ts";
import {
  K_GATE,
  K_MSGPAGE,
  K_MUTEX,
  K_RECEIVE,
  K_SEM,
  K_SEMPAGE,
  K_SEND,
  OTHERS,
} from "./profile.ts";

/** What statistics call the kinds of locks. */
export const KIND_NAMES: Readonly<Record<number, LockKind>> = {
  [K_SEM]: "sem",
  [K_SEMPAGE]: "page",
  [K_MSGPAGE]: "page",
  [K_SEND]: "send",
  [K_RECEIVE]: "receive",
  [K_GATE]: "gate",
  [K_MUTEX]: "mutex",
};

export interface LockName {
  readonly name: string;
  readonly label: string | null;
}

/** The lock of an object that may be gone; `num` of a semaphore, or which of the global mutexes. */
export function nameOf(k: Kernel, kind: number, id: number, num: number): LockName {
  return { name: plainName(kind, id, num), label: labelOf(k, kind, id, num) };
}

export function plainName(kind: number, id: number, num: number): string {
  if (kind === K_GATE) return "gate";
  if (kind === K_MUTEX) return num === MSQ_MTX ? "mutex msq" : "mutex sem_undo";
  if (id === OTHERS) return `other ${MANY[kind]}`;
  switch (kind) {
    case K_SEM:
      return `sem ${id}[${num}]`;
    case K_SEMPAGE:
      return `page of sem ${id}`;
    case K_MSGPAGE:
      return `page of msg ${id}`;
    default:
      return kind === K_SEND ? `msg ${id} full` : `msg ${id} empty`;
  }
}

const MANY: Readonly<Record<number, string>> = {
  [K_SEM]: "semaphores",
  [K_SEMPAGE]: "pages of semaphores",
  [K_MSGPAGE]: "pages of queues",
  [K_SEND]: "queues that are full",
  [K_RECEIVE]: "queues that are empty",
};

function labelOf(k: Kernel, kind: number, id: number, num: number): string | null {
  if (kind !== K_SEM && kind !== K_SEND && kind !== K_RECEIVE) return null;
  const f = kind === K_SEM ? "sem" : "msg";
  const object = k.modules[f].loaded ? (tableOf(k, f).slots[ipcidToIx(id)] ?? null) : null;
  if (object === null || tableOf(k, f).idOf(object) !== id) return null;
  return k.book.labelOf(object, num);
}
