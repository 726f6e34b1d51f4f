// What a MySQL or MariaDB target says of the copies in it, for commands: read from database dongbo and the physical tables.
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
import { nowMicrosSql } from "../apply/checkpoint-sql.ts";
import { batchColumn, isSameName } from "../apply/names.ts";
import { connectMysql, type MysqlSession, type TextRow } from "../mysql-client.ts";
import { quoteIdentifier, quoteTable } from "../quote.ts";
import { type KeyColumn, keyParameter } from "./key-text.ts";

/** A command waits no longer than this for a target that is down: others must still be shown. */
const connectTimeoutMs = 5_000;
const statementTimeoutSeconds = 30;

export class MysqlTargetRecords implements TargetRecords {
  readonly #address: ServerAddress;
  #session: MysqlSession | null = null;

  constructor(address: ServerAddress) {
    this.#address = address;
  }

  async copies(subscriptions: readonly string[]): Promise<readonly CopyRecord[]> {
    if (subscriptions.length === 0 || !(await this.#installed())) return [];
    const rows = await this.#query(copiesSql(subscriptions.length), subscriptions);
    return wholeCopies(rows.map(toPart));
  }

  async findRow(copy: CopyRecord, key: readonly string[]): Promise<RowRecord> {
    const columns = await this.#keyColumns(copy.physical);
    if (columns.length === 0)
      throw new ReplicationError("DB-MY-020", { subject: printTable(copy.physical), cause: "the copy's table is gone" });
    if (columns.length !== key.length) throw wrongKey(copy, columns);
    const quarantine = await this.#findQuarantined(copy, columns, key);
    const parameters = columns.map((column, index) => keyParameter(column, key[index] ?? ""));
    const fitting = parameters.filter((parameter) => parameter !== null);
    // A value that fits no row may be why a row was set aside.
    if (fitting.length < parameters.length && quarantine === null) throw wrongKey(copy, columns);
    const [row] = fitting.length < parameters.length ? [] : await this.#query(rowSql(copy.physical, columns), fitting);
    const batch = row?.[batchColumn] ?? null;
    return { keyColumns: columns.map((column) => column.name), batch: batch === null ? null : Number(batch), quarantine };
  }

  async batch(subscription: string, id: number): Promise<BatchRecord | null> {
    const [row] = await this.#query(`SELECT * FROM dongbo.batch WHERE id = ? AND (subscription = ? OR subscription IN (${partsOfWhole}))`, [
      id,
      subscription,
      subscription,
      subscription,
    ]);
    return row === undefined ? null : toBatch(row);
  }

