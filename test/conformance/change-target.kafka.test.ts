import { printTable } from "../../engine/model/table.ts";
import { changePublication } from "../../connectors/debezium/publish/publication-writer.ts";
import { transactionTopic } from "../../connectors/debezium/publish/topic-names.ts";
import { oldest } from "../../engine/validity/validity-clock.ts";
import { KafkaTargetLab } from "../support/kafka-target-lab.ts";
import { catalogTable, column, columnType, tableMapping } from "../support/table-builders.ts";
import { describeChangeTarget, type TargetHarness } from "./change-target.ts";

async function start(): Promise<TargetHarness> {
  const lab = await KafkaTargetLab.open();
  const name = columnType("text", { declaration: "character varying(20)" });
  const citizenColumns = [column("id", "text"), column("name", "text", { type: name, nullable: false }), column("note", "text")];
  const householdColumns = [column("id", "text"), column("head", "text")];
  const household = catalogTable(householdColumns, { table: { schema: "public", name: "household" } });
  return {
    citizen: tableMapping(catalogTable(citizenColumns), ["id", "name", "note"]),
    household: tableMapping(household, ["id", "head"]),
    poison: "a name longer than twenty characters",
    target: (subscription) => lab.target(subscription),
    rows: (table) => lab.rows(table),
    async stored(_subscription, table) {
      const state = await lab.state();
      const copy = state?.copies[printTable(table.target)];
      if (state === null || copy === undefined) throw new Error("nothing is stored of the copy");
      const marks = await lab.control(transactionTopic(lab.publish.prefix));
      return {
        shareState: state.shareState,
        suspendedReason: state.suspendedReason,
        copyState: copy.state,
        lastSyncAt: copy.lastSyncAt,
        validUntil: copy.validUntil,
        shareLastSyncAt: oldest(Object.values(state.copies).map(({ lastSyncAt }) => lastSyncAt)),
        rows: (await lab.rows(table)).length,
        quarantined: Object.keys(copy.quarantine).length,
        batches: marks.filter(({ status }) => status === "END").length,
      };
    },
    async setValidUntil(subscription, at) {
      await changePublication(lab.client, lab.publish, subscription, (state) => ({
        ...state,
        copies: Object.fromEntries(Object.entries(state.copies).map(([table, copy]) => [table, { ...copy, validUntil: at }])),
      }));
      await lab.refresh();
    },
    loseCheckpoint: () => Promise.reject(new Error("a log's checkpoint is written whole with every batch")),
    async reset() {
      lab.reset();
      await Promise.resolve();
    },
    [Symbol.asyncDispose]: () => lab[Symbol.asyncDispose](),
  };
}

describeChangeTarget("Kafka", start, { holdsRows: false });
