/**
 * The processes of a scenario in one yard: each has a box for its orders. An order is over once it is
 * answered, or the process sleeps in its call, or has ended; so one call follows the other.
 */
import type { Jid, Pid } from "@jailyard/abi/types";
import type { Jail } from "@jailyard/host/jail";
import type { Yard } from "@jailyard/host/yard";
import { boxMemory, Mailbox } from "../conform/mailbox.ts";
import { ACTOR } from "../scenario/modules.ts";
import type { ActorArg, Order, Reply } from "./actor.program.ts";

/** How long a reply may take before the kernel is asked what the process does. */
const WORTH_MS = 2;
const PATIENCE_MS = 20_000;

export interface Player {
  /** `web`, `web(70)`. */
  readonly name: string;
  readonly home: Jail;
  readonly jid: Jid;
  readonly pid: Pid;
  readonly mail: Mailbox;
}

export type Ending = Exclude<Reply, { threw: string }> | "sleeps" | "killed";

export class Cast {
  readonly yard: Yard;
  readonly #memory = boxMemory();
  readonly #players: Player[] = [];
  #boxes = 0;

  constructor(yard: Yard) {
    this.yard = yard;
  }

  /** A process of a jail that takes orders. */
  async start(name: string, home: Jail, uid = 0): Promise<Player> {
    const box = this.#boxes++;
    const arg: ActorArg = { memory: this.#memory, box };
    const { pid } = await home.spawn({ module: ACTOR, arg, uid, gid: uid, comm: name });
    return this.#ready({ name, home, jid: home.jid, pid }, box);
  }

  async #ready(made: Omit<Player, "mail">, box: number): Promise<Player> {
    const mail = new Mailbox(this.#memory, box);
    await mail.reply(PATIENCE_MS);
    const player = { ...made, mail };
    this.#players.push(player);
    return player;
  }

  /** A child of `parent`, or why there is none. */
  async fork(parent: Player, name: string): Promise<Player | Ending> {
    const box = this.#boxes++;
    const ending = await this.ask(parent, { call: "fork", args: [box] });
    if (typeof ending === "string" || !("value" in ending)) return ending;
    const { home, jid } = parent;
    return this.#ready({ name, home, jid, pid: ending.value as Pid }, box);
  }

  /** @throws Error for arguments that no call takes */
  async ask(player: Player, order: Order): Promise<Ending> {
    player.mail.order(order);
    player.home.ring();
    for (;;) {
      if (await player.mail.replies(WORTH_MS)) return this.#reply(player);
      const state = await this.#asleep(player);
      if (state === undefined) return "killed";
      if (state && !(await player.mail.replies(0))) return "sleeps";
    }
  }

  /** What has become of a process that slept: null while it does. */
  async look(player: Player): Promise<Ending | null> {
    for (;;) {
      if (await player.mail.replies(WORTH_MS)) return this.#reply(player);
      const state = await this.#asleep(player);
      if (state === undefined) return "killed";
      if (state) return null;
    }
  }

  /** Every process ends, and its program leaves, so that no thread has to be waited for. */
  async end(): Promise<void> {
    await this.yard.control.killAll();
    for (const { mail, home } of this.#players) {
      mail.order({ call: "quit", args: [] });
      home.ring();
    }
  }

  async #asleep({ pid }: Player): Promise<boolean | undefined> {
    const states = await this.yard.control.processes();
    return states.find((state) => state.pid === pid)?.asleep;
  }

  async #reply({ name, mail }: Player): Promise<Exclude<Ending, string>> {
    const reply = (await mail.reply(PATIENCE_MS)) as Reply;
    if ("threw" in reply) throw new Error(`${name}: ${reply.threw}`);
    return reply;
  }
}
