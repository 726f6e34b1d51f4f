// Remembers what the stream has said about its tables. Lives as long as one stream: the server describes every table
// again on a new connection.
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import { type StreamedColumn, type StreamedTable, tableKey } from "../../../engine/model/table.ts";
import type { RelationMessage } from "./pgoutput-messages.ts";

export class RelationCache {
  readonly #byId = new Map<number, StreamedTable>();
  /** Newest version by table name; a table that was dropped and made again goes on counting under its new id. */
  readonly #versions = new Map<string, number>();

  /**
   * Takes a description. The server repeats itself after every invalidation of its caches: the same description again
   * keeps the object that was given out before.
   */
  describe(message: RelationMessage): void {
    const known = this.#byId.get(message.id);
    if (known !== undefined && isSame(known, message)) return;
    const table = { schema: message.schema, name: message.name };
    const name = tableKey(table);
    const version = Math.max(known?.version ?? 0, this.#versions.get(name) ?? 0) + 1;
    this.#versions.set(name, version);
    const columns = message.columns.map((column): StreamedColumn => ({
      name: column.name,
      typeIdentity: `${column.typeId}:${column.typeModifier}`,
      inIdentity: column.inIdentity,
    }));
    this.#byId.set(message.id, { id: String(message.id), table, columns, identity: message.identity, version });
  }

  /** The table as last described. Throws DB-SLOT-010 when the stream never described it. */
  table(id: number): StreamedTable {
    const table = this.#byId.get(id);
    if (table === undefined) {
      throw new ReplicationError("DB-SLOT-010", { subject: "change stream", cause: "a change names a table that was not described" });
    }
    return table;
  }
}

function isSame(known: StreamedTable, message: RelationMessage): boolean {
  return (
    known.table.schema === message.schema &&
    known.table.name === message.name &&
    known.identity === message.identity &&
    known.columns.length === message.columns.length &&
    known.columns.every((column, index) => {
      const other = message.columns[index];
      return (
        other !== undefined &&
        column.name === other.name &&
        column.inIdentity === other.inIdentity &&
        column.typeIdentity === `${other.typeId}:${other.typeModifier}`
      );
    })
  );
}
