/**
 * The main process of a server: start, service, crash restart, shutdown. [PG-32] to [PG-36]
 *
 * Signals of whole process groups are left out, as the yard has no groups.
 */
import { ECHILD, EINTR } from "@jailyard/abi/errno";
import { signalName } from "@jailyard/abi/signal";
import type { Process, WaitResult } from "@jailyard/trap/process";
import { ROLES } from "./auxiliary.ts";
import { Children, type End } from "./children.ts";
import { Clients } from "./clients.ts";
import { now, untilTick } from "./clock.ts";
import { type Cluster, memoryOf } from "./cluster.ts";
import { createCluster } from "./creation.ts";
import { dueAlarms } from "./heavy.ts";
import { G_WAL_CLOSED, G_WORKER_WANTED } from "./layout.ts";
import { createLockFile, type DataDirectory, dataDirectory } from "./lockfile.ts";
import { Counters, type PostgresRecord } from "./records.ts";
import { attempt, errnoOf, PgError, reasonOf, ServerLog } from "./report.ts";
import type { Server } from "./server.ts";
import type { Settings } from "./settings.ts";
import { ShmemExit } from "./shmemexit.ts";
import type { ShutdownStep } from "./version.ts";

const WNOHANG = 1;
const PROGRESS_MILLIS = 250;
/** How often it looks whose alarm is due; a child that ends wakes it by SIGCHLD. */
const ALARMS_MILLIS = 50;
/** With nothing to look for: signals wake it. */
const IDLE_MILLIS = 1000;
const SIGKILL_CHILDREN_AFTER_MILLIS = 5000;

type Request = "none" | "smart" | "fast" | "immediate";

export class Postmaster {
  readonly #p: Process;
  readonly #settings: Settings;
  readonly #server: Server;
  readonly #directory: DataDirectory;
  readonly #children: Children;
  #cluster: Cluster | null = null;
  #words: Int32Array = new Int32Array(0);
  #clients: Clients | null = null;
  #request: Request = "none";
  #recovered = false;
  #startFailed = false;
  #crashed = false;
  #nextProgress = 0;
  /** Clients may connect. */
  #released: boolean;
  #connected = false;
  #up = false;
  /** A signal came. */
  #woken = false;

