/** The bodies of a queue's messages are moved when its memory is used up, and a thread dies there. */
import {
  append,
  type MsgPage,
  msgPage,
  msgPageBytes,
  rebuild,
  rowAfter,
  selectBefore,
  textOf,
  unlinkAfter,
} from "@jailyard/kernel/msgpage";
import { expect, test } from "vitest";

const MSGTQL = 8;
const MSGMNB = 2048;
const MSGSSZ = 8;

class Death extends Error {}

const text = (byte: number, length: number): Uint8Array => new Uint8Array(length).fill(byte);
const newPage = (): MsgPage =>
  msgPage(new SharedArrayBuffer(msgPageBytes(MSGTQL, MSGMNB)), MSGTQL, MSGMNB);

/** A queue of two messages, with a hole before them, and little room behind them. */
function fullPage(): MsgPage {
  const page = newPage();
  append(page, 1, text(1, 1000), 1000);
  append(page, 2, text(2, 400), 400);
  append(page, 3, text(3, 400), 400);
  append(page, 4, text(4, 1500), 1500);
  unlinkAfter(page, 3);
  unlinkAfter(page, 0);
  return page;
}

/** The same page for a thread that calls `point` before each of its stores. */
function watched(page: MsgPage, point: () => void): MsgPage {
  const view = <V extends object>(of: V): V =>
    new Proxy(of, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== "function") return value;
        return (...args: unknown[]): unknown => {
          if (name === "copyWithin" || name === "set" || name === "fill") point();
          return value.apply(target, args);
        };
      },
      set(target, name, value) {
        point();
        return Reflect.set(target, name, value, target);
      },
    });
  const columns = Object.entries(page.msg).map(([name, column]) => [name, view(column)]);
  const msg = Object.fromEntries(columns) as MsgPage["msg"];
  return { ...page, hdr: view(page.hdr), msg, arena: view(page.arena) };
}

/** What a receiver gets: the type and the bytes of each message. */
function drained(page: MsgPage): [type: number, body: Uint8Array][] {
  const all: [number, Uint8Array][] = [];
  for (let before = selectBefore(page, 0, 0); before !== -1; before = selectBefore(page, 0, 0)) {
    const row = rowAfter(page, before);
    all.push([page.msg.type[row], textOf(page, row, page.msg.length[row])]);
    unlinkAfter(page, before);
  }
  return all;
}

const KEPT = [
  [2, text(2, 400)],
  [3, text(3, 400)],
];
const SENT = [5, text(5, 1000)];

/** @returns how many stores it took, all of them if `at` is 0 */
function appendAndDie(page: MsgPage, at: number): number {
  let stores = 0;
  const point = (): void => {
    if (++stores === at) throw new Death();
  };
  try {
    append(watched(page, point), 5, text(5, 1000), 1000);
  } catch (error) {
    if (!(error instanceof Death)) throw error;
  }
  return stores;
}

test("a message for which there is room once the others are moved", () => {
  const page = fullPage();
  const spots = page.msg.spot.slice();
  appendAndDie(page, 0);
  expect(page.msg.spot).not.toEqual(spots);
  expect(drained(page)).toEqual([...KEPT, SENT]);
});

test("no message is lost or changed by a death before any store of that", () => {
  const stores = appendAndDie(fullPage(), 0);
  expect(stores).toBeGreaterThan(10);
  for (let at = 1; at <= stores; at++) {
    const page = fullPage();
    appendAndDie(page, at);
    rebuild(page, MSGSSZ);
    append(page, 6, text(6, 500), 500); // and the queue goes on
    const messages = drained(page);
    const sent = messages.length === 4 ? [SENT] : [];
    expect(messages).toEqual([...KEPT, ...sent, [6, text(6, 500)]]);
  }
});
