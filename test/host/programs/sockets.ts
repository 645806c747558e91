/** Sockets between processes that own their threads: a server that echoes, and its clients. */
import { AF_UNIX, blocking, MSG_NOSIGNAL, type Process, SOCK_STREAM } from "jailyard";

interface Arg {
  readonly entry: string;
  readonly path?: string;
}

export default blocking("sockets", (p, arg) => {
  const { entry, path = "/tmp/echo.sock" } = arg as Arg;
  if (entry === "server") server(p, path);
  else client(p, path);
});

function server(p: Process<"blocking">, path: string): void {
  const fd = p.socket(AF_UNIX, SOCK_STREAM);
  p.bind(fd, path);
  p.listen(fd, 5);
  p.emit("ready");
  for (;;) {
    const connection = p.accept(fd);
    p.emit("accepted");
    try {
      echo(p, connection);
    } catch (error) {
      if ((error as { code?: string }).code !== "EPIPE") throw error; // the client is gone
    }
    p.close(connection);
  }
}

function echo(p: Process<"blocking">, connection: number): void {
  for (let got = p.recv(connection, 64); got.length > 0; got = p.recv(connection, 64)) {
    p.send(connection, got, MSG_NOSIGNAL);
  }
}

/** Rounds until the server is gone. */
function client(p: Process<"blocking">, path: string): void {
  const fd = p.socket(AF_UNIX, SOCK_STREAM);
  p.connect(fd, path);
  for (let i = 0; ; i++) {
    p.send(fd, `round ${i}`);
    const text = new TextDecoder().decode(p.recv(fd, 64));
    if (text === "") return;
    if (text !== `round ${i}`) throw new Error(`round ${i} came back as ${text}`);
    if (i === 100) p.emit("hundred");
  }
}
