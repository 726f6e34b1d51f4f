import type pg from "pg";
import { ReplicationError } from "../model/replication-error.ts";
import { sql as start } from "./migrations/000001-start.ts";
import { sql as engineReport } from "./migrations/000002-engine-report.ts";
import { sql as published } from "./migrations/000003-published.ts";
import { sql as slices } from "./migrations/000004-slices.ts";
import { sql as described } from "./migrations/000005-described.ts";
import { sql as reconcile } from "./migrations/000006-reconcile.ts";
import { sql as fleet } from "./migrations/000007-fleet.ts";
import { sql as comparisonParts } from "./migrations/000008-comparison-parts.ts";
import { sql as carriers } from "./migrations/000009-carriers.ts";

/** In order; a migration that was released is never changed. The number is the place in the list, from 1. */
const migrations: readonly string[] = [start, engineReport, published, slices, described, reconcile, fleet, comparisonParts, carriers];

/**
 * Brings the control schema to this program's version; processes that come at the same time wait for each other.
 * Throws DB-CTL-004 when the schema is of a newer program.
 */
export async function migrate(client: pg.Client): Promise<void> {
  if ((await schemaVersion(client)) === migrations.length) return;
  await client.query("BEGIN");
  try {
    // Taken before the schema exists, so it cannot be a table lock.
    await client.query("SELECT pg_advisory_xact_lock(1685024359, 2)");
    await client.query("CREATE SCHEMA IF NOT EXISTS dongbo_control");
    await client.query(
      "CREATE TABLE IF NOT EXISTS dongbo_control.migration (version integer PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())",
    );
    const version = await schemaVersion(client);
    if (version > migrations.length) {
      const cause = `its schema has version ${version}, this dongbo knows ${migrations.length}`;
      throw new ReplicationError("DB-CTL-004", { subject: "control database", cause });
    }
    for (const [index, sql] of migrations.entries()) {
      if (index < version) continue;
      await client.query(sql);
      await client.query("INSERT INTO dongbo_control.migration (version) VALUES ($1)", [index + 1]);
    }
    await client.query("COMMIT");
  } catch (error) {
    await client.query("ROLLBACK").catch(() => {});
    throw error;
  }
}

/** 0: there is no schema yet. */
async function schemaVersion(client: pg.Client): Promise<number> {
  const exists = await client.query("SELECT 1 FROM pg_catalog.pg_class WHERE oid = pg_catalog.to_regclass('dongbo_control.migration')");
  if (exists.rowCount === 0) return 0;
  const newest = await client.query<{ version: string }>("SELECT coalesce(max(version), 0) AS version FROM dongbo_control.migration");
  return Number(newest.rows[0]?.version ?? 0);
}
