import { ReplicationError } from "../../../engine/model/replication-error.ts";
import type { BatchRecord, CopyRecord, TargetRecords } from "../../../engine/ports/target-records.ts";
import type { CommandDefinition } from "../command.ts";
import { openTargetRecords } from "../connections.ts";
import { batchJson, batchLines } from "../output/print-batch.ts";
import { TimePrinter } from "../output/print-time.ts";
import { findSubscription, findTable, readConfigurationFile } from "../read-configuration.ts";
import { exitCode } from "../terminal.ts";

export const traceCommand: CommandDefinition = {
  usage: "trace <subscription> <key...>",
  description: "say from which source transaction, batch and time a row of a copy came",
  options: [["--table <table>", "only this table, as readers name it; needed when several have a fitting key"]],
  example: ["where does this citizen's row come from?", "dongbo trace population/hcm 079087000001"],
  notes: "A key of several columns is given as several arguments, in key order; after `--` also such that begin with a minus.",
  run: async (context, input) => {
    const configuration = readConfigurationFile(context);
    const named = findSubscription(configuration, String(input.arguments[0]));
    const { id, target } = named.subscription;
    const key = input.arguments[1] as readonly string[];
    const asked = input.options["table"];
    const only = typeof asked === "string" ? findTable(named, asked) : null;
    const configured = configuration.targets.get(target);
    if (configured === undefined) throw new ReplicationError("DB-RUN-021", { subject: id });
    const records = openTargetRecords(configured);
    try {
      const copies = (await records.copies([id])).filter((copy) => only === null || copy.table === only);
      const traces = await traceRows(records, copies, key);
      if (traces.length === 0) throw new ReplicationError("DB-RUN-026", { subject: id });
      const times = new TimePrinter(context.terminal.timeZone, new Date());
      if (context.json) {
        const rows = traces.map(({ table, batch }) => ({ table, batch: batchJson(batch) }));
        context.terminal.out(`${JSON.stringify({ ok: true, subscription: id, rows })}\n`);
      } else {
        for (const { table, batch } of traces) context.terminal.out(`${[`${id} ${table}`, ...batchLines(batch, times)].join("\n")}\n`);
      }
      return exitCode.ok;
    } finally {
      await records.close();
    }
  },
};

/** The row's batch in each table that has it. Throws DB-RUN-023 when the key fits none, DB-RUN-027 when a record is gone. */
async function traceRows(
  records: TargetRecords,
  copies: readonly CopyRecord[],
  key: readonly string[],
): Promise<{ table: string; batch: BatchRecord }[]> {
  const traces: { table: string; batch: BatchRecord }[] = [];
  let unfitting: ReplicationError | null = null;
  let fitting = 0;
  for (const copy of copies) {
    try {
      const { batch: number } = await records.findRow(copy, key);
      fitting += 1;
      if (number === null) continue;
      const batch = await records.batch(copy.subscription, number);
      if (batch === null) throw new ReplicationError("DB-RUN-027", { subject: `${copy.subscription} ${copy.table}` });
      traces.push({ table: copy.table, batch });
    } catch (error) {
      if (!(error instanceof ReplicationError) || error.code !== "DB-RUN-023") throw error;
      unfitting ??= error;
    }
  }
  if (fitting === 0 && unfitting !== null) throw unfitting;
  return traces;
}