  /** `clients`: those of a server that was killed, who go on with this one. */
  constructor(p: Process, settings: Settings, clients: Clients | null = null) {
    this.#clients = clients;
    this.#released = !settings.held;
    this.#p = p;
    this.#settings = settings;
    this.#server = {
      p,
      settings,
      log: new ServerLog(p, settings.instance),
      exit: new ShmemExit(),
      counters: new Counters(),
    };
    this.#directory = dataDirectory(p.jail, settings.dataDirectory);
    this.#children = new Children(p, this.#directory);
  }

  /** It accepts connections. */
  get isUp(): boolean {
    return this.#up;
  }

  get clients(): Clients | null {
    return this.#clients;
  }

  /** Pids of the processes that serve clients. */
  get backends(): readonly number[] {
    return this.#children.pids("backend");
  }

  /** Pids of all its children. */
  get children(): readonly number[] {
    return this.#children.pids();
  }

  /** Until the server is shut down. @returns its exit status */
  async run(): Promise<number> {
    await this.#catchSignals();
    try {
      await createLockFile(this.#p, this.#settings, this.#directory);
    } catch (error) {
      return this.#fatal(error);
    }
    try {
      return await this.#lives();
    } catch (error) {
      const status = this.#fatal(error);
      await this.#server.exit.run();
      this.#unlink();
      return status;
    }
  }

  /** One life after another, until one does not end in a crash. */
  async #lives(): Promise<number> {
    for (;;) {
      await this.#create();
      await this.#startUp();
      if (!this.#startFailed && !this.#crashed) await this.#serve();
      if (!this.#startFailed && !this.#crashed) await this.#shutdown();
      if (this.#crashed || this.#startFailed) await this.#terminateAll();
      const again = this.#crashed && !this.#startFailed && this.#request === "none";
      if (again) this.#log("all server processes terminated; reinitializing");
      else this.#emitResult();
      await this.#server.exit.run();
      if (!again) return this.#lastStatus();
      if (this.#clients !== null) this.#clients.crashes++;
    }
  }

  #lastStatus(): number {
    if (this.#crashed) this.#log("abnormal database system shutdown");
    this.#unlink();
    return this.#crashed || this.#startFailed ? 1 : 0;
  }

  async #create(): Promise<void> {
    const old = this.#cluster?.anonymous ?? null;
    this.#cluster = await createCluster(this.#server, old, ({ key, id }) => {
      this.#directory.lockFile!.segment = { key, id };
    });
    this.#words = memoryOf(this.#p, this.#cluster);
  }

  /** Recovery, then the processes of a server that is up. */
  async #startUp(): Promise<void> {
    const { first, afterRecovery } = this.#settings.profile;
    this.#recovered = false;
    this.#crashed = false;
    this.#connected = false;
    for (const kind of first) await this.#start(kind);
    await this.#waitUntil(() => this.#recovered || this.#startFailed || this.#crashed);
    if (!this.#recovered || this.#request !== "none") return;
    for (const kind of afterRecovery) await this.#start(kind);
    this.#up = true;
    this.#log("database system is ready to accept connections");
    this.#emit({ type: "ready", instance: this.#settings.instance, pid: this.#p.pid });
  }

  #start(kind: Parameters<Children["start"]>[2]): Promise<void> {
    return this.#children.start(this.#cluster!, this.#words, kind, this.#server.counters);
  }

  /** ServerLoop: until it is to stop, a child has crashed, or the clients are done. */
  async #serve(): Promise<void> {
    if (this.#request !== "none") return;
    await this.#connect();
    for (; !this.#crashed && !this.#stops(); await this.#connect()) {
      if (await this.#pause(this.#napMillis())) continue;
      this.#progress();
      if (this.#takeWanted()) await this.#start("vacuum");
      for (const pid of dueAlarms(this.#cluster!, this.#words)) {
        await attempt(this.#p.kill(pid, "SIGALRM"));
      }
    }
  }

  /** Alarms are its business up to 9.4 only, progress while there are clients. */
  #napMillis(): number {
    if (this.#clients === null) return untilTick(IDLE_MILLIS);
    return this.#settings.profile.heavyWait === "semaphore" ? ALARMS_MILLIS : PROGRESS_MILLIS;
  }

  #takeWanted(): boolean {
    const wanted = this.#cluster!.layout.global(G_WORKER_WANTED);
    return Atomics.exchange(this.#words, wanted, 0) === 1 && this.#request === "none";
  }

  /** A smart shutdown waits for clients; when all of them are done, somebody says pg_ctl stop. */
  #stops(): boolean {
    if (this.#request === "smart") return !this.#children.has(["backend"]);
    if (this.#request !== "none") return true;
    if (this.#clients === null || this.#clients.working) return false;
    this.#request = "fast";
    return true;
  }

  async #connect(): Promise<void> {
    if (this.#settings.startOnly || !this.#released || this.#connected) return;
    this.#connected = true;
    this.#clients ??= new Clients(this.#settings);
    for (const { client, counters } of this.#clients.connecting()) {
      const connected = this.#children.connect(this.#cluster!, this.#words, client, counters);
      await connected.catch((error) => {
        this.#log(`could not fork new process for connection: ${reasonOf(error)}`);
        this.#clients?.ended(client, 1);
      });
    }
  }

  /** [PG-33] [PG-34] */
  async #shutdown(): Promise<void> {
    this.#log(`received ${this.#request} shutdown request`);
    if (this.#request === "immediate") return this.#terminateAll();
    if (this.#request === "fast") this.#log("aborting any active transactions");
    for (const step of this.#settings.profile.shutdown) {
      await this.#children.signal(step.signal, step.kinds);
      await this.#waitUntil(() => this.#crashed || this.#isDone(step));
      if (this.#crashed) return;
    }
  }

  #isDone({ kinds, untilWalClosed }: ShutdownStep): boolean {
    if (!this.#children.has(kinds)) return true;
    const closed = this.#cluster!.layout.global(G_WAL_CLOSED);
    return untilWalClosed === true && Atomics.load(this.#words, closed) !== 0;
  }

  /** SIGQUIT to all, SIGKILL to those who are there five seconds later. [PG-34] [PG-35] */
  async #terminateAll(): Promise<void> {
    await this.#children.signal("SIGQUIT");
    let killAt = now() + SIGKILL_CHILDREN_AFTER_MILLIS;
    while (this.#children.size > 0) {
      if (await this.#pause(Math.max(0, killAt - now()))) continue;
      if (now() < killAt) continue;
      killAt = Number.POSITIVE_INFINITY;
      await this.#children.signal("SIGKILL");
    }
  }

  /** Reap children until the condition holds. Signals that are caught make it look again. */
  async #waitUntil(done: () => boolean): Promise<void> {
    while (!done()) {
      try {
        this.#reap(await this.#p.wait(-1));
      } catch (error) {
        const errno = errnoOf(error);
        if (errno === ECHILD) return;
        if (errno !== EINTR) throw error;
      }
    }
  }

  /**
   * A child that has ended, or a nap of at most `millis`, which SIGCHLD ends too.
   * @returns whether it was a child
   */
  async #pause(millis: number): Promise<boolean> {
    this.#woken = false;
    const result = this.#children.size === 0 ? null : await this.#p.wait(-1, WNOHANG);
    this.#reap(result);
    // A signal that came before wait returned ends no sleep that begins after it.
    if (result === null && !this.#woken) await this.#p.sleep(millis);
    return result !== null;
  }

  #reap(result: WaitResult | null): void {
    const end = result === null ? null : this.#children.end(result, this.#words);
    if (end === null) return;
    const { child } = end;
    if (child.client !== null) this.#clients?.ended(child.client, end.status);
    if (child.kind === "startup") this.#startupEnded(end);
    else if (end.crash) this.#crash(end);
  }

  #startupEnded(end: End): void {
    if (!end.crash) {
      this.#recovered = true;
      return;
    }
    this.#log(describe(end));
    if (!this.#crashed) this.#log("aborting startup due to startup process failure");
    this.#startFailed ||= !this.#crashed;
  }

  /** HandleChildCrash. [PG-35] */
  #crash(end: End): void {
    if (this.#request === "immediate" || this.#crashed || this.#startFailed) return;
    this.#log(describe(end));
    this.#log("terminating any other active server processes");
    this.#crashed = true;
  }

  async #catchSignals(): Promise<void> {
    const p = this.#p;
    const rank: readonly Request[] = ["none", "smart", "fast", "immediate"];
    const wake = (): void => {
      this.#woken = true;
    };
    const ask = (request: Request) => (): void => {
      wake();
      if (rank.indexOf(request) > rank.indexOf(this.#request)) this.#request = request;
    };
    await p.signal("SIGTERM", ask("smart"));
    await p.signal("SIGINT", ask("fast"));
    await p.signal("SIGQUIT", ask("immediate"));
    await p.signal("SIGUSR2", () => {
      wake();
      this.#released = true;
    });
    for (const signal of ["SIGCHLD", "SIGUSR1", "SIGHUP"] as const) await p.signal(signal, wake);
  }

  #progress(): void {
    if (this.#clients === null || now() < this.#nextProgress) return;
    this.#nextProgress = now() + PROGRESS_MILLIS;
    const { instance } = this.#settings;
    this.#emit({ type: "progress", instance, ...this.#clients.progress() });
  }

  #emitResult(): void {
    if (this.#clients !== null) this.#emit(this.#clients.result(this.#server.counters));
  }

  #emit(record: PostgresRecord): void {
    this.#p.emit(record);
  }

  #log(text: string): void {
    this.#server.log.line(this.#p, "LOG", text);
  }

  #fatal(error: unknown): number {
    if (!(error instanceof PgError)) throw error;
    this.#server.log.error(this.#p, error);
    return 1;
  }

  /** The lock file goes last. */
  #unlink(): void {
    this.#directory.lockFile = null;
    if (this.#settings.profile.lastWord) this.#log("database system is shut down");
  }
}

const SIGNAL_TEXTS: Readonly<Record<string, string>> = {
  SIGABRT: "Abort trap",
  SIGKILL: "Killed",
  SIGQUIT: "Quit",
  SIGTERM: "Terminated",
  SIGSEGV: "Segmentation fault",
  SIGSYS: "Bad system call",
};

/** LogChildExit. */
function describe({ child, status, signal }: End): string {
  const who = `${ROLES[child.kind].name} (PID ${child.pid})`;
  if (signal === null) return `${who} exited with exit code ${status}`;
  const text = SIGNAL_TEXTS[signalName(signal) ?? ""] ?? "Unknown signal";
  return `${who} was terminated by signal ${signal}: ${text}`;
}
