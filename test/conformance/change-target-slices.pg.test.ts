import pg from "pg";
import { PostgresTargetRecords } from "../../connectors/postgres/records/postgres-target-records.ts";
import { quoteTable } from "../../connectors/postgres/quote.ts";
import type { TableMapping } from "../../engine/model/share.ts";
import { roles } from "../support/cluster.ts";
import { serverAddress } from "../support/server-address.ts";
import { TargetLab } from "../support/target-lab.ts";
import { describeSlicedTarget, type SlicedTargetHarness } from "./change-target-slices.ts";
import { describeReconciledCopies } from "./reconciled-copies.ts";

async function start(): Promise<SlicedTargetHarness> {
  const lab = await TargetLab.open({ master: ["CREATE TABLE citizen (id text PRIMARY KEY, name varchar(20) NOT NULL)"] });
  const [citizen] = (await lab.mappings({ schema: "public", name: "citizen" })) as [TableMapping];
  const reader = new pg.Client({ connectionString: lab.server.url("copies", roles.reader, null) });
  await reader.connect();
  return {
    citizen,
    target: (subscription) => lab.target(subscription),
    records: () => new PostgresTargetRecords(serverAddress(lab.url)),
    rows: (table) => lab.rows(table),
    async read(table) {
      try {
        const { rows } = await reader.query<{ count: string }>(`SELECT count(*) FROM ${quoteTable(table.target)}`);
        return Number(rows[0]?.count);
      } catch (error) {
        return (error as Error).message;
      }
    },
    status: () =>
      lab.sql(
        "SELECT subscription, share_state, copy_state, reason, last_sync_at, CASE WHEN usable THEN 'yes' ELSE 'no' END AS usable FROM dongbo.status",
      ),
    sql: (text) => lab.sql(text),
    async reset() {
      await lab.sql(
        "DO $$ BEGIN IF to_regnamespace('dongbo') IS NOT NULL THEN TRUNCATE dongbo.subscription CASCADE; TRUNCATE dongbo.batch, dongbo.quarantine; END IF; END $$",
      );
      await lab.sql(`DROP TABLE IF EXISTS ${quoteTable(citizen.physical)} CASCADE`);
    },
    async [Symbol.asyncDispose]() {
      await reader.end();
      await lab[Symbol.asyncDispose]();
    },
  };
}

describeSlicedTarget("PostgreSQL", start);
describeReconciledCopies("PostgreSQL", start);
