// The schema `dongbo` of a target database: what is stored there of subscriptions, copies, batches and quarantine.
// What is judged from it (gate, status view) is in gate-sql.ts.
import { createHash } from "node:crypto";
import type { ClientBase } from "pg";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import { gateStatements } from "./gate-sql.ts";
import { revokeFromOthers } from "./grants.ts";
import { ensureSchema } from "./schemas.ts";
import { isTrue } from "./target-session.ts";

/**
 * One step of the schema's history. Steps are never edited once released: a change is a new step, so that every target,
 * whatever version it was made by, arrives at the same tables.
 */
interface SchemaStep {
  readonly version: number;
  /** One statement each, run in order in one transaction, as the owner of the schema. */
  readonly statements: readonly string[];
}

const versionTable = `
CREATE TABLE dongbo.schema_version (
  version int NOT NULL,
  -- Digest of gate, status view and read guard as they were installed; see gate-sql.ts.
  code_digest text,
  -- Exactly one row.
  single boolean PRIMARY KEY DEFAULT true CHECK (single)
)`;

// Checkpoint and clock of a subscription. One row is rewritten at every commit: no index beside the key, so that the
// new version fits the same page (HOT), and room for it there.
const subscriptionTable = `
CREATE TABLE dongbo.subscription (
  id text PRIMARY KEY,
  share text NOT NULL,
  source text NOT NULL,
  share_state text NOT NULL DEFAULT 'LOADING'
    CHECK (share_state IN ('DRAFT', 'AGREED', 'LOADING', 'ACTIVE', 'SUSPENDED', 'TERMINATING', 'TERMINATED')),
  suspended_reason text CHECK (suspended_reason IN ('maintenance', 'force_majeure', 'breach', 'security')),
  -- Suspension stops supply; that it also bars use is a rule profile's choice for breach and security (requirements 1.17).
  suspension_bars_use boolean NOT NULL DEFAULT false,
  position text,
  source_identity text,
  source_time timestamptz,
  epoch bigint NOT NULL DEFAULT 0,
  -- Oldest of its copies' values.
  last_sync_at timestamptz,
  valid_until timestamptz,
  validity_period interval NOT NULL CHECK (validity_period > '0'),
  on_expiry text NOT NULL DEFAULT 'refuse' CHECK (on_expiry IN ('refuse', 'resync')),
  agreement_id text,
  -- First instant of the term, and first instant after it; NULL: open.
  agreement_from timestamptz,
  agreement_to timestamptz,
  regulation_id text,
  -- Newest time that any apply saw on this server's clock; a clock set back is not believed.
  clock_floor timestamptz NOT NULL DEFAULT '-infinity',
  next_batch bigint NOT NULL DEFAULT 1
) WITH (fillfactor = 40, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000)`;

// A copy lives and dies with its subscription's row: a copy without a checkpoint must not come back as VALID.
const copyTable = `
CREATE TABLE dongbo.copy (
  subscription text NOT NULL REFERENCES dongbo.subscription ON DELETE CASCADE,
  target_table text NOT NULL,
  target_schema text NOT NULL,
  target_name text NOT NULL,
  physical_schema text NOT NULL,
  physical_name text NOT NULL,
  source_table text NOT NULL,
  copy_state text NOT NULL DEFAULT 'NEVER_SYNCED'
    CHECK (copy_state IN ('NEVER_SYNCED', 'VALID', 'EXPIRED', 'RESYNCING', 'QUARANTINED')),
  rows bigint NOT NULL DEFAULT 0,
  rows_quarantined bigint NOT NULL DEFAULT 0,
  last_sync_at timestamptz,
  valid_until timestamptz,
  last_reconciled_at timestamptz,
  verdict text,
  load jsonb,
  contract text,
  stopped_code text,
  stopped_message text,
  -- When the table left the share; its view is refused from then on.
  withdrawn_at timestamptz,
  -- Columns that dongbo made in the physical table, dongbo_batch apart: only these may it drop again.
  columns text[] NOT NULL DEFAULT '{}',
  -- Digest of the view's definition as dongbo made it.
  view_digest text,
  PRIMARY KEY (subscription, target_table),
  UNIQUE (target_schema, target_name),
  UNIQUE (physical_schema, physical_name)
) WITH (fillfactor = 40, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000)`;

