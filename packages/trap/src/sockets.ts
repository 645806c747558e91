/** The part of libc that is sockets: every call goes through the gate. */
import * as sys from "@jailyard/abi/syscall";
import { RET0 } from "@jailyard/abi/wire";
import { int, size, text } from "./arguments.ts";
import { bytesOf, type Def, ints, json, none, ret0, withJson } from "./def.ts";

/** bind and connect. */
function pathCall(sysno: number): Def {
  return {
    sysno,
    enter(u, [fd, path]) {
      json(u, text(path, "path"), "the path");
      u.frame.a[1] = int(fd, "fd");
    },
    leave: none,
  };
}

/** One call sends what fits into the data area, 4 KiB at least; the result says how much. */
const send: Def = {
  sysno: sys.SYS_sendto,
  enter({ frame: { a, u8 } }, [fd, msg, flags]) {
    const bytes = bytesOf(msg, "msg").subarray(0, u8.length);
    a[0] = int(fd, "fd");
    a[1] = bytes.length;
    a[2] = int(flags ?? 0, "flags");
    u8.set(bytes);
  },
  leave: ret0,
};

const recv: Def = {
  sysno: sys.SYS_recvfrom,
  enter({ frame: { a } }, [fd, len, flags]) {
    a[0] = int(fd, "fd");
    a[1] = size(len, "len");
    a[2] = int(flags ?? 0, "flags");
  },
  leave: ({ frame: { a, u8 } }) => u8.slice(0, a[RET0]),
};

const socket: Def = {
  sysno: sys.SYS_socket,
  enter({ frame: { a } }, [domain, type, protocol]) {
    a[0] = int(domain, "domain");
    a[1] = int(type, "type");
    a[2] = int(protocol ?? 0, "protocol");
  },
  leave: ret0,
};

export const SOCKET_DEFS: Readonly<Record<string, Def>> = {
  socket,
  bind: pathCall(sys.SYS_bind),
  listen: ints(sys.SYS_listen, ["fd", "backlog"], none),
  connect: pathCall(sys.SYS_connect),
  accept: ints(sys.SYS_accept, ["fd"], ret0),
  send,
  recv,
  close: ints(sys.SYS_close, ["fd"], none),
  unlink: withJson(sys.SYS_unlink, ([path]) => text(path, "path"), none),
};
