/** unix(4), and the calls on stream sockets that bear a name in the file system. */
import {
  EADDRINUSE,
  EAFNOSUPPORT,
  EAGAIN,
  EBADF,
  ECONNREFUSED,
  ECONNRESET,
  EDESTADDRREQ,
  EINTR,
  EINVAL,
  EISCONN,
  EMFILE,
  ENAMETOOLONG,
  ENOENT,
  ENOTCONN,
  ENOTDIR,
  EOPNOTSUPP,
  EPERM,
  EPIPE,
  EPROTONOSUPPORT,
  ESLEEP,
  OK,
} from "@jailyard/abi/errno";
import { SIGNALS, sigmask } from "@jailyard/abi/signal";
import {
  AF_UNIX,
  MSG_DONTWAIT,
  MSG_NOSIGNAL,
  SOCK_NONBLOCK,
  SOCK_STREAM,
} from "@jailyard/abi/socket";
import { close } from "@jailyard/kernel/filedesc";
import { run } from "@jailyard/kernel/kernel";
import { kinfoProcs } from "@jailyard/kernel/kinfo";
import { unlink } from "@jailyard/kernel/namei";
import { psignal } from "@jailyard/kernel/proc";
import { type Thread, ZOMBIE } from "@jailyard/kernel/thread";
import { accept, bind, connect, listen, recv, send, socket } from "@jailyard/kernel/unix";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { checkKernel } from "../support/invariants.ts";
import { ending } from "../support/jail.ts";
import { type Bench, bench, exit, fork, jail, ok, process } from "../support/kernel.ts";

const SOCK = "/tmp/mysql.sock";
let b: Bench;
let td: Thread;

beforeEach(() => {
  b = bench();
  td = process(b.k);
});
afterEach(() => {
  checkKernel(b.k);
  expect(ending(b.k)).toEqual({});
});

const open = (who = td, flags = 0): number =>
  ok(who, socket(b.k, who, AF_UNIX, SOCK_STREAM | flags, 0));

/** A socket that listens by this name. */
function server(path = SOCK, who = td, backlog = 5, flags = 0): number {
  const fd = open(who, flags);
  ok(who, bind(b.k, who, fd, path));
  ok(who, listen(b.k, who, fd, backlog));
  return fd;
}

