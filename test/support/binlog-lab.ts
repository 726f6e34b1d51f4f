// A server and what its binary log says, for tests of capture.
import { MysqlSource, type MysqlSourceOptions } from "../../connectors/mysql/mysql-source.ts";
import type { EmbeddedMariaDb } from "../../deploy/embedded/mariadb-server.ts";
import type { ChangeMessage, RowChange } from "../../engine/model/change-message.ts";
import type { Position } from "../../engine/model/position.ts";
import type { Row } from "../../engine/model/row.ts";
import { StreamReader } from "../conformance/stream-reader.ts";
import type { MysqlTestServer } from "./given-mysql.ts";
import { startMariaDb, startMysqlServer } from "./mysql-server.ts";
import { serverAddress } from "./server-address.ts";
import { waitUntil } from "./wait-until.ts";

type Settings = Readonly<Record<string, string | number>>;

export class BinlogLab<Server extends MysqlTestServer = MysqlTestServer> implements AsyncDisposable {
  readonly server: Server;
  readonly #opened: { source: MysqlSource; reader: StreamReader | null }[] = [];

  private constructor(server: Server) {
    this.server = server;
  }

  static async open(settings: Settings = {}): Promise<BinlogLab> {
    return BinlogLab.#on(await startMysqlServer(settings));
  }

  /** On a server that may be broken. */
  static async openPrivate(settings: Settings = {}): Promise<BinlogLab<EmbeddedMariaDb>> {
    return BinlogLab.#on(await startMariaDb(settings));
  }

  static async #on<Server extends MysqlTestServer>(server: Server): Promise<BinlogLab<Server>> {
    await server.query("CREATE DATABASE national");
    return new BinlogLab(server);
  }

  source(options: Partial<MysqlSourceOptions> = {}): MysqlSource {
    const source = new MysqlSource({ address: serverAddress(this.server.url()), ...options });
    this.#opened.push({ source, reader: null });
    return source;
  }

  /** A stream from the end of the log on. */
  async reader(options: Partial<MysqlSourceOptions> = {}): Promise<StreamReader> {
    const source = this.source(options);
    return this.readerFrom(source, await source.reserve());
  }

  async readerFrom(source: MysqlSource, from: Position): Promise<StreamReader> {
    const reader = new StreamReader(await source.open(from, new AbortController().signal));
    this.#opened.push({ source, reader });
    return reader;
  }

  /** Runs statements in one session of the database `national`. */
  query(...statements: readonly string[]): Promise<Record<string, string | null>[]> {
    return this.server.query("USE national", ...statements);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { reader } of this.#opened) await reader?.stream.close();
    for (const { source } of this.#opened) await source.close();
    await this.server.destroy();
  }
}

/** Reads until everything that the server has logged so far has come; all messages. */
export async function readToEnd(reader: StreamReader, source: MysqlSource): Promise<readonly ChangeMessage[]> {
  const { position } = await source.endOfLog();
  await waitUntil(
    async () => {
      reader.stream.requestProgress();
      return source.positions.covers((await reader.progress()).position, position);
    },
    { describe: "the stream to reach the end of the log" },
  );
  return reader.messages;
}

export function rowChanges(messages: readonly ChangeMessage[]): RowChange[] {
  return messages.filter((message): message is RowChange => "before" in message);
}

/** A row's values by column as text, NULL as null. */
export function named(change: RowChange, row: Row | null): Record<string, string | null> {
  return Object.fromEntries(
    change.table.columns.map(({ name }, index) => {
      const value = row?.[index];
      return [name, value instanceof Buffer ? value.toString("utf8") : null];
    }),
  );
}
