import { printTable } from "../../engine/model/table.ts";
import type { Micros } from "../../engine/model/change-message.ts";
import type { ShareState } from "../../engine/model/share.ts";
import { serverName } from "../support/mysql-server.ts";
import { MysqlTargetLab } from "../support/mysql-target-lab.ts";
import { describeChangeTarget, type TargetHarness } from "./change-target.ts";

async function start(): Promise<TargetHarness> {
  const lab = await MysqlTargetLab.open();
  const citizen = lab.mapping("citizen", [
    ["id", "varchar(40)"],
    ["name", "varchar(20)"],
    ["note", "longtext"],
  ]);
  const household = lab.mapping("household", [
    ["id", "varchar(40)"],
    ["head", "varchar(40)"],
  ]);
  return {
    citizen,
    household,
    poison: "a name longer than twenty characters",
    target: (subscription) => lab.target(subscription),
    rows: (table) => lab.rows(table),
    async stored(subscription, table) {
      const [row] = await lab.sql(
        `SELECT s.share_state, s.suspended_reason, c.copy_state, c.rows, c.rows_quarantined, c.last_sync_at, c.valid_until,
           s.last_sync_at AS share_last_sync_at, (SELECT COUNT(*) FROM dongbo.batch WHERE subscription = s.id) AS batches
         FROM dongbo.subscription AS s JOIN dongbo.copy AS c ON c.subscription = s.id WHERE s.id = ? AND c.target_table = ?`,
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
      await lab.sql("UPDATE dongbo.copy SET valid_until = ? WHERE subscription = ?", [at, subscription]);
    },
    async loseCheckpoint(subscription) {
      await lab.sql("DELETE FROM dongbo.subscription WHERE id = ?", [subscription]);
    },
    reset: () => lab.reset([citizen, household]),
    [Symbol.asyncDispose]: () => lab[Symbol.asyncDispose](),
  };
}

function numberOrNull(text: string | null | undefined): Micros | null {
  return text === null || text === undefined ? null : Number(text);
}

describeChangeTarget(serverName, start);
