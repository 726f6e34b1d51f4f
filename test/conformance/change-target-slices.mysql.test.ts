import { quoteTable } from "../../connectors/mysql/quote.ts";
import { MysqlTargetRecords } from "../../connectors/mysql/records/mysql-target-records.ts";
import { serverName } from "../support/mysql-server.ts";
import { mysqlClient } from "../support/mysql-session.ts";
import { MysqlTargetLab } from "../support/mysql-target-lab.ts";
import { serverAddress } from "../support/server-address.ts";
import { describeSlicedTarget, type SlicedTargetHarness } from "./change-target-slices.ts";
import { describeReconciledCopies } from "./reconciled-copies.ts";

async function start(): Promise<SlicedTargetHarness> {
  const lab = await MysqlTargetLab.open();
  const citizen = lab.mapping("citizen", [
    ["id", "varchar(40)"],
    ["name", "varchar(20)"],
  ]);
  const reader = await mysqlClient(lab.server.url("", "app_reader"));
  return {
    citizen,
    target: (subscription) => lab.target(subscription),
    records: () => new MysqlTargetRecords(serverAddress(lab.url)),
    rows: (table) => lab.rows(table),
    async read(table) {
      try {
        const [rows] = await reader.query(`SELECT COUNT(*) AS count FROM ${quoteTable(table.target)}`);
        return Number((rows as { count: string }[])[0]?.count);
      } catch (error) {
        return (error as Error).message;
      }
    },
    status: () =>
      lab.sql(
        "SELECT subscription, share_state, copy_state, reason, last_sync_at, CASE WHEN usable THEN 'yes' ELSE 'no' END AS usable FROM dongbo.status",
      ),
    sql: (text) => lab.sql(text),
    reset: () => lab.reset([citizen]),
    async [Symbol.asyncDispose]() {
      reader.destroy();
      await lab[Symbol.asyncDispose]();
    },
  };
}

describeSlicedTarget(serverName, start);
describeReconciledCopies(serverName, start);
