// A MySQL or MariaDB server as ChangeSource: its binary log, read as a replica reads it, once for all subscriptions.
import { randomInt } from "node:crypto";
import type { Micros } from "../../engine/model/change-message.ts";
import type { Position, PositionOrder } from "../../engine/model/position.ts";
import { ReplicationError } from "../../engine/model/replication-error.ts";
import type { ServerAddress } from "../../engine/model/server-address.ts";
import type { TableName } from "../../engine/model/table.ts";
import type { ChangeSource, ChangeStream, EndOfLog, SourceReservation } from "../../engine/ports/change-source.ts";
import { answerInTime } from "./capture/answer-in-time.ts";
import { askDeclared } from "./capture/ask-declared.ts";
import { BinlogConnection } from "./capture/binlog-connection.ts";
import { BinlogStream } from "./capture/binlog-stream.ts";
import { explainFailure } from "./capture/explain-failure.ts";
import { fileBegunAt } from "./capture/file-age.ts";
import { endOfLog, isSetBack, type LogEnd, oldestFile, oldestPosition } from "./capture/log-ends.ts";
import { prepareDump } from "./capture/open-dump.ts";
import { inspectServer, type LogForm, setBack, type SourceServer, verifyIdentity, verifyReach } from "./capture/source-server.ts";
import { SourceSession } from "./capture/source-session.ts";
import { BinlogDecoder } from "./decode/binlog-decoder.ts";
import { gtidSetProgress, type LogProgress, mariaDbProgress, offsetProgress } from "./decode/log-progress.ts";
import { connectMysql, type MysqlSession, printAddress } from "./mysql-client.ts";
import { errorNumber } from "./mysql-errors.ts";
import { mysqlPositions } from "./positions.ts";
import { SettledSnapshots } from "./settled-snapshot.ts";

export interface MysqlSourceOptions {
  readonly address: ServerAddress;
  /** The source's name in the configuration, for errors. */
  readonly name?: string;
  /**
   * Number by which the server tells its readers apart. Null: one is drawn from the upper half of all numbers, where nobody
   * numbers replicas by hand, and kept as long as this instance lives, so that a connection of ours that was lost without the
   * server's knowledge is ended by the next one. A reader that comes with the number of another makes the server end that one.
   */
  readonly serverId?: number | null;
  /** The server that positions belong to; null: the first one that answers, from then on. */
  readonly expectedIdentity?: string | null;
  /** Silence after which the stream is given up, milliseconds. */
  readonly silenceMsMax?: number;
  /**
   * Tables whose rows are wanted, the same array as long as it holds the same; rows of others are passed over unread. A table
   * must be wanted before it is loaded. By default all are.
   */
  readonly tables?: () => readonly TableName[];
}

const silenceMsDefault = 10_000;
const heartbeatMsMax = 1000;
const answerMsMax = 15_000;

export class MysqlSource implements ChangeSource {
  readonly positions: PositionOrder = mysqlPositions;
  readonly transactional = true;
  readonly reserves = false;
  readonly carriesRows = false;
  readonly #options: MysqlSourceOptions;
  readonly #subject: string;
  readonly #session: SourceSession;
  readonly #serverId: number;
  readonly #silenceMsMax: number;
  /** See DecoderOptions.abandoned. */
  readonly #abandoned = new Set<string>();
  readonly #snapshots = new SettledSnapshots();
  #identity: string | null;
  #stream: BinlogStream | null = null;
  /** As last seen on the server of `identity`. */
  #end: LogEnd | null = null;
  /** As last found out. */
  #form: LogForm | null = null;
  /** The oldest file as last looked at: it stays the oldest until the server purges it. */
  #oldest: { readonly file: string; readonly position: Position; readonly begunAt: Micros | null } | null = null;

  constructor(options: MysqlSourceOptions) {
    this.#options = options;
    const address = printAddress(options.address);
    this.#subject = options.name === undefined ? address : `${options.name} (${address})`;
    this.#serverId = options.serverId ?? randomInt(2 ** 31, 2 ** 32);
    this.#silenceMsMax = options.silenceMsMax ?? silenceMsDefault;
    this.#identity = options.expectedIdentity ?? null;
    this.#session = new SourceSession(() => this.#connect("source"), this.#subject, answerMsMax);
  }

  async open(from: Position, signal: AbortSignal): Promise<ChangeStream> {
    const server = await this.#verifyFrom(from);
    this.#identity = server.identity;
    const session = await this.#connect("capture");
    const command = await this.#prepare(session, server, from);
    const connection = new BinlogConnection(session);
    const decoder = new BinlogDecoder({
      flavour: server.flavour,
      progress: progressFrom(server, from),
      foldsNames: server.foldsNames,
      abandoned: this.#abandoned,
      wanted: this.#options.tables ?? null,
    });
    const stream = new BinlogStream(connection, {
      decoder,
      subject: this.#subject,
      silenceMsMax: this.#silenceMsMax,
      askDeclared: (table) => this.#session.read((asked) => askDeclared(asked, table)),
      explain: (failure) => this.#explain(failure, decoder.reached),
      signal,
    });
    try {
      await stream.start(command);
      this.#stream = stream;
      return stream;
    } catch (error) {
      connection.destroy();
      throw await this.#explain(error, from);
    }
  }

