/** Branded numbers: an id is not a row, and a pid is not a jid. */
declare const brand: unique symbol;
type Brand<Name extends string> = number & { readonly [brand]: Name };

export type Pid = Brand<"pid">;
export type Jid = Brand<"jid">;
export type Uid = Brand<"uid">;
export type Gid = Brand<"gid">;
/** key_t: any int; 0 is IPC_PRIVATE. [COM-5] */
export type Key = Brand<"key">;
/** What semget(2) returns: index and sequence number in one int. */
export type Semid = Brand<"semid">;
export type Shmid = Brand<"shmid">;
export type Msqid = Brand<"msqid">;
/** Index of a slot in the table of one facility. */
export type Ix = Brand<"ix">;
/** A virtual address of an emulated process, in bytes. */
export type Addr = Brand<"addr">;

/** The three facilities, in the order in which FreeBSD lists them. */
export const FACILITIES = ["msg", "sem", "shm"] as const;
export type Facility = (typeof FACILITIES)[number];
