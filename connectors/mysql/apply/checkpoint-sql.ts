// The database `dongbo` of a target server: what is stored there of subscriptions, copies, batches and quarantine, under the
// names that a PostgreSQL target's schema `dongbo` has. What is judged from it (gate, status view) is in gate-sql.ts.
//
// Every instant is a BIGINT: microseconds since 1970-01-01T00:00:00Z, the engine's Micros. Every duration (validity_period)
// is a BIGINT of microseconds too. So arithmetic is exact and no session's time_zone has a say in it; dongbo.status shows
// instants as DATETIME(6) in UTC. Lists and loads are JSON texts. Truth values are 0 and 1.
import { randomBytes } from "node:crypto";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import type { MysqlSession } from "../mysql-client.ts";

/**
 * This server's clock in microseconds since 1970, for sessions whose time_zone is UTC: those of connectMysql, and the gate's
 * own functions. SYSDATE is not moved by `SET timestamp`, as NOW and UTC_TIMESTAMP are.
 */
export const nowMicrosSql = "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', SYSDATE(6))";

/**
 * One step of the database's history. Steps are never edited once released: a change is a new step. A statement may meet
 * what an earlier attempt left, for MySQL commits each by itself.
 */
interface SchemaStep {
  readonly version: number;
  readonly statements: readonly (string | AddedColumns)[];
}

/** Takes place whole or not at all; passed over where the table has such a column already. */
interface AddedColumns {
  readonly table: string;
  readonly column: string;
  readonly sql: string;
}

/** Keys tell capitals, accents and all letters apart. */
const tableOptions = "ENGINE = InnoDB ROW_FORMAT = DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin";

const versionTable = `
CREATE TABLE IF NOT EXISTS dongbo.schema_version (
  version INT NOT NULL,
  -- Digest of gate and status view as they were installed; see target-schema.ts.
  code_digest CHAR(64),
  -- Random, and readable for the engine's user alone: by it the gate knows these tables; see gate-sql.ts.
  seal CHAR(32) NOT NULL,
  -- Exactly one row.
  single TINYINT NOT NULL DEFAULT 1 PRIMARY KEY,
  CONSTRAINT schema_version_single CHECK (single = 1)
) ${tableOptions}`;

// Checkpoint and clock of a subscription. One row is rewritten at every commit.
const subscriptionTable = `
CREATE TABLE IF NOT EXISTS dongbo.subscription (
  id VARCHAR(255) NOT NULL PRIMARY KEY,
  share VARCHAR(255) NOT NULL,
  source VARCHAR(255) NOT NULL,
  share_state VARCHAR(16) NOT NULL DEFAULT 'LOADING',
  suspended_reason VARCHAR(16),
  -- Suspension stops supply; that it also bars use is a rule profile's choice for breach and security (requirements 1.17).
  suspension_bars_use BOOLEAN NOT NULL DEFAULT 0,
  position MEDIUMTEXT,
  source_identity TEXT,
  source_time BIGINT,
  epoch BIGINT NOT NULL DEFAULT 0,
  -- Oldest of its copies' values.
  last_sync_at BIGINT,
  valid_until BIGINT,
  validity_period BIGINT NOT NULL,
  on_expiry VARCHAR(16) NOT NULL DEFAULT 'refuse',
  agreement_id VARCHAR(255),
  -- First instant of the term, and first instant after it; NULL: open.
  agreement_from BIGINT,
  agreement_to BIGINT,
  regulation_id VARCHAR(255),
  -- Newest time that any apply saw on this server's clock; a clock set back is not believed.
  clock_floor BIGINT NOT NULL DEFAULT 0,
  next_batch BIGINT NOT NULL DEFAULT 1,
  CONSTRAINT subscription_share_state
    CHECK (share_state IN ('DRAFT', 'AGREED', 'LOADING', 'ACTIVE', 'SUSPENDED', 'TERMINATING', 'TERMINATED')),
  CONSTRAINT subscription_suspended_reason CHECK (suspended_reason IN ('maintenance', 'force_majeure', 'breach', 'security')),
  CONSTRAINT subscription_suspension_bars_use CHECK (suspension_bars_use IN (0, 1)),
  CONSTRAINT subscription_validity_period CHECK (validity_period > 0),
  CONSTRAINT subscription_on_expiry CHECK (on_expiry IN ('refuse', 'resync'))
) ${tableOptions}`;

