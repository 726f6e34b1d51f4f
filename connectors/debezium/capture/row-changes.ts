// What an event does to rows: the changes that the pipeline takes, of the tables that somebody wants.
import type { ColumnLost, RowChange, TableReplaced, Truncate } from "../../../engine/model/change-message.ts";
import { ABSENT, type Key, keyText, type Row } from "../../../engine/model/row.ts";
import { type CatalogTable, type StreamedTable, type TableName, tableKey } from "../../../engine/model/table.ts";
import type { DataEvent, DescribedTable } from "../decode/change-event.ts";

export type TableChange = RowChange | Truncate | TableReplaced | ColumnLost;

/** What must be known of a topic to understand the order of its records. */
export interface TopicNature {
  readonly topic: string;
  readonly partitions: number;
  /** Old records of a key are removed, and with them whole deletes: then a tombstone stands alone. */
  readonly compacted: boolean;
  /** The wanted tables whose rows it carries. */
  readonly tables: readonly TableName[];
}

export class RowChanges {
  readonly #tables: () => readonly TableName[];
  /** Last described, by topic. */
  readonly #described = new Map<string, DescribedTable>();
  /** The key whose delete was the last record, by partition: its tombstone follows. */
  readonly #deleted = new Map<string, string>();
  #wanted: readonly TableName[] | null = null;
  #wantedKeys = new Set<string>();

  /** `wanted`: the same array as long as it holds the same. */
  constructor(wanted: () => readonly TableName[]) {
    this.#tables = wanted;
  }

  /** Rows of the table go somewhere. */
  wants(table: TableName): boolean {
    const wanted = this.#tables();
    if (wanted !== this.#wanted) {
      this.#wanted = wanted;
      this.#wantedKeys = new Set(wanted.map(tableKey));
    }
    return this.#wantedKeys.has(tableKey(table));
  }

  /** A record that is no row's was met: a tombstone that follows is nobody's. */
  passed(partition: string): void {
    this.#deleted.delete(partition);
  }

  of(event: DataEvent, partition: string, nature: TopicNature): readonly TableChange[] {
    const { catalog, streamed } = event.table;
    this.#deleted.delete(partition);
    if (!this.wants(catalog.table)) return [];
    this.#described.set(nature.topic, event.table);
    if (event.op === "d" && event.before !== null) this.#deleted.set(partition, keyText(keyOf(catalog, event.before)));
    // What leaves one partition and what comes into another do not meet, not even within a transaction.
    const meets = nature.partitions === 1;
    switch (event.op) {
      case "r":
        // Read in between, it may take the place of a row that the copy has and should not have any more.
        return [rowChange(event.source.snapshot === "incremental" ? "update" : "insert", streamed, null, event.after)];
      case "c":
        if (event.oldKey === null || !meets) return [rowChange("insert", streamed, null, event.after)];
        return [rowChange("update", streamed, keyRow(catalog, event.oldKey), event.after)];
      case "u":
        return [rowChange("update", streamed, told(streamed, event.before), event.after)];
      case "d":
        return event.movesAway && meets ? [] : [rowChange("delete", streamed, told(streamed, event.before), null)];
      case "t":
        return [emptied(streamed, nature, "it was truncated")];
    }
  }

  /** The table of the topic as last described; null: nothing was yet. */
  described(topic: string): DescribedTable | null {
    return this.#described.get(topic) ?? null;
  }

  learn(topic: string, table: DescribedTable): void {
    this.#described.set(topic, table);
  }

  /** A record without value: after its own delete it says nothing new. */
  tombstone(key: Key | null, partition: string, nature: TopicNature): readonly TableChange[] {
    const deleted = this.#deleted.get(partition);
    this.#deleted.delete(partition);
    if (!nature.compacted || (key !== null && deleted === keyText(key))) return [];
    const table = nature.tables.length === 1 ? this.described(nature.topic) : null;
    if (key !== null && table !== null && key.length === table.catalog.primaryKey.length) {
      return [rowChange("delete", table.streamed, keyRow(table.catalog, key), null)];
    }
    const cause = `topic ${nature.topic} was compacted and tells of a row that is gone, but not of which table or by which columns`;
    return nature.tables.map((name): TableChange => ({ tag: "replaced", table: name, cause }));
  }
}

/** Everything that the table held is gone; where its rows lie in several partitions, nobody can tell which of them came before. */
export function emptied(table: StreamedTable, nature: TopicNature, what: string): TableChange {
  if (nature.partitions === 1) return { tag: "truncate", tables: [table] };
  const cause = `${what}, and its topic has several partitions: which rows came before cannot be told`;
  return { tag: "replaced", table: table.table, cause };
}

function rowChange(tag: RowChange["tag"], table: StreamedTable, before: Row | null, after: Row | null): RowChange {
  return { tag, table, before, after };
}

/** What a before image tells: beyond the replica identity the connector prints NULL for what it does not have. */
function told(table: StreamedTable, before: Row | null): Row | null {
  if (before === null || table.identity === "full") return before;
  return before.map((value, index) => (table.columns[index]?.inIdentity === true ? value : ABSENT));
}

function keyOf({ primaryKey, columns }: CatalogTable, row: Row): Key {
  return primaryKey.map((name) => {
    const value = row[columns.findIndex((column) => column.name === name)];
    return value instanceof Buffer ? value : Buffer.alloc(0);
  });
}

function keyRow({ primaryKey, columns }: CatalogTable, key: Key): Row {
  return columns.map(({ name }) => key[primaryKey.indexOf(name)] ?? ABSENT);
}
