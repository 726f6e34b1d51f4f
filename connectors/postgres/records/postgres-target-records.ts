// What a PostgreSQL target says of the copies in it, for commands: read from schema dongbo and the physical tables.
import type pg from "pg";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import type { Verdict } from "../../../engine/model/reconcile-report.ts";
import type { ServerAddress } from "../../../engine/model/server-address.ts";
import type { CopyState, ShareState } from "../../../engine/model/share.ts";
import { printTable, type TableName } from "../../../engine/model/table.ts";
import type {
  BatchRecord,
  CopyRecord,
  QuarantineRecord,
  ReconcileOutcome,
  RowRecord,
  TargetRecords,
} from "../../../engine/ports/target-records.ts";
import { type PartRecord, wholeCopies } from "../../../engine/target/whole-copies.ts";
import { connectPostgres, printAddress } from "../postgres-client.ts";
import { sqlState, toReplicationError } from "../postgres-errors.ts";
import { quoteIdentifier, quoteTable } from "../quote.ts";

type Fields = Readonly<Record<string, string | null>>;

/** A command waits no longer than this for a target that is down: others must still be shown. */
const connectTimeoutMs = 5_000;
const statementTimeoutMs = 30_000;

export class PostgresTargetRecords implements TargetRecords {
  readonly #address: ServerAddress;
  #client: pg.Client | null = null;

  constructor(address: ServerAddress) {
    this.#address = address;
  }