// A copy lives and dies with its subscription's row: a copy without a checkpoint must not come back as VALID.
const copyTable = `
CREATE TABLE IF NOT EXISTS dongbo.copy (
  subscription VARCHAR(255) NOT NULL,
  target_table VARCHAR(255) NOT NULL,
  target_schema VARCHAR(64) NOT NULL,
  target_name VARCHAR(64) NOT NULL,
  physical_schema VARCHAR(64) NOT NULL,
  physical_name VARCHAR(64) NOT NULL,
  source_table VARCHAR(512) NOT NULL,
  copy_state VARCHAR(16) NOT NULL DEFAULT 'NEVER_SYNCED',
  \`rows\` BIGINT NOT NULL DEFAULT 0,
  rows_quarantined BIGINT NOT NULL DEFAULT 0,
  last_sync_at BIGINT,
  valid_until BIGINT,
  last_reconciled_at BIGINT,
  verdict VARCHAR(16),
  -- LoadProgress as JSON; NULL: no load is under way.
  \`load\` LONGTEXT,
  contract LONGTEXT,
  stopped_code VARCHAR(32),
  stopped_message TEXT,
  -- When the table left the share; its view is refused from then on.
  withdrawn_at BIGINT,
  -- Columns that dongbo made in the physical table, dongbo_batch apart, as a JSON list: only these may it drop again.
  \`columns\` LONGTEXT NOT NULL,
  -- Digest of the view's definition as dongbo made it.
  view_digest CHAR(64),
  PRIMARY KEY (subscription, target_table),
  UNIQUE KEY copy_target (target_schema, target_name),
  UNIQUE KEY copy_physical (physical_schema, physical_name),
  CONSTRAINT copy_subscription FOREIGN KEY (subscription) REFERENCES dongbo.subscription (id) ON DELETE CASCADE,
  CONSTRAINT copy_copy_state CHECK (copy_state IN ('NEVER_SYNCED', 'VALID', 'EXPIRED', 'RESYNCING', 'QUARANTINED'))
) ${tableOptions}`;

// Provenance outlives the subscription's row: it is evidence.
const batchTable = `
CREATE TABLE IF NOT EXISTS dongbo.batch (
  subscription VARCHAR(255) NOT NULL,
  id BIGINT NOT NULL,
  kind VARCHAR(16) NOT NULL,
  first_position MEDIUMTEXT,
  last_position MEDIUMTEXT,
  source_time_first BIGINT,
  source_time_last BIGINT,
  transactions BIGINT NOT NULL DEFAULT 0,
  rows_written BIGINT NOT NULL DEFAULT 0,
  rows_deleted BIGINT NOT NULL DEFAULT 0,
  agreement_id VARCHAR(255),
  applied_at BIGINT NOT NULL,
  PRIMARY KEY (subscription, id),
  CONSTRAINT batch_kind CHECK (kind IN ('stream', 'load', 'repair'))
) ${tableOptions}`;

// Rows set aside. `key`, the key's parts as a JSON list of texts, is personal: no one but the engine's user may read this table.
const quarantineTable = `
CREATE TABLE IF NOT EXISTS dongbo.quarantine (
  subscription VARCHAR(255) NOT NULL,
  target_table VARCHAR(255) NOT NULL,
  key_digest CHAR(32) NOT NULL,
  \`key\` LONGTEXT NOT NULL,
  code VARCHAR(32) NOT NULL,
  \`sqlstate\` CHAR(5),
  detail TEXT,
  position MEDIUMTEXT,
  source_time BIGINT,
  first_seen BIGINT NOT NULL,
  last_seen BIGINT NOT NULL,
  attempts INT NOT NULL DEFAULT 1,
  PRIMARY KEY (subscription, target_table, key_digest)
) ${tableOptions}`;