  async reserve(): Promise<Position> {
    // What begins anew begins on the server that is there now.
    const { server, end } = await this.#session.read(async (session) => {
      const found = await inspectServer(session, this.#subject);
      return { server: found, end: await endOfLog(session, found.form, this.#snapshots) };
    });
    this.#identity = server.identity;
    this.#form = server.form;
    this.#end = end;
    this.#oldest = null;
    return end.position;
  }

  async reservation(): Promise<SourceReservation> {
    const { server, file, position } = await this.#session.read(async (session) => {
      const found = await this.#verifyServer(session);
      const oldest = await oldestFile(session, this.#subject);
      return { server: found, file: oldest, position: await this.#oldestPosition(session, found, oldest) };
    });
    this.#identity = server.identity;
    if (this.#oldest?.file !== file) this.#oldest = { file, position, begunAt: await this.#begunAt(file) };
    return { position, identity: server.identity, retainedBytes: 0, inUse: false, keptSince: this.#oldest.begunAt };
  }

  async identity(): Promise<string> {
    return this.#session.read(async (session) => (await inspectServer(session, this.#subject)).identity);
  }

  /** Nothing is kept for us. */
  release(): Promise<void> {
    return Promise.resolve();
  }

  async endOfLog(): Promise<EndOfLog> {
    const end = await this.#session.read(async (session) => endOfLog(session, await this.#logForm(session), this.#snapshots));
    this.#verifyEnd(end);
    return end;
  }

  async close(): Promise<void> {
    await this.#session.close();
  }

  #connect(role: string): Promise<MysqlSession> {
    const connecting = connectMysql(this.#options.address, { role });
    return answerInTime(connecting, { msMax: answerMsMax, subject: this.#subject, late: (session) => session.destroy() });
  }

  async #prepare(session: MysqlSession, server: SourceServer, from: Position): Promise<Buffer> {
    const heartbeatMs = Math.min(heartbeatMsMax, this.#silenceMsMax / 2);
    try {
      const preparing = prepareDump(session, server, { from, serverId: this.#serverId, heartbeatMs });
      return await answerInTime(preparing, { msMax: answerMsMax, subject: this.#subject });
    } catch (error) {
      session.destroy();
      throw error;
    }
  }

  async #logForm(session: MysqlSession): Promise<LogForm> {
    this.#form ??= (await inspectServer(session, this.#subject)).form;
    return this.#form;
  }

  async #verifyServer(session: MysqlSession): Promise<SourceServer> {
    const server = await inspectServer(session, this.#subject);
    this.#form = server.form;
    if (this.#identity !== null) verifyIdentity(server.identity, this.#identity, this.#subject);
    return server;
  }

  async #verifyFrom(from: Position): Promise<SourceServer> {
    const { server, oldest, end } = await this.#session.read(async (session) => {
      const found = await this.#verifyServer(session);
      const file = await oldestFile(session, this.#subject);
      const position = await this.#oldestPosition(session, found, file);
      return { server: found, oldest: position, end: await endOfLog(session, found.form, this.#snapshots) };
    });
    this.#verifyEnd(end);
    verifyReach(from, { oldest, end: end.position }, this.#subject);
    return server;
  }

  /** Throws DB-SLOT-004, once, when the log was emptied: whoever reads it then would wait for ever, and be told that nothing comes. */
  #verifyEnd(end: LogEnd): void {
    const last = this.#end;
    this.#end = end;
    if (last === null || !isSetBack(last, end)) return;
    const failure = setBack(last.position, end.position, this.#subject);
    this.#oldest = null;
    this.#stream?.fail(failure);
    throw failure;
  }

  /** MySQL moves its position within the oldest file. */
  async #oldestPosition(session: MysqlSession, server: SourceServer, file: string): Promise<Position> {
    if (server.form !== "gtid" && this.#oldest?.file === file) return this.#oldest.position;
    return oldestPosition(session, server.form, file);
  }

  /** Null where the server does not let us look. */
  async #begunAt(file: string): Promise<Micros | null> {
    try {
      return await fileBegunAt(await this.#connect("log age"), { file, serverId: randomInt(2 ** 31, 2 ** 32) });
    } catch (error) {
      if (error instanceof ReplicationError || errorNumber(error) !== null) return null;
      throw error;
    }
  }

  async #explain(error: unknown, position: Position): Promise<ReplicationError> {
    const failure = await explainFailure(error, this.#subject, () => this.#verifyFrom(position));
    // What has swallowed one connection has most likely swallowed the other: the next question must not wait to find out.
    if (failure.code === "DB-SLOT-008") await this.#session.close();
    return failure;
  }
}

function progressFrom(server: SourceServer, from: Position): LogProgress {
  switch (server.form) {
    case "mariadb":
      return mariaDbProgress(from);
    case "gtid":
      return gtidSetProgress(from);
    case "offset":
      return offsetProgress(from);
  }
}