  async copies(subscriptions: readonly string[]): Promise<readonly CopyRecord[]> {
    if (!(await this.#installed())) return [];
    const rows = await this.#query(copiesSql, [JSON.stringify(subscriptions)]);
    return wholeCopies(rows.map(toPart));
  }

  async findRow(copy: CopyRecord, key: readonly string[]): Promise<RowRecord> {
    const columns = await this.#keyColumns(copy.physical);
    if (columns.length === 0)
      throw new ReplicationError("DB-PG-020", { subject: printTable(copy.physical), cause: "the copy's table is gone" });
    if (columns.length !== key.length) throw wrongKey(copy, columns);
    try {
      const [row] = await this.#query(rowSql(copy.physical, columns), key);
      const [held] = await this.#query(quarantineSql(columns), [copy.subscription, copy.table, ...key]);
      const batch = row?.["dongbo_batch"] ?? null;
      return {
        keyColumns: columns.map((column) => column.name),
        batch: batch === null ? null : Number(batch),
        quarantine: held === undefined ? null : toQuarantine(held),
      };
    } catch (error) {
      // Class 22: the text is no value of the type; 23514: of the domain.
      const state = sqlState(error) ?? "";
      throw state.startsWith("22") || state === "23514" ? wrongKey(copy, columns, error) : error;
    }
  }

  async batch(subscription: string, id: number): Promise<BatchRecord | null> {
    const [row] = await this.#query(batchSql, [subscription, String(id)]);
    return row === undefined ? null : toBatch(row);
  }

  async terminate(subscription: string): Promise<boolean> {
    if (!(await this.#installed())) return false;
    await this.#query(
      `UPDATE dongbo.subscription SET share_state = 'TERMINATED', epoch = epoch + 1 WHERE ${ofWhole} AND share_state <> 'TERMINATED'`,
      [subscription],
    );
    return (await this.#query(`SELECT 1 FROM dongbo.subscription WHERE ${ofWhole}`, [subscription])).length > 0;
  }

  async refuseUntilLoaded(subscription: string, tables: readonly string[]): Promise<void> {
    if (!(await this.#installed())) return;
    await this.#query(
      `UPDATE dongbo.copy SET copy_state = 'RESYNCING'
       WHERE subscription IN (${partsOfWhole}) AND target_table IN (SELECT json_array_elements_text($2::json)) AND copy_state IN ('VALID', 'EXPIRED')`,
      [subscription, JSON.stringify(tables)],
    );
  }

  async recordReconcile(subscription: string, table: string, { verdict, quarantine }: ReconcileOutcome): Promise<void> {
    if (!(await this.#installed())) return;
    await this.#query(
      `UPDATE dongbo.copy SET
         last_reconciled_at = CASE WHEN $3 = 'unverified' THEN last_reconciled_at ELSE pg_catalog.clock_timestamp() END,
         verdict = CASE WHEN $3 = 'unverified' AND verdict = 'different' THEN verdict ELSE $3 END,
         copy_state = CASE WHEN $4::boolean AND copy_state IN ('VALID', 'EXPIRED') THEN 'QUARANTINED' ELSE copy_state END
       WHERE subscription IN (${partsOfWhole}) AND target_table = $2`,
      [subscription, table, verdict, String(quarantine)],
    );
  }

  async close(): Promise<void> {
    await this.#client?.end().catch(() => {});
    this.#client = null;
  }

  async #installed(): Promise<boolean> {
    const rows = await this.#query("SELECT 1 WHERE pg_catalog.to_regclass('dongbo.verdict') IS NOT NULL");
    return rows.length > 0;
  }

  /** The physical table's primary key is the share's key. */
  async #keyColumns(physical: TableName): Promise<KeyColumn[]> {
    const rows = await this.#query(keySql, [physical.schema, physical.name]);
    return rows.map((row) => ({ name: row["name"] ?? "", typeSchema: row["type_schema"] ?? "", typeName: row["type_name"] ?? "" }));
  }

  async #query(sql: string, parameters: readonly string[] = []): Promise<Fields[]> {
    try {
      const client = this.#client ?? (await this.#connect());
      return (await client.query<Fields>(sql, [...parameters])).rows;
    } catch (error) {
      throw toReplicationError(error, printAddress(this.#address));
    }
  }

  /** A session that breaks is forgotten, so that the next question opens another. */
  async #connect(): Promise<pg.Client> {
    const client = await connectPostgres(this.#address, { role: "status", connectTimeoutMs, statementTimeoutMs });
    const forget = (): void => {
      if (this.#client === client) this.#client = null;
    };
    client.on("error", forget);
    client.on("end", forget);
    this.#client = client;
    return client;
  }
}

interface KeyColumn {
  readonly name: string;
  readonly typeSchema: string;
  readonly typeName: string;
}

/** Rows of dongbo.subscription that are the whole $1, or its slices. */
const ofWhole = "(id = $1 OR part_of = $1)";
const partsOfWhole = `SELECT id FROM dongbo.subscription WHERE ${ofWhole}`;

const millis = (expression: string, name: string): string => `(extract(epoch FROM ${expression}) * 1000)::bigint AS ${name}`;

const copiesSql = `
SELECT v.subscription AS part, coalesce(v.part_of, v.subscription) AS subscription, v.slices, v.target_table, c.physical_schema, c.physical_name, v.share_state, v.copy_state, v.reason,
  ${millis("v.last_sync_at", "last_sync_at")}, ${millis("v.valid_until", "valid_until")},
  ${millis("v.last_reconciled_at", "last_reconciled_at")}, c.verdict, c.rows, c.rows_quarantined, s.position, s.source_identity,
  c.stopped_code, c.stopped_message, c.load ->> 'rows' AS rows_loading, c.load IS NOT NULL AS loading,
  ${millis("v.agreement_to", "agreement_to")}, ${millis("v.withdrawn_at", "withdrawn_at")}, ${millis("v.judged_at", "judged_at")}
FROM dongbo.verdict AS v
JOIN dongbo.copy AS c ON c.subscription = v.subscription AND c.target_table = v.target_table
JOIN dongbo.subscription AS s ON s.id = v.subscription
WHERE coalesce(v.part_of, v.subscription) IN (SELECT pg_catalog.json_array_elements_text($1))
ORDER BY subscription, v.target_table, c.slice`;

const keySql = `
SELECT a.attname AS name, n.nspname AS type_schema, t.typname AS type_name
FROM pg_catalog.pg_index AS i
JOIN pg_catalog.pg_class AS r ON r.oid = i.indrelid
JOIN pg_catalog.pg_namespace AS s ON s.oid = r.relnamespace
CROSS JOIN LATERAL pg_catalog.unnest(i.indkey::smallint[]) WITH ORDINALITY AS k (attnum, place)
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
JOIN pg_catalog.pg_namespace AS n ON n.oid = t.typnamespace
WHERE s.nspname = $1 AND r.relname = $2 AND i.indisprimary AND k.place <= i.indnkeyatts
ORDER BY k.place`;

const batchSql = `
SELECT id, kind, first_position, last_position, ${millis("source_time_first", "source_time_first")},
  ${millis("source_time_last", "source_time_last")}, transactions, rows_written, rows_deleted, agreement_id,
  ${millis("applied_at", "applied_at")}
FROM dongbo.batch WHERE id = $2 AND (subscription = $1 OR subscription IN (${partsOfWhole}))`;

function rowSql(physical: TableName, columns: readonly KeyColumn[]): string {
  const conditions = columns.map((column, index) => `${quoteIdentifier(column.name)} = $${index + 1}::${typeOf(column)}`);
  return `SELECT dongbo_batch FROM ${quoteTable(physical)} WHERE ${conditions.join(" AND ")}`;
}

/** Keys in quarantine are in the source's text form: what was typed is brought into that form by its type. */
function quarantineSql(columns: readonly KeyColumn[]): string {
  const conditions = columns.map((column, index) => {
    const wanted = `$${index + 3}::${typeOf(column)}::pg_catalog.text`;
    const stored = `key[${index + 1}]`;
    // The source pads char(n), the cast to text takes the blanks away.
    return column.typeName === "bpchar" ? `pg_catalog.rtrim(${stored}) = ${wanted}` : `${stored} = ${wanted}`;
  });
  return `SELECT code, sqlstate, detail, position, ${millis("first_seen", "first_seen")}, ${millis("last_seen", "last_seen")}, attempts
    FROM dongbo.quarantine WHERE subscription IN (${partsOfWhole}) AND target_table = $2 AND ${conditions.join(" AND ")}`;
}

/** By its own name and without modifier: `character` would cut to one letter. */
function typeOf(column: KeyColumn): string {
  return quoteTable({ schema: column.typeSchema, name: column.typeName });
}

function wrongKey(copy: CopyRecord, columns: readonly KeyColumn[], cause?: unknown): ReplicationError {
  const names = columns.map((column) => `${column.name} (${column.typeName})`).join(", ");
  const facts = {
    subject: `${copy.subscription} ${copy.table}`,
    cause: `the key of the table is ${names}, and what was given does not fit it`,
  };
  return new ReplicationError("DB-RUN-023", facts, { cause });
}

function toPart(row: Fields): PartRecord {
  const stopped = row["stopped_code"] ?? null;
  return {
    part: row["part"] ?? "",
    of: Number(row["slices"]),
    subscription: row["subscription"] ?? "",
    table: row["target_table"] ?? "",
    physical: { schema: row["physical_schema"] ?? "", name: row["physical_name"] ?? "" },
    shareState: row["share_state"] as ShareState,
    copyState: row["copy_state"] as CopyState,
    reason: row["reason"] ?? null,
    lastSyncAt: instant(row["last_sync_at"]),
    validUntil: instant(row["valid_until"]),
    lastReconciledAt: instant(row["last_reconciled_at"]),
    verdict: (row["verdict"] ?? null) as Verdict | null,
    rows: Number(row["rows"]),
    rowsQuarantined: Number(row["rows_quarantined"]),
    position: row["position"] ?? null,
    sourceIdentity: row["source_identity"] ?? null,
    stopped: stopped === null ? null : { code: stopped, message: row["stopped_message"] ?? "" },
    rowsLoading: row["loading"] === "t" ? Number(row["rows_loading"] ?? 0) : null,
    agreementTo: instant(row["agreement_to"]),
    withdrawnAt: instant(row["withdrawn_at"]),
    judgedAt: instant(row["judged_at"]) ?? new Date(Number.NaN),
  };
}

function toQuarantine(row: Fields): QuarantineRecord {
  return {
    code: row["code"] ?? "",
    sqlstate: row["sqlstate"] ?? null,
    detail: row["detail"] ?? null,
    position: row["position"] ?? null,
    firstSeen: new Date(Number(row["first_seen"])),
    lastSeen: new Date(Number(row["last_seen"])),
    attempts: Number(row["attempts"]),
  };
}

function toBatch(row: Fields): BatchRecord {
  return {
    id: Number(row["id"]),
    kind: row["kind"] as BatchRecord["kind"],
    firstPosition: row["first_position"] ?? null,
    lastPosition: row["last_position"] ?? null,
    sourceTimeFirst: instant(row["source_time_first"]),
    sourceTimeLast: instant(row["source_time_last"]),
    transactions: Number(row["transactions"]),
    rowsWritten: Number(row["rows_written"]),
    rowsDeleted: Number(row["rows_deleted"]),
    agreementId: row["agreement_id"] ?? null,
    appliedAt: new Date(Number(row["applied_at"])),
  };
}

function instant(millisText: string | null | undefined): Date | null {
  return millisText === null || millisText === undefined ? null : new Date(Number(millisText));
}
