// Masters and copies of both families, to compare tables of the one with copies made the way that dongbo makes them. One server of each
// family serves as both.
import type pg from "pg";
import { MysqlCopyTable } from "../../connectors/mysql/compare/mysql-copy-table.ts";
import { MysqlMasterTable } from "../../connectors/mysql/compare/mysql-master-table.ts";
import { MysqlSnapshot } from "../../connectors/mysql/snapshot/mysql-snapshot.ts";
import { PostgresCopyTable } from "../../connectors/postgres/compare/postgres-copy-table.ts";
import { PostgresMasterTable } from "../../connectors/postgres/compare/postgres-master-table.ts";
import { lsnOrder } from "../../connectors/postgres/lsn.ts";
import { PostgresSnapshot } from "../../connectors/postgres/snapshot/postgres-snapshot.ts";
import type { PostgresMajor } from "../../deploy/embedded/postgres-binaries.ts";
import type { ComparedCopy } from "../../engine/model/canonical-form.ts";
import type { RowList } from "../../engine/model/packed-rows.ts";
import type { Predicate } from "../../engine/model/predicate.ts";
import type { Key } from "../../engine/model/row.ts";
import { keyPlaces, type Subscription, type TableMapping } from "../../engine/model/share.ts";
import { wholeOf } from "../../engine/model/slice.ts";
import type { CopyTable, MasterTable } from "../../engine/ports/compared-table.ts";
import type { SnapshotSource } from "../../engine/ports/snapshot-source.ts";
import { comparedCopy } from "../../mappings/compared-columns.ts";
import { convertColumns } from "../../mappings/convert-columns.ts";
import { roles, runSql, textClient } from "./cluster.ts";
import { replicationGrant } from "./mysql-server.ts";
import { runMysql } from "./mysql-session.ts";
import { MysqlTargetLab } from "./mysql-target-lab.ts";
import { serverAddress } from "./server-address.ts";
import { progress, subscriptionOf, TargetLab, Writer } from "./target-lab.ts";

export type CompareFamily = "postgres" | "mysql";

export interface CopyOptions {
  /** Rows that are shared; all when left out. */
  readonly filter?: Predicate;
  /** By column: a type that the configuration chooses, and whether it accepts a loss. */
  readonly types?: Readonly<Record<string, string>>;
  readonly lossAccepted?: boolean;
  /** Columns shared; all when left out. */
  readonly columns?: readonly string[];
  /** The copy's name; the table's when left out. */
  readonly as?: string;
}

/** A table and its copy, loaded. */
export interface ComparedPair {
  readonly mapping: TableMapping;
  readonly copied: ComparedCopy;
  readonly writer: Writer;
  readonly master: MasterTable;
  readonly copy: CopyTable;
  close(): Promise<void>;
}

/** Where master tables are: schema `public` of database `master`, or database `national`. */
const homes = { postgres: "public", mysql: "national" } as const;

export class CompareLab implements AsyncDisposable {
  /** Pairs of servers that hash quickly do. */
  quick = false;
  readonly #postgres: TargetLab | null;
  readonly #mysql: MysqlTargetLab | null;
  readonly #snapshots = new Map<CompareFamily, SnapshotSource & { close(): Promise<void> }>();
  #master: pg.Client | null = null;

  private constructor(postgres: TargetLab | null, mysql: MysqlTargetLab | null) {
    this.#postgres = postgres;
    this.#mysql = mysql;
  }

  static async open(families: readonly CompareFamily[], major: PostgresMajor = 18): Promise<CompareLab> {
    const [postgres, mysql] = await Promise.all([
      families.includes("postgres") ? TargetLab.open({ master: [], major }) : null,
      families.includes("mysql") ? MysqlTargetLab.open() : null,
    ]);
    const lab = new CompareLab(postgres, mysql);
    await lab.#prepare();
    return lab;
  }

