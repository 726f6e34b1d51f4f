// pgoutput messages → the engine's change messages. Holds the order that the protocol promises: what breaks it is a coded
// stop, because a change outside a transaction would have no position.
import type { ChangeMessage } from "../../../engine/model/change-message.ts";
import type { Position } from "../../../engine/model/position.ts";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import { ABSENT, type Row } from "../../../engine/model/row.ts";
import type { StreamedTable } from "../../../engine/model/table.ts";
import { formatLsnHalves } from "../lsn.ts";
import { malformed } from "./binary-reader.ts";
import type { BeforeImage, BeginMessage, PgoutputMessage, TupleImage, WireLsn } from "./pgoutput-messages.ts";
import { RelationCache } from "./relation-cache.ts";
import { columnCount, hasWholeRow, relationId, WholeRowChange } from "./whole-row.ts";

/** One per stream. */
export class ChangeDecoder {
  readonly #relations = new RelationCache();
  #transaction: BeginMessage | null = null;

  /** A transaction has begun and its commit has not come yet. */
  get inTransaction(): boolean {
    return this.#transaction !== null;
  }

  /**
   * The change message that a pgoutput message stands for; null for those that only describe (relation, type), and for
   * origins and logical messages, which carry no row. Throws DB-SLOT-010 when the order of messages is broken.
   */
  decode(message: PgoutputMessage): ChangeMessage | null {
    switch (message.tag) {
      case "insert":
        return { tag: "insert", table: this.#changed(message.relationId, message.after), before: null, after: message.after.values };
      case "update": {
        const table = this.#changed(message.relationId, message.after);
        return { tag: "update", table, before: this.#before(table, message.before), after: message.after.values };
      }
      case "delete": {
        const table = this.#changed(message.relationId, message.before);
        return { tag: "delete", table, before: this.#before(table, message.before), after: null };
      }
      case "truncate":
        this.#insideTransaction();
        return { tag: "truncate", tables: message.relationIds.map((id) => this.#relations.table(id)) };
      case "begin":
        if (this.#transaction !== null) throw malformed("a transaction begins inside another");
        this.#transaction = message;
        return { tag: "begin", transactionId: String(message.transactionId), position: justAfter(message.commitLsn) };
      case "commit":
        return this.#commit(message);
      case "relation":
        this.#relations.describe(message);
        return null;
      case "type":
      case "origin":
      case "message":
        return null;
    }
  }

  /**
   * The same for a message that lies between two places and brings a whole row, without reading its values. Null: it is another
   * one, to be parsed.
   */
  decodeWholeRow(bytes: Buffer, from: number, to: number): ChangeMessage | null {
    if (!hasWholeRow(bytes, from, to)) return null;
    this.#insideTransaction();
    const table = this.#relations.table(relationId(bytes, from));
    if (columnCount(bytes, from) !== table.columns.length) throw wrongNumber();
    return new WholeRowChange(table, bytes, from, to);
  }

  #commit(message: { commitLsn: WireLsn; endLsn: WireLsn; committedAt: number }): ChangeMessage {
    const begin = this.#insideTransaction();
    if (begin.commitLsn.high !== message.commitLsn.high || begin.commitLsn.low !== message.commitLsn.low)
      throw malformed("a commit does not belong to the transaction that began");
    this.#transaction = null;
    return { tag: "commit", position: formatLsnHalves(message.endLsn.high, message.endLsn.low), committedAt: message.committedAt };
  }

  #changed(relationId: number, image: TupleImage): StreamedTable {
    this.#insideTransaction();
    const table = this.#relations.table(relationId);
    checkImage(table, image);
    return table;
  }

  #before(table: StreamedTable, image: BeforeImage | null): Row | null {
    if (image === null) return null;
    checkImage(table, image);
    return image.keyOnly ? keyImage(table, image.values) : image.values;
  }

  #insideTransaction(): BeginMessage {
    if (this.#transaction === null) throw malformed("a change lies outside any transaction");
    return this.#transaction;
  }
}

function wrongNumber(): ReplicationError {
  return malformed("a row has another number of columns than its table");
}

function checkImage(table: StreamedTable, image: TupleImage): void {
  if (image.values.length !== table.columns.length) throw wrongNumber();
  if (image.binary) {
    const cause = "a value came in binary form although text was asked for";
    throw new ReplicationError("DB-SLOT-009", { subject: "change stream", cause });
  }
}

/**
 * A key image says NULL for every column it does not hold. A column of the identity is never NULL, so NULL there too
 * means that it was not sent: a partition whose own identity is narrower than its root's does that.
 */
function keyImage(table: StreamedTable, values: Row): Row {
  return values.map((value, index) => (table.columns[index]?.inIdentity === true && value !== null ? value : ABSENT));
}

/** See TransactionBegin.position: one byte into the commit record, so that no earlier commit's end covers it. */
function justAfter(lsn: WireLsn): Position {
  const low = lsn.low + 1;
  return low > 0xffff_ffff ? formatLsnHalves(lsn.high + 1, 0) : formatLsnHalves(lsn.high, low);
}
