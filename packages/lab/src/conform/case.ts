/**
 * A conformance case: a script of calls by several processes in several jails, with the answers of
 * FreeBSD. test/data/conformance/README.md says what each field means; `load.ts` reads and checks.
 */
import type { JailSysName } from "@jailyard/abi/jail";
import type { LimitSettings } from "@jailyard/abi/limits";
import type { Facility } from "@jailyard/abi/types";

/** An id or address as a script writes it: a number, or what an earlier step bound. */
export type Ref = number | `$${string}` | { base: `$${string}`; add: number } | IndexOf;
/** The slot index in a bound id. */
export interface IndexOf {
  index_of: `$${string}`;
}

/** Bytes of a message or of memory, one character each; `fill` is one character `len` times. */
export type Text = string | { fill: string; len: number };

export type FlagName =
  | "IPC_CREAT"
  | "IPC_EXCL"
  | "IPC_NOWAIT"
  | "SEM_UNDO"
  | "MSG_NOERROR"
  | "SHM_RDONLY"
  | "SHM_RND"
  | "SHM_REMAP";

interface Flags {
  flags?: readonly FlagName[];
}
interface GetFlags extends Flags {
  key: number | "IPC_PRIVATE";
  /** Octal, or-ed into the flags. */
  mode?: string;
}
/** `buf: "bad"`: the user's buffer is memory that is not mapped. */
interface Buffer {
  buf?: "bad";
}
export interface PermSet {
  uid: number;
  gid: number;
  mode: string;
}

export interface SopSpec extends Flags {
  num: number;
  op: number;
}
export interface SemopArgs<Id> {
  semid: Id;
  sops: readonly SopSpec[] | "bad";
  /** The list that many times over. */
  repeat?: number;
  /** With a list that is not mapped. */
  nsops?: number;
}
export interface SemctlArgs<Id> extends Buffer {
  semid: Id;
  cmd: string | number;
  semnum?: number;
  val?: number;
  vals?: readonly number[];
  set?: PermSet;
}
export interface MsgsndArgs<Id> extends Flags, Buffer {
  msqid: Id;
  type: number;
  text?: Text;
  /** If it is not the length of the text; -1 is the largest unsigned value. */
  size?: number;
}
export interface MsgrcvArgs<Id> extends Flags, Buffer {
  msqid: Id;
  size: number;
  type: number;
}
export interface MsgctlArgs<Id> extends Buffer {
  msqid: Id;
  cmd: string | number;
  set?: PermSet & { qbytes: number };
}
export interface ShmctlArgs<Id> extends Buffer {
  shmid: Id;
  cmd: string | number;
  set?: PermSet;
}
export interface JailSettings {
  sysvsem?: JailSysName;
  sysvmsg?: JailSysName;
  sysvshm?: JailSysName;
  "allow.sysvipc"?: boolean;
}
export interface JailSetArgs extends JailSettings {
  jail: string;
  create?: boolean;
  parent?: string;
}

/** Arguments by call; `Id` is Ref in a script and number once resolved. */
export interface ArgsOf<Id> {
  semget: GetFlags & { nsems: number };
  semop: SemopArgs<Id>;
  semctl: SemctlArgs<Id>;
  msgget: GetFlags;
  msgsnd: MsgsndArgs<Id>;
  msgrcv: MsgrcvArgs<Id>;
  msgctl: MsgctlArgs<Id>;
  shmget: GetFlags & { size: number };
  shmat: Flags & { shmid: Id; addr: Id | null };
  shmdt: { addr: Id | null };
  shmctl: ShmctlArgs<Id>;
  peek: { addr: Id | null; len: number };
  poke: { addr: Id | null; data: Text };
  fork: { child: string };
  exec: object;
  exit: object;
  signal: { sig: string; sa_restart?: boolean };
  setcred: { uid: number; gid: number; groups?: readonly number[] };
  jail_set: JailSetArgs;
  jail_get: { jail: string };
  jail_remove: { jail: string };
  jail_attach: { jail: string };
  advance: { ms: number };
  ipcs: { which: Facility };
}
export type CallName = keyof ArgsOf<Ref>;
/** A call with its arguments, one variant a call. */
export type Call<Id> = { [C in CallName]: { call: C; args: ArgsOf<Id>[C] } }[CallName];

export type Value = string | number | boolean | null | readonly Value[] | { [name: string]: Value };
export type Out = { [field: string]: Value };

/** How a call ends: one of ret, errno, blocks, fault, exits. */
export interface Expect {
  ret?: number | string;
  /** The object that was bound under this name. */
  same?: `$${string}`;
  errno?: string;
  blocks?: true;
  fault?: string;
  exits?: true;
}

/** A call of another process that was asleep and ended in this step. */
export interface Completes {
  proc: string;
  /** Index of the step that began it; absent for a process killed while awake. */
  of?: number;
  ret?: number | string;
  errno?: string;
  killed?: true;
  out?: Out;
}

/** What a step is answered. */
export interface Answer {
  expect: Expect;
  out?: Out;
  completes?: readonly Completes[];
}

export type Step = Answer &
  Call<Ref> & {
    /** Who calls; absent for what is done from outside. */
    proc?: string;
    bind?: string;
  };

export interface JailSpec extends JailSettings {
  parent: string;
  persist?: boolean;
}
export interface ProcSpec {
  uid: number;
  gid: number;
  groups?: readonly number[];
  jail?: string;
}
export interface Quirk {
  step: number;
  tag: string;
}

export interface ConformCase {
  name: string;
  about: string;
  seed?: number;
  tags?: readonly string[];
  limits?: LimitSettings;
  jails?: Readonly<Record<string, JailSpec>>;
  procs: Readonly<Record<string, ProcSpec>>;
  steps: readonly Step[];
  order_dependent?: boolean;
  order_step?: number;
  order_alts?: readonly Answer[];
  quirks?: readonly Quirk[];
  linux?: "same" | { differs: readonly number[] };
}

/** A case and where it stands. */
export interface LoadedCase {
  readonly file: string;
  readonly line: number;
  readonly conform: ConformCase;
}
