/** sys/socket.h and sys/un.h, as far as stream sockets with a name in the file system go. */
export const AF_UNIX = 1;
export const SOCK_STREAM = 1;
/** Set in the type: calls that would sleep fail with EAGAIN. */
export const SOCK_NONBLOCK = 0x2000_0000;
/** Flags of send(2) and recv(2). */
export const MSG_DONTWAIT = 0x80;
export const MSG_NOSIGNAL = 0x2_0000;
/** kern.ipc.soacceptqueue: the longest queue of connections that nobody has accepted. */
export const SOMAXCONN = 128;
