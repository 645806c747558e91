/**
 * Packets of MySQL's protocol on a stream: three bytes of length, low first, a sequence number, and the
 * body. Of results there is one row of one column here, as a text; OK and ERR are MySQL's first bytes.
 */
import type { Process } from "@jailyard/trap/process";

export const OK_PACKET = 0x00;
export const ERR_PACKET = 0xff;
export const COM_QUIT = 0x01;
export const COM_QUERY = 0x03;

const HEAD = 4;
const READ_BYTES = 4096;
const text = { encoder: new TextEncoder(), decoder: new TextDecoder() };

export interface Packet {
  /** The first byte: a command, or what kind of answer it is. */
  readonly kind: number;
  readonly text: string;
}

/** A connection: packets over one descriptor of a process. */
export class Connection {
  readonly #p: Process;
  readonly #fd: number;
  #sequence = 0;
  #unread = new Uint8Array(0);

  constructor(p: Process, fd: number) {
    this.#p = p;
    this.#fd = fd;
  }

  /** A command begins a new exchange, whose packets count from 0. */
  async write(kind: number, body = "", isCommand = false): Promise<void> {
    if (isCommand) this.#sequence = 0;
    const bytes = text.encoder.encode(body);
    const packet = new Uint8Array(HEAD + 1 + bytes.length);
    const length = 1 + bytes.length;
    packet.set([length & 0xff, (length >> 8) & 0xff, length >> 16, this.#sequence++, kind]);
    packet.set(bytes, HEAD + 1);
    for (let at = 0; at < packet.length; ) {
      at += await this.#p.send(this.#fd, packet.subarray(at));
    }
  }

  /** null once the other side is gone. */
  async read(): Promise<Packet | null> {
    if (!(await this.#fill(HEAD))) return null;
    const [low, middle, high, sequence] = this.#unread;
    const length = low | (middle << 8) | (high << 16);
    if (!(await this.#fill(HEAD + length))) return null;
    const body = this.#unread.subarray(HEAD, HEAD + length);
    this.#unread = this.#unread.slice(HEAD + length);
    this.#sequence = sequence + 1;
    return { kind: body[0], text: text.decoder.decode(body.subarray(1)) };
  }

  async #fill(bytes: number): Promise<boolean> {
    while (this.#unread.length < bytes) {
      const more = await this.#p.recv(this.#fd, READ_BYTES);
      if (more.length === 0) return false;
      const joined = new Uint8Array(this.#unread.length + more.length);
      joined.set(this.#unread);
      joined.set(more, this.#unread.length);
      this.#unread = joined;
    }
    return true;
  }
}
