// A master with one published table and PostgresSource instances over it, for tests of capture.
import { PostgresSource, type PostgresSourceOptions } from "../../connectors/postgres/postgres-source.ts";
import type { PostgresMajor } from "../../deploy/embedded/postgres-binaries.ts";
import type { EmbeddedPostgres } from "../../deploy/embedded/postgres-server.ts";
import type { Position } from "../../engine/model/position.ts";
import type { ChangeSource } from "../../engine/ports/change-source.ts";
import { StreamReader } from "../conformance/stream-reader.ts";
import { runSql, type ServerSettings, startServer } from "./cluster.ts";
import { serverAddress } from "./server-address.ts";
import { TcpProxy } from "./tcp-proxy.ts";

const slot = "dongbo_lab";

export interface CaptureLabOptions {
  readonly major?: PostgresMajor;
  readonly settings?: ServerSettings;
  /** Made already; the lab stops and deletes it. */
  readonly server?: EmbeddedPostgres;
}

/** Table `public.item (id, text)`, publication and slot `dongbo_lab`, role `dongbo_source` with REPLICATION. */
export class CaptureLab implements AsyncDisposable {
  readonly server: EmbeddedPostgres;
  /** Between the sources and the server. */
  readonly proxy: TcpProxy;
  readonly slot = slot;
  readonly #readers: StreamReader[] = [];
  readonly #sources: PostgresSource[] = [];

  private constructor(server: EmbeddedPostgres, proxy: TcpProxy) {
    this.server = server;
    this.proxy = proxy;
  }

  static async start(options: CaptureLabOptions = {}): Promise<CaptureLab> {
    const settings = { wal_level: "logical", max_replication_slots: 4, max_wal_senders: 6, ...options.settings };
    const server = options.server ?? (await startServer(options.major ?? 18, settings));
    await prepareLabServer(server);
    return new CaptureLab(server, await TcpProxy.start({ host: "127.0.0.1", port: server.port }));
  }

  /** Statements as superuser, in one session. */
  async sql(...statements: readonly string[]): Promise<Record<string, string | null>[]> {
    return runSql(this.server.url(), ...statements);
  }

  /** A source whose connections go through the proxy. */
  source(options: Partial<PostgresSourceOptions> = {}): PostgresSource {
    const address = { ...serverAddress(this.server.url("postgres", "dongbo_source")), port: this.proxy.port };
    const source = new PostgresSource({ address, slot, publication: slot, name: "lab", ...options });
    this.#sources.push(source);
    return source;
  }

  async open(source: ChangeSource, from: Position, signal = new AbortController().signal): Promise<StreamReader> {
    const reader = new StreamReader(await source.open(from, signal));
    this.#readers.push(reader);
    return reader;
  }

  /** Inserts and deletes a row, so that a transaction comes and the table stays as it was. */
  async change(id: number): Promise<void> {
    await this.sql(`INSERT INTO public.item VALUES (${id}, 'x')`, `DELETE FROM public.item WHERE id = ${id}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#readers.map((reader) => reader.stream.close()));
    await Promise.all(this.#sources.map((source) => source.close()));
    await this.proxy.close();
    await this.server.destroy();
  }
}

/** What every server of a lab holds. */
export async function prepareLabServer(server: EmbeddedPostgres): Promise<void> {
  await runSql(
    server.url(),
    "CREATE ROLE dongbo_source LOGIN REPLICATION",
    "CREATE TABLE public.item (id int PRIMARY KEY, text text)",
    `CREATE PUBLICATION ${slot} FOR TABLE public.item`,
  );
}