// Provenance outlives the subscription's row: it is evidence.
const batchTable = `
CREATE TABLE dongbo.batch (
  subscription text NOT NULL,
  id bigint NOT NULL,
  kind text NOT NULL CHECK (kind IN ('stream', 'load', 'repair')),
  first_position text,
  last_position text,
  source_time_first timestamptz,
  source_time_last timestamptz,
  transactions bigint NOT NULL DEFAULT 0,
  rows_written bigint NOT NULL DEFAULT 0,
  rows_deleted bigint NOT NULL DEFAULT 0,
  agreement_id text,
  applied_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
  PRIMARY KEY (subscription, id)
)`;

// Rows set aside. `key` is personal: no one but the engine's role may read this table.
const quarantineTable = `
CREATE TABLE dongbo.quarantine (
  subscription text NOT NULL,
  target_table text NOT NULL,
  key_digest text NOT NULL,
  key text[] NOT NULL,
  code text NOT NULL,
  sqlstate text,
  detail text,
  position text,
  source_time timestamptz,
  first_seen timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
  last_seen timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
  attempts int NOT NULL DEFAULT 1,
  PRIMARY KEY (subscription, target_table, key_digest)
)`;

// Which type of a physical schema stands for which user-defined type of which source.
const userTypeTable = `
CREATE TABLE dongbo.user_type (
  source text NOT NULL,
  source_schema text NOT NULL,
  source_name text NOT NULL,
  physical_schema text NOT NULL,
  physical_name text NOT NULL,
  PRIMARY KEY (source, source_schema, source_name, physical_schema),
  UNIQUE (physical_schema, physical_name)
)`;

/**
 * A subscription may be written in slices: rows of their own, which `part_of` ties to the whole that readers know. Their
 * copies are the same tables.
 */
const slices: SchemaStep = {
  version: 2,
  statements: [
    `ALTER TABLE dongbo.subscription ADD COLUMN part_of text, ADD COLUMN slice int NOT NULL DEFAULT 0, ADD COLUMN slices int NOT NULL DEFAULT 1`,
    "CREATE INDEX subscription_part_of ON dongbo.subscription (part_of) WHERE part_of IS NOT NULL",
    // Rows with an older batch are of an earlier life of the table: they are every slice's.
    `ALTER TABLE dongbo.copy ADD COLUMN slice int NOT NULL DEFAULT 0, ADD COLUMN first_batch bigint NOT NULL DEFAULT 0,
       DROP CONSTRAINT copy_target_schema_target_name_key, DROP CONSTRAINT copy_physical_schema_physical_name_key,
       ADD UNIQUE (target_schema, target_name, slice), ADD UNIQUE (physical_schema, physical_name, slice)`,
  ],
};

const schemaSteps: readonly SchemaStep[] = [
  {
    version: 1,
    statements: [
      versionTable,
      "INSERT INTO dongbo.schema_version (version) VALUES (0)",
      subscriptionTable,
      copyTable,
      batchTable,
      quarantineTable,
      userTypeTable,
    ],
  },
  slices,
];

const schema = "dongbo";
const privateRelations = ["schema_version", "subscription", "copy", "batch", "quarantine", "user_type", "verdict"];

/**
 * Brings schema dongbo to this version: missing steps, the gate, and who may reach what. To be run inside changingObjects.
 * Throws DB-TGT-001 when a schema of that name is not ours, DB-TGT-002 when a newer dongbo made it.
 */
