// The schema `dongbo` of a target database: what is stored there of subscriptions, copies, batches and quarantine.
// What is judged from it (gate, status view) is in gate-sql.ts.

/**
 * One step of the schema's history. Steps are never edited once released: a change is a new step, so that every target,
 * whatever version it was made by, arrives at the same tables.
 */
export interface SchemaStep {
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
  -- Those of them that the view does not show yet, because no load has filled them since they were added.
  unfilled_columns text[] NOT NULL DEFAULT '{}',
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

export const schemaSteps: readonly SchemaStep[] = [
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
];
