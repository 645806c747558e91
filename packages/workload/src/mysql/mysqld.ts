/**
 * A server as MySQL 5.0 of 2006 is one, as far as its socket goes: it removes what has its socket's
 * name, binds and listens, and gives each connection a thread, which here is a process. Its one table
 * is in memory that all of them share, as those of threads are. It uses no System V IPC at all.
 */
import { AF_UNIX, SOCK_STREAM } from "@jailyard/abi/socket";
import { SysError } from "@jailyard/abi/syserror";
import type { Process } from "@jailyard/trap/process";
import { program } from "@jailyard/trap/program";
import { COM_QUERY, Connection, ERR_PACKET, OK_PACKET } from "./packet.ts";
import { MYSQL_SOCKET, type ServerSettings } from "./settings.ts";

const BACK_LOG = 50;
const WNOHANG = 1;
const VERSION = "5.0.19";

type Table = string[];

export default program("mysqld", (p, arg) => {
  const { socket = MYSQL_SOCKET } = (arg ?? {}) as ServerSettings;
  return mysqld(p, socket);
});

/** Until SIGTERM, which ends it with status 0; it exits with 1 if it cannot listen. */
async function mysqld(p: Process, socket: string): Promise<number> {
  let isStopped = false;
  await p.signal("SIGTERM", () => {
    isStopped = true;
  });
  const listener = await networkInit(p, socket).catch((error) => failure(p, socket, error));
  if (listener === null) return 1;
  p.emit({ type: "ready", socket });
  const table: Table = [];
  while (!isStopped) await takeConnection(p, listener, table).catch(unlessInterrupted);
  await p.close(listener);
  await p.unlink(socket).catch(() => {}); // another server may have removed it, and made its own
  return 0;
}

/** network_init of mysqld.cc. */
async function networkInit(p: Process, socket: string): Promise<number> {
  const fd = await p.socket(AF_UNIX, SOCK_STREAM);
  await p.unlink(socket).catch(() => {}); // a leftover, or nothing; or, in a shared tree, a neighbour's
  await p.bind(fd, socket);
  await p.listen(fd, BACK_LOG);
  return fd;
}

function failure(p: Process, socket: string, error: unknown): null {
  if (!(error instanceof SysError)) throw error;
  const text = `Can't start server : Bind on unix socket: ${error.code}; do you already have another mysqld server running on socket: ${socket} ?`;
  p.emit({ type: "failure", text });
  return null;
}

function unlessInterrupted(error: unknown): void {
  if (!(error instanceof SysError) || error.code !== "EINTR") throw error;
}

async function takeConnection(p: Process, listener: number, table: Table): Promise<void> {
  const fd = await p.accept(listener);
  await p.fork((thread) => serve(thread, listener, fd, table));
  await p.close(fd);
  while ((await p.wait(-1, WNOHANG).catch(() => null)) !== null);
}

/** One connection, to its end. */
async function serve(p: Process, listener: number, fd: number, table: Table): Promise<void> {
  await p.signal("SIGPIPE", () => {}); // a client that is gone ends its own connection only
  await p.close(listener);
  const connection = new Connection(p, fd);
  await connection.write(OK_PACKET, VERSION);
  for (;;) {
    const packet = await connection.read();
    if (packet === null || packet.kind !== COM_QUERY) return;
    const row = perform(packet.text, p.jail, table);
    if (row === null) await connection.write(ERR_PACKET, "You have an error in your SQL syntax");
    else await connection.write(OK_PACKET, row);
  }
}

/** The SQL that there is. @returns the row, empty for none; null: it is no such SQL */
function perform(sql: string, hostname: string, table: Table): string | null {
  const inserted = /^insert into t values \('([^']*)'\)$/i.exec(sql);
  if (inserted !== null) {
    table.push(inserted[1]);
    return "";
  }
  if (/^select count\(\*\) from t$/i.test(sql)) return String(table.length);
  return /^select @@hostname$/i.test(sql) ? hostname : null;
}