export async function ensureTargetSchema(client: ClientBase): Promise<void> {
  await ensureSchema(client, schema, "own");
  const installed = await installedVersion(client);
  const newest = schemaSteps.at(-1)?.version ?? 0;
  if (installed > newest) {
    const cause = `schema dongbo has version ${installed}, this dongbo knows ${newest}`;
    throw new ReplicationError("DB-TGT-002", { subject: schema, cause });
  }
  const missing = schemaSteps.filter((step) => step.version > installed);
  for (const step of missing) for (const statement of step.statements) await client.query(statement);
  if (missing.length > 0) await client.query("UPDATE dongbo.schema_version SET version = $1", [newest]);
  await ensureGate(client);
  await ensureAccess(client);
}

/** 0 when nothing is installed yet. */
async function installedVersion(client: ClientBase): Promise<number> {
  const { rows } = await client.query<{ versioned: string; empty: string }>(
    `SELECT to_regclass('dongbo.schema_version') IS NOT NULL AS versioned,
       NOT EXISTS (SELECT FROM pg_class WHERE relnamespace = n.oid) AND NOT EXISTS (SELECT FROM pg_proc WHERE pronamespace = n.oid) AS empty
     FROM pg_namespace AS n WHERE n.nspname = 'dongbo'`,
  );
  if (rows[0]?.versioned === "t") {
    const version = await client.query<{ version: string }>("SELECT version FROM dongbo.schema_version");
    return Number(version.rows[0]?.version ?? 0);
  }
  if (rows[0]?.empty === "t") return 0;
  const cause = "the schema holds objects that dongbo did not make";
  throw new ReplicationError("DB-TGT-001", { subject: schema, cause, remedy: "Rename that schema; dongbo needs this name for itself" });
}

/** Installs gate and status when they are not what this version installs: an upgrade, or somebody's hand. */
async function ensureGate(client: ClientBase): Promise<void> {
  const { rows } = await client.query<{ code_digest: string | null }>("SELECT code_digest FROM dongbo.schema_version");
  if (rows[0]?.code_digest === (await gateDigest(client))) return;
  for (const statement of gateStatements) await client.query(statement);
  await client.query("REVOKE ALL ON FUNCTION dongbo.refuse(text, text, text) FROM PUBLIC");
  await client.query("UPDATE dongbo.schema_version SET code_digest = $1", [await gateDigest(client)]);
}

/** Digest of what this version installs and of what is there. */
async function gateDigest(client: ClientBase): Promise<string> {
  const { rows } = await client.query<{ definitions: string }>(
    `SELECT concat((SELECT string_agg(pg_get_functiondef(oid), '' ORDER BY proname) FROM pg_proc WHERE pronamespace = 'dongbo'::regnamespace),
       pg_get_viewdef(to_regclass('dongbo.verdict')), pg_get_viewdef(to_regclass('dongbo.status'))) AS definitions`,
  );
  return createHash("sha256")
    .update(JSON.stringify([gateStatements, rows[0]?.definitions]))
    .digest("hex");
}

/**
 * Everybody may ask for the status and be judged by the gate, whatever default privileges say; nobody else reads a table.
 * A view's caller needs EXECUTE on the functions in it, so readers whom the owner granted a view by hand need it too.
 */
async function ensureAccess(client: ClientBase): Promise<void> {
  await revokeFromOthers(
    client,
    privateRelations.map((name) => ({ schema, name })),
  );
  // Granted anew it would be written anew, and every session would forget what it knows of these objects.
  if (await isTrue(client, publicMayAskSql, [])) return;
  await client.query(`
    GRANT USAGE ON SCHEMA dongbo TO PUBLIC;
    GRANT SELECT ON dongbo.status TO PUBLIC;
    GRANT EXECUTE ON FUNCTION dongbo.gate(text, text), dongbo.gate_at_planning(text, text) TO PUBLIC`);
}

const publicMayAskSql = `
SELECT has_schema_privilege('public', 'dongbo', 'USAGE') AND has_table_privilege('public', 'dongbo.status', 'SELECT')
  AND has_function_privilege('public', 'dongbo.gate(text, text)', 'EXECUTE')
  AND has_function_privilege('public', 'dongbo.gate_at_planning(text, text)', 'EXECUTE') AS answer`;
