import type { PostgresMajor } from "../../deploy/embedded/postgres-binaries.ts";
import type { Micros } from "../../engine/model/change-message.ts";
import type { ShareState, TableMapping } from "../../engine/model/share.ts";
import { quoteTable } from "../../connectors/postgres/quote.ts";
import { printTable } from "../../engine/model/table.ts";
import { TargetLab } from "../support/target-lab.ts";
import { describeChangeTarget, type TargetHarness } from "./change-target.ts";

async function start(major: PostgresMajor): Promise<TargetHarness> {
  const lab = await TargetLab.open({
    major,
    master: [
      "CREATE TABLE citizen (id text PRIMARY KEY, name varchar(20) NOT NULL, note text)",
      "CREATE TABLE household (id text PRIMARY KEY, head text)",
    ],
  });
  const [citizen, household] = (await lab.mappings({ schema: "public", name: "citizen" }, { schema: "public", name: "household" })) as [
    TableMapping,
    TableMapping,
  ];
  return {
    citizen,
    household,
    poison: "a name longer than twenty characters",
    target: (subscription) => lab.target(subscription),
    rows: (table) => lab.rows(table),
    async stored(subscription, table) {
      const [row] = await lab.sql(
        `SELECT s.share_state, s.suspended_reason, c.copy_state, c.rows, c.rows_quarantined,
           ${micros("c.last_sync_at")} AS last_sync_at, ${micros("c.valid_until")} AS valid_until,
           ${micros("s.last_sync_at")} AS share_last_sync_at,
           (SELECT count(*) FROM dongbo.batch WHERE subscription = s.id) AS batches
         FROM dongbo.subscription AS s JOIN dongbo.copy AS c ON c.subscription = s.id WHERE s.id = $1 AND c.target_table = $2`,
        [subscription, printTable(table.target)],
      );
      return {
        shareState: row?.["share_state"] as ShareState,
        suspendedReason: row?.["suspended_reason"] ?? null,
        copyState: row?.["copy_state"] ?? "",
        lastSyncAt: numberOrNull(row?.["last_sync_at"]),
        validUntil: numberOrNull(row?.["valid_until"]),
        shareLastSyncAt: numberOrNull(row?.["share_last_sync_at"]),
        rows: Number(row?.["rows"]),
        quarantined: Number(row?.["rows_quarantined"]),
        batches: Number(row?.["batches"]),
      };
    },
    async setValidUntil(subscription, at) {
      await lab.sql("UPDATE dongbo.copy SET valid_until = to_timestamp($2::numeric / 1000000) WHERE subscription = $1", [subscription, at]);
    },
    async loseCheckpoint(subscription) {
      await lab.sql("DELETE FROM dongbo.subscription WHERE id = $1", [subscription]);
    },
    async reset() {
      await lab.sql(
        "DO $$ BEGIN IF to_regnamespace('dongbo') IS NOT NULL THEN TRUNCATE dongbo.subscription CASCADE; TRUNCATE dongbo.batch, dongbo.quarantine; END IF; END $$",
      );
      for (const table of [citizen, household]) await lab.sql(`DROP TABLE IF EXISTS ${quoteTable(table.physical)} CASCADE`);
    },
    [Symbol.asyncDispose]: () => lab[Symbol.asyncDispose](),
  };
}

function micros(column: string): string {
  return `(extract(epoch FROM ${column}) * 1000000)::bigint`;
}

function numberOrNull(text: string | null | undefined): Micros | null {
  return text === null || text === undefined ? null : Number(text);
}

for (const major of [15, 18] as const) describeChangeTarget(`PostgreSQL ${major}`, () => start(major));