  async #prepare(): Promise<void> {
    if (this.#postgres !== null) {
      await runSql(
        this.#postgres.server.url("master"),
        `CREATE ROLE ${roles.source} LOGIN`,
        `ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO ${roles.source}`,
      );
      this.#master = textClient(this.#postgres.server.url("master"));
      await this.#master.connect();
    }
    if (this.#mysql !== null) {
      await this.#mysql.server.query(
        "CREATE DATABASE national CHARACTER SET utf8mb4",
        `CREATE USER ${roles.source}`,
        `GRANT SELECT ON national.* TO ${roles.source}`,
        `${replicationGrant} TO ${roles.source}`,
      );
    }
    const [postgres, mysql] = [this.#postgres, this.#mysql];
    if (postgres !== null)
      this.#snapshots.set("postgres", new PostgresSnapshot({ address: this.sourceAddress("postgres"), connections: 2, publication: null }));
    if (mysql !== null) this.#snapshots.set("mysql", new MysqlSnapshot({ address: this.sourceAddress("mysql"), connections: 2 }));
  }

  sourceAddress(family: CompareFamily): ReturnType<typeof serverAddress> {
    return serverAddress(
      family === "postgres" ? this.postgres.server.url("master", roles.source, null) : this.mysql.server.url(homes.mysql, roles.source),
    );
  }

  get postgres(): TargetLab {
    if (this.#postgres === null) throw new Error("the lab has no PostgreSQL server");
    return this.#postgres;
  }

  get mysql(): MysqlTargetLab {
    if (this.#mysql === null) throw new Error("the lab has no server of MySQL's family");
    return this.#mysql;
  }

  /** Runs statements on a master as its owner, in one session; the last one's rows. */
  async onMaster(family: CompareFamily, ...statements: readonly string[]): Promise<Record<string, string | null>[]> {
    if (family === "mysql")
      return runMysql(this.mysql.server.url(homes.mysql), "SET SESSION sql_mode = 'STRICT_ALL_TABLES'", ...statements);
    let rows: Record<string, string | null>[] = [];
    for (const sql of statements) rows = (await this.#master!.query<Record<string, string | null>>(sql)).rows;
    return rows;
  }

  /** Runs one statement where the copies are, as an administrator. */
  onCopy(family: CompareFamily, sql: string): Promise<Record<string, string | null>[]> {
    return family === "postgres" ? this.postgres.sql(sql) : this.mysql.sql(sql);
  }

  /** A second session on a master, for transactions that stay open. */
  async masterSession(): Promise<pg.Client> {
    const client = textClient(this.postgres.server.url("master"));
    await client.connect();
    return client;
  }

  /** The mapping of a table as dongbo resolves it for a copy of this family. */
  async mapping(from: CompareFamily, to: CompareFamily, name: string, options: CopyOptions = {}): Promise<TableMapping> {
    const [catalog] = await this.#snapshot(from).describe([{ schema: homes[from], name }]);
    if (catalog === undefined) throw new Error(`no table ${name}`);
    const shared = catalog.columns.filter((column) => options.columns?.includes(column.name) ?? true);
    const plain = shared.map((column) => ({
      source: column.name,
      target: column.name,
      sourceType: column.type,
      targetType: options.types?.[column.name] ?? null,
      nullable: column.nullable,
      lossAccepted: options.types?.[column.name] !== undefined && options.lossAccepted === true,
    }));
    const as = options.as ?? name;
    return {
      source: catalog.table,
      target: { schema: "public", name: as },
      physical: { schema: "public_copy", name: as },
      key: catalog.primaryKey,
      columns: convertColumns(plain, catalog.primaryKey, to).columns,
      filter: options.filter ?? null,
      catalog,
    };
  }

  /** The table's copy, prepared and loaded. */
  async pair(from: CompareFamily, to: CompareFamily, name: string, options: CopyOptions = {}): Promise<ComparedPair> {
    const mapping = await this.mapping(from, to, name, options);
    const subscription = subscriptionOf([mapping], { id: `${mapping.target.name}/${to}` });
    const writer = await Writer.prepared(to === "postgres" ? this.postgres : this.mysql, subscription);
    await this.load(writer, mapping);
    return this.compare(from, to, { mapping, writer });
  }

  /** Both sides of a comparison of a copy that is there. */
  compare(from: CompareFamily, to: CompareFamily, { mapping, writer }: Pick<ComparedPair, "mapping" | "writer">): ComparedPair {
    const copied = comparedCopy(mapping, to);
    const source = { address: this.sourceAddress(from), copy: copied };
    const master = from === "postgres" ? new PostgresMasterTable(source) : new MysqlMasterTable(source);
    const copy = this.copyTable(to, copied, writer.subscription);
    if (this.quick) for (const side of [master, copy]) side.quickHash?.use();
    const close = async (): Promise<void> => {
      await Promise.all([master.close(), copy.close(), writer.target.close()]);
    };
    return { mapping, copied, writer, master, copy, close };
  }

  copyTable(to: CompareFamily, copied: ComparedCopy, subscription: Subscription): CopyTable {
    const shared = { copy: copied, subscription: wholeOf(subscription), positions: lsnOrder };
    return to === "postgres"
      ? new PostgresCopyTable({ ...shared, address: serverAddress(this.postgres.url) })
      : new MysqlCopyTable({ ...shared, address: serverAddress(this.mysql.url) });
  }

  /** Reads the table from the master and writes it into the copy, as a first load does. */
  async load(writer: Writer, mapping: TableMapping): Promise<void> {
    const transaction = await writer.begin();
    for await (const rows of this.chunks(mapping)) await transaction.load(mapping, rows);
    const loads = [{ table: mapping, progress: progress({ sweepBefore: transaction.batchId }), complete: true }];
    await writer.commit(transaction, { loads });
  }

  /** Keys of the master's rows in its own text form, in its order. */
  async sourceKeys(mapping: TableMapping): Promise<string[][]> {
    const keys: string[][] = [];
    const places = keyPlaces(mapping);
    for await (const rows of this.chunks(mapping)) for (const row of rows) keys.push(places.map((place) => String(row[place])));
    return keys;
  }

  /** Its rows at the master, in the mapping's columns. */
  async *chunks(mapping: TableMapping): AsyncGenerator<RowList> {
    const snapshot = this.#snapshot(mapping.catalog.columns[0]?.type.family ?? "postgres");
    let after: Key | null = null;
    for (let complete = false; !complete;) {
      const chunk = await snapshot.readChunk(
        {
          table: mapping.catalog,
          key: mapping.key,
          columns: mapping.columns.map(({ source }) => source),
          filter: mapping.filter,
          after,
          until: null,
          rowsMax: 10_000,
          bytesMax: 64_000_000,
        },
        new AbortController().signal,
      );
      yield chunk.rows;
      ({ complete, lastKey: after } = chunk);
    }
  }

  #snapshot(family: CompareFamily): SnapshotSource {
    const snapshot = this.#snapshots.get(family);
    if (snapshot === undefined) throw new Error(`the lab has no ${family} server`);
    return snapshot;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#master?.end();
    await Promise.all([...this.#snapshots.values()].map((snapshot) => snapshot.close()));
    await Promise.all([this.#postgres?.[Symbol.asyncDispose](), this.#mysql?.[Symbol.asyncDispose]()]);
  }
}

/** Sums of row digests, as GroupDigest has them. */
export function sumOf(digests: readonly { readonly digest: string }[]): { count: number; high: bigint; low: bigint } {
  let [high, low] = [0n, 0n];
  for (const { digest } of digests) {
    high = BigInt.asUintN(64, high + BigInt(`0x${digest.slice(0, 16)}`));
    low = BigInt.asUintN(64, low + BigInt(`0x${digest.slice(16)}`));
  }
  return { count: digests.length, high, low };
}
