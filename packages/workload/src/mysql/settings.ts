/** What a server and its clients are told, and what they tell. */

/** As in 2006: compiled in, the same for every server. */
export const MYSQL_SOCKET = "/tmp/mysql.sock";

export interface ServerSettings {
  readonly socket?: string;
}

export interface ClientSettings {
  readonly socket?: string;
  /** Run one after the other. */
  readonly queries: readonly string[];
}

/** The server takes connections. */
export interface ReadyRecord {
  readonly type: "ready";
  readonly socket: string;
}

/** What a query gave. */
export interface AnswerRecord {
  readonly type: "answer";
  readonly query: string;
  readonly text: string;
}

/** What made a server or client give up, as it would print it. */
export interface FailureRecord {
  readonly type: "failure";
  readonly text: string;
}

export type MysqlRecord = ReadyRecord | AnswerRecord | FailureRecord;
