import { printTable } from "../model/table.ts";
import { heartbeatTopic } from "./assemble-servers.ts";
import { child, entries, items, textOf, type ConfigNode, type MapEntry } from "./config-node.ts";
import { parseTableName } from "./names.ts";
import type { Report } from "./report.ts";
import { tableNameAt } from "./table-nodes.ts";

/** Checks what the parts of a Debezium source say of each other. */
export function checkDebezium(root: ConfigNode, report: Report): void {
  for (const source of entries(child(root, "sources"))) {
    if (textOf(child(source.node, "connector")) !== "debezium") continue;
    checkSlices(source.node, report);
    checkConverter(child(source.node, "converter"), report);
    checkTopics(child(source.node, "topics"), report);
    warnOfUnusedTables(root, source, report);
  }
}

function checkSlices(source: ConfigNode, report: Report): void {
  const slices = child(source, "slices");
  if (slices?.kind !== "scalar" || typeof slices.value !== "number" || slices.value <= 1) return;
  if (child(child(source, "topics"), "transactions") !== undefined) report.error("DB-CFG-014", slices);
}

function checkConverter(converter: ConfigNode | undefined, report: Report): void {
  if (converter === undefined) return;
  const avro = textOf(child(converter, "format")) === "avro";
  const [registry, types] = [child(converter, "registry"), child(converter, "types")];
  if (avro && registry === undefined) {
    const remedy = "Add `registry:`, the URL of the schema registry";
    report.error("DB-CFG-015", converter, { cause: "Avro's records name schemas, and no registry is named that has them", remedy });
  }
  if (!avro && registry !== undefined) {
    const remedy = "Write `format: avro`, or remove the registry";
    report.error("DB-CFG-015", registry, { cause: "records in JSON have no schemas in a registry", remedy });
  }
  if (avro && types !== undefined) {
    const cause = "records in Avro carry the types of their columns themselves";
    report.error("DB-CFG-015", types, { cause, remedy: "Remove `types`" });
  }
}

/** Heartbeats and transaction metadata are read otherwise than rows are. */
function checkTopics(topics: ConfigNode | undefined, report: Report): void {
  const prefix = textOf(child(topics, "prefix"));
  const transactions = child(topics, "transactions");
  const heartbeat = textOf(child(topics, "heartbeat")) ?? (prefix === undefined ? undefined : heartbeatTopic(prefix));
  const apart = [heartbeat, textOf(transactions)].filter((topic) => topic !== undefined);
  if (transactions !== undefined && textOf(transactions) === heartbeat) report.error("DB-CFG-016", transactions);
  const others = [...entries(child(topics, "tables")).map(({ node }) => node), child(topics, "proof")];
  for (const node of others) if (node !== undefined && apart.includes(textOf(node) ?? "")) report.error("DB-CFG-016", node);
}

/** A misspelt table would silently be looked for in another topic, or be read with other types. */
function warnOfUnusedTables(root: ConfigNode, { key: id, node: source }: MapEntry, report: Report): void {
  const shares = items(child(root, "shares")).filter((share) => textOf(child(share, "source")) === id);
  const tables = shares.flatMap((share) => items(child(share, "tables")).map((table) => tableNameAt(child(table, "source"))));
  const shared = new Set(tables.map((table) => (table === undefined ? "" : printTable(table))));
  const named = [...entries(child(child(source, "topics"), "tables")), ...entries(child(child(source, "converter"), "types"))];
  for (const entry of named)
    if (parseTableName(entry.key).ok && !shared.has(entry.key)) report.warning("DB-CFG-067", entry, { cause: "no share has this table" });
}
