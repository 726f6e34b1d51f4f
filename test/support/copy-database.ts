// A target database prepared for a subscription, with no engine running: for tests of what lies and judges in a target.
import type pg from "pg";
import { describeTables } from "../../connectors/postgres/postgres-schema.ts";
import { prepareTarget } from "../../connectors/postgres/apply/prepare-target.ts";
import type { EmbeddedPostgres } from "../../deploy/embedded/postgres-server.ts";
import type { Regulation, Subscription, TableMapping } from "../../engine/model/share.ts";
import type { TargetState } from "../../engine/ports/change-target.ts";
import { runSql, textClient } from "./cluster.ts";

/** Roles in every such server; none is a superuser. */
export const copyRoles = { engine: "dongbo_target", reader: "app_reader", stranger: "stranger", dba: "dba" } as const;

export async function makeCopyRoles(server: EmbeddedPostgres): Promise<void> {
  for (const role of Object.values(copyRoles)) await runSql(server.url(), `CREATE ROLE ${role} LOGIN`);
}

/**
 * One database. Schema `master` plays the source: tables are described from there as a source's would be, and
 * `population_copy` is where their copies lie.
 */
export class CopyDatabase implements AsyncDisposable {
  readonly server: EmbeddedPostgres;
  readonly name: string;
  /** A session as the engine's role. */
  readonly engine: pg.Client;

  private constructor(server: EmbeddedPostgres, name: string, engine: pg.Client) {
    this.server = server;
    this.name = name;
    this.engine = engine;
  }

  /** Makes the database, owned by the engine's role, and runs statements that make the source tables, as that role. */
  static async create(server: EmbeddedPostgres, name: string, ...sourceSql: readonly string[]): Promise<CopyDatabase> {
    await runSql(server.url(), `CREATE DATABASE "${name}" OWNER ${copyRoles.engine}`);
    const engine = textClient(server.url(name, copyRoles.engine, null));
    await engine.connect();
    const database = new CopyDatabase(server, name, engine);
    try {
      for (const sql of ["CREATE SCHEMA master", ...sourceSql]) await engine.query(sql);
      return database;
    } catch (error) {
      await database[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** A session as another role; the caller ends it. */
  async session(role: string): Promise<pg.Client> {
    const client = textClient(this.server.url(this.name, role, null));
    await client.connect();
    return client;
  }

  /** Runs statements as superuser, the way a hand would. */
  byHand(...statements: readonly string[]): Promise<Record<string, string | null>[]> {
    return runSql(this.server.url(this.name), ...statements);
  }

  /** `master.<name>` mapped to `population.<name>`, all columns under their own names unless told otherwise. */
  async mapping(name: string, overrides: MappingOverrides = {}): Promise<TableMapping> {
    const [catalog] = await describeTables(this.engine, [{ schema: "master", name }]);
    if (catalog === undefined) throw new Error(`no source table master.${name}`);
    const wanted = overrides.columns ?? catalog.columns.map((column) => column.name);
    return {
      source: catalog.table,
      target: { schema: "population", name, ...overrides.target },
      physical: { schema: "population_copy", name, ...overrides.physical },
      key: overrides.key ?? catalog.primaryKey,
      columns: wanted.map((source) => {
        const column = catalog.columns.find((candidate) => candidate.name === source);
        if (column === undefined) throw new Error(`no column ${source}`);
        const target = overrides.rename?.[source] ?? source;
        return { source, target, sourceType: column.type, targetType: overrides.types?.[source] ?? null, nullable: column.nullable };
      }),
      filter: null,
      catalog,
    };
  }

  prepare(subscription: Subscription, readers: readonly string[] = [copyRoles.reader]): Promise<TargetState> {
    return prepareTarget(this.engine, subscription, readers);
  }

  /** What a completed load and a commit leave behind: every copy of the subscription valid for `seconds` more. */
  async open(subscription: string, seconds = 3600): Promise<void> {
    await this.engine.query(
      `UPDATE dongbo.copy AS c SET copy_state = 'VALID', contract = 'loaded', valid_until = clock_timestamp() + make_interval(secs => $2),
         last_sync_at = clock_timestamp() + make_interval(secs => $2) - s.validity_period
       FROM dongbo.subscription AS s WHERE s.id = c.subscription AND s.id = $1 AND c.withdrawn_at IS NULL`,
      [subscription, seconds],
    );
    await this.engine.query("UPDATE dongbo.subscription SET share_state = 'ACTIVE', position = '0/1000' WHERE id = $1", [subscription]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.engine.end();
    await runSql(this.server.url(), `DROP DATABASE "${this.name}" WITH (FORCE)`);
  }
}

export interface MappingOverrides {
  readonly columns?: readonly string[];
  readonly key?: readonly string[];
  readonly rename?: Readonly<Record<string, string>>;
  readonly types?: Readonly<Record<string, string>>;
  readonly target?: Partial<TableMapping["target"]>;
  readonly physical?: Partial<TableMapping["physical"]>;
}

/** Subscription `population/hcm` with a period of 24 hours and an agreement without end. */
export function subscriptionOf(tables: readonly TableMapping[], overrides: Partial<Subscription> = {}): Subscription {
  return {
    id: "population/hcm",
    share: "population",
    source: "population",
    target: "hcm",
    agreement: { id: "TT-07/2026", from: new Date("2026-01-01T00:00:00Z"), to: null },
    regulation: regulationOf({}),
    tables,
    stopped: [],
    quarantineMax: 100,
    ...overrides,
  };
}

export function regulationOf(overrides: Partial<Regulation>): Regulation {
  return { id: "QC-01/2025", validityPeriodSeconds: 86_400, onExpiry: "refuse", logRetentionSeconds: 31_536_000, ...overrides };
}

/** What a refused query says. */
export interface Refusal {
  readonly code: string;
  readonly message: string;
  readonly detail: string;
  readonly hint: string;
}

/** Runs a query that must fail and gives the server's error. */
export async function failureOf(query: Promise<unknown>): Promise<Refusal> {
  try {
    await query;
  } catch (error) {
    return error as Refusal;
  }
  throw new Error("the query was expected to fail");
}