  async terminate(subscription: string): Promise<boolean> {
    if (!(await this.#installed())) return false;
    const session = await this.#connected();
    await session.execute(
      `UPDATE dongbo.subscription SET share_state = 'TERMINATED', epoch = epoch + 1 WHERE ${ofWhole} AND share_state <> 'TERMINATED'`,
      [subscription, subscription],
    );
    return (await this.#query(partsOfWhole, [subscription, subscription])).length > 0;
  }

  async refuseUntilLoaded(subscription: string, tables: readonly string[]): Promise<void> {
    if (tables.length === 0 || !(await this.#installed())) return;
    const session = await this.#connected();
    await session.execute(
      `UPDATE dongbo.copy SET copy_state = 'RESYNCING'
       WHERE subscription IN (${partsOfWhole}) AND target_table IN (${marks(tables.length)}) AND copy_state IN ('VALID', 'EXPIRED')`,
      [subscription, subscription, ...tables],
    );
  }

  async recordReconcile(subscription: string, table: string, { verdict, quarantine }: ReconcileOutcome): Promise<void> {
    if (!(await this.#installed())) return;
    const session = await this.#connected();
    await session.execute(
      `UPDATE dongbo.copy SET
         last_reconciled_at = IF(? = 'unverified', last_reconciled_at, ${nowMicrosSql}),
         verdict = IF(? = 'unverified' AND verdict = 'different', verdict, ?),
         copy_state = IF(? AND copy_state IN ('VALID', 'EXPIRED'), 'QUARANTINED', copy_state)
       WHERE subscription IN (${partsOfWhole}) AND target_table = ?`,
      [verdict, verdict, verdict, quarantine ? 1 : 0, subscription, subscription, table],
    );
  }

  async close(): Promise<void> {
    await this.#session?.end();
    this.#session = null;
  }

  async #installed(): Promise<boolean> {
    const rows = await this.#query("SELECT 1 FROM information_schema.VIEWS WHERE TABLE_SCHEMA = 'dongbo' AND TABLE_NAME = 'verdict'");
    return rows.length > 0;
  }

  /** The physical table's primary key is the share's key. */
  async #keyColumns(physical: TableName): Promise<KeyColumn[]> {
    const session = await this.#connected();
    const found = await session.query(keySql, [physical.schema, physical.name]);
    const rows = found.filter((row) => isSameName(session, row["table"], physical.name));
    return rows.map((row) => ({ name: row["name"] ?? "", type: (row["type"] ?? "").toLowerCase(), scale: Number(row["scale"] ?? 0) }));
  }

  /** Keys in quarantine are in the source's text form; there are few of them. */
  async #findQuarantined(copy: CopyRecord, columns: readonly KeyColumn[], key: readonly string[]): Promise<QuarantineRecord | null> {
    const rows = await this.#query(`SELECT * FROM dongbo.quarantine WHERE subscription IN (${partsOfWhole}) AND target_table = ?`, [
      copy.subscription,
      copy.subscription,
      copy.table,
    ]);
    const wanted = columns.map((column, index) => comparable(column, key[index] ?? ""));
    const found = rows.find((row) => {
      const parts = JSON.parse(row["key"] ?? "[]") as string[];
      return columns.every((column, index) => comparable(column, parts[index] ?? "") === wanted[index]);
    });
    return found === undefined ? null : toQuarantine(found);
  }

  async #query(sql: string, parameters: readonly (string | number | Buffer)[] = []): Promise<TextRow[]> {
    const session = await this.#connected();
    return session.query(sql, parameters);
  }

  /** A session that broke is forgotten, so that the next question opens another. */
  async #connected(): Promise<MysqlSession> {
    if (this.#session !== null && !this.#session.lost) return this.#session;
    const session = await connectMysql(this.#address, { role: "status", connectTimeoutMs });
    const limit =
      session.flavour === "mariadb"
        ? `max_statement_time = ${statementTimeoutSeconds}`
        : `max_execution_time = ${statementTimeoutSeconds * 1000}`;
    await session.execute(`SET SESSION ${limit}`);
    this.#session = session;
    return session;
  }
}

const marks = (count: number): string => Array.from({ length: count }, () => "?").join(", ");

/** Rows of dongbo.subscription that are a whole, or its slices: its name, twice. */
const ofWhole = "(id = ? OR part_of = ?)";
const partsOfWhole = `SELECT id FROM dongbo.subscription WHERE ${ofWhole}`;

const copiesSql = (subscriptions: number): string => `
SELECT v.subscription AS part, COALESCE(v.part_of, v.subscription) AS subscription, v.slices, v.target_table, c.physical_schema, c.physical_name, v.share_state, v.copy_state, v.reason, v.last_sync_at,
  v.valid_until, v.last_reconciled_at, c.verdict, c.\`rows\`, c.rows_quarantined, s.position, s.source_identity, c.stopped_code, c.stopped_message,
  c.\`load\`, v.agreement_to, v.withdrawn_at, v.judged_at
FROM dongbo.verdict AS v
JOIN dongbo.copy AS c ON c.subscription = v.subscription AND c.target_table = v.target_table
JOIN dongbo.subscription AS s ON s.id = v.subscription
WHERE COALESCE(v.part_of, v.subscription) IN (${marks(subscriptions)})
ORDER BY COALESCE(v.part_of, v.subscription), v.target_table, c.slice`;

const keySql = `
SELECT k.TABLE_NAME AS \`table\`, k.COLUMN_NAME AS name, c.DATA_TYPE AS type, c.NUMERIC_SCALE AS scale
FROM information_schema.STATISTICS AS k
JOIN information_schema.COLUMNS AS c
  ON c.TABLE_SCHEMA = k.TABLE_SCHEMA AND BINARY c.TABLE_NAME = BINARY k.TABLE_NAME AND c.COLUMN_NAME = k.COLUMN_NAME
WHERE k.TABLE_SCHEMA = ? AND k.TABLE_NAME = ? AND k.INDEX_NAME = 'PRIMARY'
ORDER BY k.SEQ_IN_INDEX`;

/** A decimal and a text would be compared as doubles. */
function valueOf({ type, scale }: KeyColumn): string {
  return type === "decimal" ? `CAST(? AS DECIMAL(65, ${scale}))` : "?";
}

function rowSql(physical: TableName, columns: readonly KeyColumn[]): string {
  const conditions = columns.map((column) => `${quoteIdentifier(column.name)} = ${valueOf(column)}`);
  return `SELECT ${batchColumn} FROM ${quoteTable(physical)} WHERE ${conditions.join(" AND ")}`;
}

/** What fits no type stands for itself. */
function comparable(column: KeyColumn, text: string): string {
  const parameter = keyParameter(column, text);
  return parameter === null ? text : Buffer.isBuffer(parameter) ? parameter.toString("hex") : parameter;
}

function wrongKey(copy: CopyRecord, columns: readonly KeyColumn[]): ReplicationError {
  const names = columns.map((column) => `${column.name} (${column.type})`).join(", ");
  const cause = `the key of the table is ${names}, and what was given does not fit it`;
  return new ReplicationError("DB-RUN-023", { subject: `${copy.subscription} ${copy.table}`, cause });
}

function toPart(row: TextRow): PartRecord {
  const stopped = row["stopped_code"] ?? null;
  const load = row["load"] ?? null;
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
    rowsLoading: load === null ? null : ((JSON.parse(load) as { rows?: number }).rows ?? 0),
    agreementTo: instant(row["agreement_to"]),
    withdrawnAt: instant(row["withdrawn_at"]),
    judgedAt: instant(row["judged_at"]) ?? new Date(Number.NaN),
  };
}

function toQuarantine(row: TextRow): QuarantineRecord {
  return {
    code: row["code"] ?? "",
    sqlstate: row["sqlstate"] ?? null,
    detail: row["detail"] ?? null,
    position: row["position"] ?? null,
    firstSeen: instant(row["first_seen"]) ?? new Date(Number.NaN),
    lastSeen: instant(row["last_seen"]) ?? new Date(Number.NaN),
    attempts: Number(row["attempts"]),
  };
}

function toBatch(row: TextRow): BatchRecord {
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
    appliedAt: instant(row["applied_at"]) ?? new Date(Number.NaN),
  };
}

/** Stored times are microseconds. */
function instant(micros: string | null | undefined): Date | null {
  return micros === null || micros === undefined ? null : new Date(Number(micros) / 1000);
}
