/** A client of mysqld.ts: it connects, runs its queries, and tells what they gave. */
import { AF_UNIX, SOCK_STREAM } from "@jailyard/abi/socket";
import { SysError } from "@jailyard/abi/syserror";
import type { Process } from "@jailyard/trap/process";
import { program } from "@jailyard/trap/program";
import { COM_QUERY, COM_QUIT, Connection, ERR_PACKET } from "./packet.ts";
import { type ClientSettings, MYSQL_SOCKET } from "./settings.ts";

export default program("mysql", async (p, arg) => {
  const { socket = MYSQL_SOCKET, queries } = arg as ClientSettings;
  try {
    await runQueries(p, socket, queries);
    return 0;
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    p.emit({ type: "failure", text: error.message });
    return 1;
  }
});

/** The server is not there, or is not there any more. */
class Refused extends Error {}

async function runQueries(p: Process, socket: string, queries: readonly string[]): Promise<void> {
  const connection = await connectTo(p, socket);
  for (const query of queries) {
    await connection.write(COM_QUERY, query, true);
    const packet = await connection.read();
    if (packet === null) throw new Refused("ERROR 2013 (HY000): Lost connection to MySQL server");
    const { kind, text } = packet;
    p.emit({ type: "answer", query, text: kind === ERR_PACKET ? `ERROR 1064: ${text}` : text });
  }
  await connection.write(COM_QUIT, "", true);
}

async function connectTo(p: Process, socket: string): Promise<Connection> {
  const fd = await p.socket(AF_UNIX, SOCK_STREAM);
  await p.connect(fd, socket).catch((error) => {
    if (!(error instanceof SysError)) throw error;
    const text = `Can't connect to local MySQL server through socket '${socket}' (${error.errno})`;
    throw new Refused(`ERROR 2002 (HY000): ${text}`);
  });
  const connection = new Connection(p, fd);
  if ((await connection.read()) === null) {
    throw new Refused("ERROR 2013 (HY000): Lost connection to MySQL server");
  }
  return connection;
}