/** Both ends of a connection, in one process each. */
function pair(): { client: Thread; c: number; s: number; listener: number } {
  const listener = server();
  const client = process(b.k);
  const c = open(client);
  ok(client, connect(b.k, client, c, SOCK));
  return { client, c, s: ok(td, accept(b.k, td, listener)), listener };
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const say = (who: Thread, fd: number, text: string, flags = 0) =>
  send(b.k, who, fd, bytes(text), flags);

function hear(who: Thread, fd: number, flags = 0): string {
  const into = new Uint8Array(100);
  const length = ok(who, recv(b.k, who, fd, into, flags));
  return new TextDecoder().decode(into.subarray(0, length));
}

describe("a connection", () => {
  test("carries bytes both ways, in order, without bounds of messages", () => {
    const { client, c, s } = pair();
    for (const text of ["sel", "ect"]) ok(client, say(client, c, text));
    expect(hear(td, s)).toBe("select");
    ok(td, say(td, s, "row"));
    expect(hear(client, c)).toBe("row");
  });

  test("is made before it is accepted, and what was sent waits", () => {
    const listener = server();
    const client = process(b.k);
    const c = open(client);
    ok(client, connect(b.k, client, c, SOCK));
    ok(client, say(client, c, "early"));
    exit(b.k, client);
    const s = ok(td, accept(b.k, td, listener));
    expect(hear(td, s)).toBe("early");
    expect(hear(td, s)).toBe(""); // and that is the end
  });

  test("accept and recv sleep until there is something, send until there is room", () => {
    const listener = server();
    expect(accept(b.k, td, listener)).toBe(ESLEEP);
    const client = process(b.k);
    expect(kinfoProcs(b.k, client).map(({ wmesg }) => wmesg)).toEqual(["accept", ""]);
    const c = open(client);
    ok(client, connect(b.k, client, c, SOCK));
    run(b.k);
    expect(b.ended.get(td)).toBe(OK);
    const s = td.td_retval;

    const into = new Uint8Array(6);
    expect(recv(b.k, td, s, into, 0)).toBe(ESLEEP);
    ok(client, say(client, c, "hello"));
    run(b.k);
    expect([td.td_retval, new TextDecoder().decode(into)]).toEqual([5, "hello\0"]);

    const much = new Uint8Array(10_000).fill(7);
    expect(send(b.k, client, c, much, 0)).toBe(ESLEEP);
    let got = 0;
    while (got < much.length) {
      got += ok(td, recv(b.k, td, s, new Uint8Array(3000), 0));
      run(b.k);
    }
    expect([b.ended.get(client), client.td_retval, got]).toEqual([OK, 10_000, 10_000]);
  });

  test("a child has it too: it ends with the last that has it", () => {
    const { client, c, s } = pair();
    const child = fork(b.k, td);
    ok(td, close(b.k, td, s));
    ok(client, say(client, c, "still"));
    expect(hear(child, s)).toBe("still");
    exit(b.k, child);
    expect(hear(client, c)).toBe("");
  });
});

describe("its end", () => {
  test("wakes the peer that sleeps, however the process ends", () => {
    const { client, c } = pair();
    expect(recv(b.k, client, c, new Uint8Array(1), 0)).toBe(ESLEEP);
    psignal(b.k, td, SIGNALS.SIGKILL);
    run(b.k);
    expect([b.ended.get(client), client.td_retval]).toEqual([OK, 0]);
  });

  test("wakes a sender, with EPIPE and SIGPIPE, which is caught or ends it", () => {
    const { client, c, s } = pair();
    client.p_sigcatch = sigmask(SIGNALS.SIGPIPE);
    expect(send(b.k, client, c, new Uint8Array(9000), 0)).toBe(ESLEEP);
    ok(td, close(b.k, td, s));
    run(b.k);
    expect(b.ended.get(client)).toBe(EPIPE);
    expect(client.p_siglist).toBe(sigmask(SIGNALS.SIGPIPE));
    client.p_sigcatch = 0;
    expect(say(client, c, "x", MSG_NOSIGNAL)).toBe(EPIPE);
    expect(say(client, c, "x")).toBe(EPIPE);
    expect(client.p_state).toBeGreaterThanOrEqual(ZOMBIE);
  });

  test("of a listener resets those that were not accepted, and leaves the name", () => {
    const listener = server();
    const client = process(b.k);
    const c = open(client);
    ok(client, connect(b.k, client, c, SOCK));
    expect(recv(b.k, client, c, new Uint8Array(1), 0)).toBe(ESLEEP);
    ok(td, close(b.k, td, listener));
    run(b.k);
    expect(b.ended.get(client)).toBe(ECONNRESET);
    expect(bind(b.k, td, open(), SOCK)).toBe(EADDRINUSE);
    expect(connect(b.k, client, open(client), SOCK)).toBe(ECONNREFUSED);
  });

  test("a process that is killed asleep in a call leaves nothing", () => {
    const { client, c, listener } = pair();
    const other = fork(b.k, td);
    expect(accept(b.k, other, listener)).toBe(ESLEEP);
    expect(recv(b.k, client, c, new Uint8Array(1), 0)).toBe(ESLEEP);
    for (const one of [other, client]) psignal(b.k, one, SIGNALS.SIGKILL);
    run(b.k);
    checkKernel(b.k);
    expect(b.k.files.sockets.size).toBe(2); // what td has
  });
});

describe("names", () => {
  test("a path begins at the jail's root: the same path is another socket in another jail", () => {
    const [web, db] = ["web", "db"].map((name) => {
      const prison = jail(b.k, name, { path: `/jails/${name}` });
      return process(b.k, { prison });
    });
    server(SOCK, web);
    const client = open(db);
    expect(connect(b.k, db, client, SOCK)).toBe(ENOENT);
    expect(connect(b.k, db, client, "/../../jails/web/tmp/mysql.sock")).toBe(ENOENT);
    server(SOCK, db);
    ok(db, connect(b.k, db, client, "/tmp/./x/..//mysql.sock"));
    // The host has no such file, and sees those of jails under their paths.
    expect(connect(b.k, td, open(), SOCK)).toBe(ENOENT);
    ok(td, connect(b.k, td, open(), "/jails/web/tmp/mysql.sock"));
    expect(bind(b.k, td, open(), "/jails/db/tmp/mysql.sock")).toBe(EADDRINUSE);
  });

  test("jails with one path share what is in it", () => {
    const [a, c] = ["a", "c"].map((name) =>
      process(b.k, { prison: jail(b.k, name, { path: "/jails/one" }) }),
    );
    server(SOCK, a);
    expect(bind(b.k, c, open(c), SOCK)).toBe(EADDRINUSE);
    ok(c, connect(b.k, c, open(c), SOCK));
  });

  test("unlink removes one; its owner and root may; who is connected stays so", () => {
    const { client, c, s } = pair();
    expect(unlink(b.k, process(b.k, { uid: 88 }), SOCK)).toBe(EPERM);
    ok(td, unlink(b.k, td, SOCK));
    expect(unlink(b.k, td, SOCK)).toBe(ENOENT);
    expect(connect(b.k, td, open(), SOCK)).toBe(ENOENT);
    ok(td, say(td, s, "there"));
    expect(hear(client, c)).toBe("there");
    server(); // the name is free
    expect(b.k.files.nodes).toBe(2);
    ok(td, unlink(b.k, td, SOCK));
    expect(b.k.files.nodes).toBe(0); // no directory is kept for nothing
  });
});

describe("ERRORS", () => {
  test("[EBADF] no such descriptor, or one that is closed", () => {
    const fd = open();
    ok(td, close(b.k, td, fd));
    for (const no of [fd, -1, 99]) {
      expect(close(b.k, td, no)).toBe(EBADF);
      expect(bind(b.k, td, no, SOCK)).toBe(EBADF);
      expect(listen(b.k, td, no, 1)).toBe(EBADF);
      expect(connect(b.k, td, no, SOCK)).toBe(EBADF);
      expect(accept(b.k, td, no)).toBe(EBADF);
      expect(say(td, no, "")).toBe(EBADF);
      expect(recv(b.k, td, no, new Uint8Array(1), 0)).toBe(EBADF);
    }
  });

  test("[EAFNOSUPPORT] [EPROTONOSUPPORT] other sockets than these", () => {
    expect(socket(b.k, td, 2, SOCK_STREAM, 0)).toBe(EAFNOSUPPORT);
    expect(socket(b.k, td, AF_UNIX, 2, 0)).toBe(EPROTONOSUPPORT);
    expect(socket(b.k, td, AF_UNIX, SOCK_STREAM, 6)).toBe(EPROTONOSUPPORT);
  });

  test("[EMFILE] a process has 1024 descriptors", () => {
    for (let fd = 0; fd < 1024; fd++) expect(open()).toBe(fd);
    expect(socket(b.k, td, AF_UNIX, SOCK_STREAM, 0)).toBe(EMFILE);
    ok(td, close(b.k, td, 7));
    expect(open()).toBe(7); // the lowest that is free
  });

  test("[EADDRINUSE] [EINVAL] [ENOTDIR] [ENOENT] [ENAMETOOLONG] of bind", () => {
    const fd = server();
    expect(bind(b.k, td, open(), SOCK)).toBe(EADDRINUSE);
    expect(bind(b.k, td, open(), "/tmp")).toBe(EADDRINUSE);
    expect(bind(b.k, td, open(), "/")).toBe(EADDRINUSE);
    expect(bind(b.k, td, fd, "/tmp/other")).toBe(EINVAL);
    expect(bind(b.k, td, open(), `${SOCK}/below`)).toBe(ENOTDIR);
    expect(bind(b.k, td, open(), "")).toBe(ENOENT);
    expect(bind(b.k, td, open(), `/${"x".repeat(253)}`)).toBe(ENAMETOOLONG);
    expect(unlink(b.k, td, "/tmp")).toBe(EPERM);
  });

  test("[EDESTADDRREQ] [EINVAL] of listen and accept", () => {
    expect(listen(b.k, td, open(), 1)).toBe(EDESTADDRREQ);
    const { s } = pair();
    expect(listen(b.k, td, s, 1)).toBe(EINVAL);
    expect(accept(b.k, td, s)).toBe(EINVAL);
  });

  test("[ECONNREFUSED] [EISCONN] [EOPNOTSUPP] of connect", () => {
    const fd = open();
    ok(td, bind(b.k, td, fd, "/tmp/deaf"));
    expect(connect(b.k, td, open(), "/tmp/deaf")).toBe(ECONNREFUSED);
    expect(connect(b.k, td, open(), "/tmp")).toBe(ECONNREFUSED);
    const { client, c, listener } = pair();
    expect(connect(b.k, client, c, SOCK)).toBe(EISCONN);
    expect(connect(b.k, td, listener, SOCK)).toBe(EOPNOTSUPP);
  });

  test("[ECONNREFUSED] once half as many again as the backlog wait", () => {
    server(SOCK, td, 4);
    for (let i = 0; i < 7; i++) ok(td, connect(b.k, td, open(), SOCK));
    expect(connect(b.k, td, open(), SOCK)).toBe(ECONNREFUSED);
  });

  test("[EAGAIN] nothing is there, and the call does not wait", () => {
    expect(accept(b.k, td, server("/tmp/n", td, 1, SOCK_NONBLOCK))).toBe(EAGAIN);
    const { client, c } = pair();
    expect(recv(b.k, client, c, new Uint8Array(1), MSG_DONTWAIT)).toBe(EAGAIN);
    const much = new Uint8Array(9000);
    expect(ok(client, send(b.k, client, c, much, MSG_DONTWAIT))).toBe(8192);
    expect(send(b.k, client, c, much, MSG_DONTWAIT)).toBe(EAGAIN);
  });

  test("[ENOTCONN] [EOPNOTSUPP] of send and recv", () => {
    expect(say(td, open(), "x")).toBe(ENOTCONN);
    expect(recv(b.k, td, server(), new Uint8Array(1), 0)).toBe(ENOTCONN);
    expect(say(td, open(), "x", 1)).toBe(EOPNOTSUPP);
    expect(recv(b.k, td, open(), new Uint8Array(1), 1)).toBe(EOPNOTSUPP);
  });

  test("[EINTR] a signal that is caught; what was sent by then counts", () => {
    const { client, c, s } = pair();
    for (const one of [td, client]) one.p_sigcatch = sigmask(SIGNALS.SIGUSR1);
    expect(recv(b.k, td, s, new Uint8Array(1), 0)).toBe(ESLEEP);
    psignal(b.k, td, SIGNALS.SIGUSR1);
    run(b.k);
    expect(b.ended.get(td)).toBe(EINTR);
    expect(send(b.k, client, c, new Uint8Array(9000), 0)).toBe(ESLEEP);
    psignal(b.k, client, SIGNALS.SIGUSR1);
    run(b.k);
    expect([b.ended.get(client), client.td_retval]).toEqual([OK, 8192]);
  });
});