/**
 * A subscription may be written in slices: rows of their own, which `part_of` ties to the whole that readers know. Their
 * copies are the same tables.
 */
const slices: SchemaStep = {
  version: 2,
  statements: [
    {
      table: "subscription",
      column: "part_of",
      sql: `ALTER TABLE dongbo.subscription ADD COLUMN part_of VARCHAR(255), ADD COLUMN slice INT NOT NULL DEFAULT 0,
        ADD COLUMN slices INT NOT NULL DEFAULT 1, ADD INDEX subscription_part_of (part_of)`,
    },
    {
      // Rows with a batch before the first one are of an earlier life of the table: they are every slice's.
      table: "copy",
      column: "first_batch",
      sql: `ALTER TABLE dongbo.copy ADD COLUMN slice INT NOT NULL DEFAULT 0, ADD COLUMN first_batch BIGINT NOT NULL DEFAULT 0,
        DROP INDEX copy_target, ADD UNIQUE KEY copy_target (target_schema, target_name, slice),
        DROP INDEX copy_physical, ADD UNIQUE KEY copy_physical (physical_schema, physical_name, slice)`,
    },
  ],
};

const schemaSteps: readonly SchemaStep[] = [
  {
    version: 1,
    statements: [
      "INSERT IGNORE INTO dongbo.schema_version (version) VALUES (0)",
      subscriptionTable,
      copyTable,
      batchTable,
      quarantineTable,
    ],
  },
  slices,
];

const database = "dongbo";

/**
 * Brings the tables of database dongbo to this version. To be run by one process at a time. Throws as installedVersion does,
 * and DB-MY-003 when a privilege is missing.
 */
export async function ensureTargetTables(session: MysqlSession): Promise<void> {
  const installed = await installedVersion(session);
  const missing = schemaSteps.filter((step) => step.version > installed);
  if (missing.length === 0) return;
  await session.execute("CREATE DATABASE IF NOT EXISTS dongbo CHARACTER SET utf8mb4 COLLATE utf8mb4_bin");
  await session.execute(versionTable);
  const seal = randomBytes(16).toString("hex");
  await session.execute("INSERT IGNORE INTO dongbo.schema_version (version, seal) VALUES (0, ?)", [seal]);
  for (const step of missing) {
    for (const statement of step.statements) {
      if (typeof statement === "string") await session.execute(statement);
      else if (!(await hasColumn(session, statement))) await session.execute(statement.sql);
    }
    await session.execute("UPDATE dongbo.schema_version SET version = ?", [step.version]);
  }
}

async function hasColumn(session: MysqlSession, { table, column }: AddedColumns): Promise<boolean> {
  const found = await session.query(
    "SELECT 1 AS found FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = 'dongbo' AND TABLE_NAME = ? AND COLUMN_NAME = ?",
    [table, column],
  );
  return found.length > 0;
}

/**
 * Version of database dongbo, 0 when nothing is installed yet. Throws DB-TGT-001 when a database of that name is not ours,
 * DB-TGT-002 when a newer dongbo made it.
 */
export async function installedVersion(session: MysqlSession): Promise<number> {
  const rows = await session.query("SELECT TABLE_NAME AS name FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'dongbo'");
  if (rows.length === 0) return 0;
  if (!rows.some((row) => row["name"] === "schema_version")) {
    const cause = "the database holds objects that dongbo did not make";
    const remedy = "Rename that database; dongbo needs this name for itself";
    throw new ReplicationError("DB-TGT-001", { subject: database, cause, remedy });
  }
  const [row] = await session.query("SELECT version FROM dongbo.schema_version");
  const version = Number(row?.["version"] ?? 0);
  const newest = schemaSteps.at(-1)?.version ?? 0;
  if (version <= newest) return version;
  const cause = `database dongbo has version ${version}, this dongbo knows ${newest}`;
  throw new ReplicationError("DB-TGT-002", { subject: database, cause });
}
