// Events of the binary log → the engine's change messages. Holds the order that the log promises: what breaks it, and what is
// not understood, is a coded stop, because a change that was passed over would never come again.
import type { ChangeMessage } from "../../../engine/model/change-message.ts";
import type { Position } from "../../../engine/model/position.ts";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import type { TableName } from "../../../engine/model/table.ts";
import type { Flavour } from "../mysql-client.ts";
import { formatLogOffset, type LogOffset } from "../positions.ts";
import { artificialFlag, type BinlogEvent, describesChecksums, eventType, ignorableFlag, peekType, readEvent } from "./binlog-event.ts";
import { ByteReader, malformed } from "./byte-reader.ts";
import type { DeclaredTypes } from "./declared-types.ts";
import { type GtidFacts, mariaDbFlag, readGtid, readMariaDbGtid, readTaggedGtid } from "./gtid-event.ts";
import type { LogProgress } from "./log-progress.ts";
import { readQuery, transactionWord } from "./query-event.ts";
import { readRows, readTableId, rowsKind, type RowsKind } from "./rows-event.ts";
import { type Statement, type StatementEffect, statementEffects } from "./statement-effect.ts";
import { TableCache } from "./table-cache.ts";
import { ValueMemory } from "./value-memory.ts";

export interface DecoderOptions {
  readonly flavour: Flavour;
  readonly progress: LogProgress;
  /** lower_case_table_names is not 0: statements may name tables in other letters than the log's rows do. */
  readonly foldsNames: boolean;
  /**
   * Transactions by id and place that a crash of the server has cut off. What the log holds of them is passed over; one that is found
   * is added, and the stream fails, so that what was given out of it is forgotten.
   */
  readonly abandoned: Set<string>;
  /** Tables whose rows are wanted, the same array as long as it holds the same; null: all. */
  readonly wanted: (() => readonly TableName[]) | null;
}

/** The transaction that events belong to. */
interface Transaction {
  readonly id: string;
  /** It consists of one statement, and ends with it. */
  standalone: boolean;
  /** See GtidFacts. */
  readonly withoutEffect: boolean;
  /** Rows or statements of it were given out. */
  changed: boolean;
  /** Microseconds; null: the ending event's own time. */
  readonly committedAt: number | null;
}

const second = 1_000_000;

/** One per stream. */
export class BinlogDecoder {
  readonly #options: DecoderOptions;
  readonly #tables: TableCache;
  readonly #memory = new ValueMemory();
  readonly #output: ChangeMessage[] = [];
  /** Events end with a checksum; of those before a file's first one we have told the server that they should. */
  #checksums = true;
  #file = "";
  #transaction: Transaction | null = null;
  /** What is read is of a transaction that was cut off. */
  #skipping = false;

  constructor(options: DecoderOptions) {
    this.#options = options;
    this.#tables = new TableCache(options.flavour, options.wanted);
  }

  /** A transaction has begun and its commit has not come yet. */
  get inTransaction(): boolean {
    return this.#transaction !== null;
  }

  /** Everything committed up to here was given out. */
  get reached(): Position {
    return this.#options.progress.reached;
  }

  /** The table that the catalogue must be asked about, for `declare`, before the next event is given. */
  get undeclared(): TableName | null {
    return this.#tables.undeclared;
  }

  declare(types: DeclaredTypes): void {
    this.#tables.declare(types);
  }

  /** The messages that an event stands for, to be taken before the next event is given. */
  decode(bytes: Buffer): readonly ChangeMessage[] {
    this.#output.length = 0;
    try {
      this.#decode(bytes);
    } catch (error) {
      // Numbers of a damaged event lead beyond what buffers, dates and texts can be.
      throw error instanceof RangeError ? malformed("it holds what cannot be", error) : error;
    }
    return this.#output;
  }

  #decode(bytes: Buffer): void {
    const type = peekType(bytes);
    // Its checksum is of the file's event, which differs from what is sent.
    const event = readEvent(bytes, this.#checksums && type !== eventType.formatDescription);
    if (this.#skipping && !endsCutOff.has(type)) return;
    const rows = rowsKind(type);
    if (rows === null) this.#event(event, bytes);
    else this.#rows(event, rows);
  }

  #event(event: BinlogEvent, bytes: Buffer): void {
    switch (event.type) {
      case eventType.tableMap:
        this.#inside();
        return this.#tables.describe(readTableId(event.body), event.body);
      case eventType.xid:
        return this.#commit(event);
      case eventType.mariaDbGtid:
        return this.#begin(event, readMariaDbGtid(event));
      case eventType.gtid:
      case eventType.anonymousGtid:
        return this.#begin(event, readGtid(event));
      case eventType.taggedGtid:
        return this.#begin(event, readTaggedGtid(event));
      case eventType.query:
      case eventType.queryCompressed:
        return this.#query(event, readQuery(event.body, { compressed: event.type === eventType.queryCompressed, load: false }));
      case eventType.executeLoadQuery:
        return this.#query(event, readQuery(event.body, { compressed: false, load: true }));
      case eventType.rotate:
        return this.#rotate(event);
      case eventType.formatDescription:
        return this.#newFile(event, bytes);
      case eventType.xaPrepare:
        return this.#prepared(event);
      default:
        if (!passedOver.has(event.type)) refuse(event);
        this.#passed(event);
    }
  }

  /** A server that was killed may leave a file whose last transaction has no end; it was never committed. */
  #newFile(event: BinlogEvent, bytes: Buffer): void {
    if (this.#transaction !== null) {
      this.#options.abandoned.add(this.#transaction.id);
      const cause = "the server crashed while it logged a transaction; what was read of it is dropped";
      throw new ReplicationError("DB-MY-015", { subject: "binary log", cause });
    }
    this.#skipping = false;
    this.#checksums = describesChecksums(bytes);
    this.#tables.forgetNumbers();
    this.#passed(event);
  }

  #rotate(event: BinlogEvent): void {
    if (this.#transaction !== null && (event.flags & artificialFlag) === 0) throw malformed("a file ends inside a transaction");
    const reader = new ByteReader(event.body);
    const offset = Number(reader.uint64());
    this.#file = reader.text(reader.remaining);
    if (this.#transaction === null) this.#options.progress.passed({ file: this.#file, offset });
  }

  #begin(event: BinlogEvent, facts: GtidFacts): void {
    if (this.#transaction !== null) throw malformed("a transaction begins inside another");
    if ((facts.flags & mariaDbFlag.preparedXa) !== 0) throw distributed();
    const at: LogOffset = { file: this.#file, offset: event.endOffset - event.length };
    const { transactionId, position } = this.#options.progress.begin({ mariaDb: facts.mariaDb, mysql: facts.mysql, at });
    // MySQL gives the number of one that was cut off to the next.
    const id = `${transactionId} ${formatLogOffset(at)}`;
    if (this.#options.abandoned.has(id)) {
      this.#skipping = true;
      return;
    }
    this.#transaction = {
      id,
      standalone: this.#options.flavour === "mysql" || (facts.flags & mariaDbFlag.standalone) !== 0,
      withoutEffect: facts.withoutEffect,
      changed: false,
      committedAt: facts.committedAt,
    };
    this.#tables.refreshWanted();
    this.#output.push({ tag: "begin", transactionId, position });
  }

  #commit(event: BinlogEvent): void {
    const { committedAt } = this.#inside();
    this.#transaction = null;
    const position = this.#options.progress.commit({ file: this.#file, offset: event.endOffset });
    this.#output.push({ tag: "commit", position, committedAt: committedAt ?? event.timestamp * second });
  }

  #rows(event: BinlogEvent, kind: RowsKind): void {
    const transaction = this.#inside();
    const id = readTableId(event.body);
    const table = this.#tables.mapped(id);
    if (table === null) return;
    // Marks the end of a statement without rows.
    if (table === undefined && id === 0xff_ffff) return;
    if (table === undefined) throw malformed("rows are of a table that was not described");
    transaction.changed = true;
    const { tag } = kind;
    const { streamed } = table;
    readRows(event.body, kind, table.layout, {
      memory: this.#memory,
      take: (before, after) => this.#output.push({ tag, table: streamed, before, after }),
    });
  }

  #query(event: BinlogEvent, statement: Statement): void {
    const transaction = this.#inside();
    switch (transactionWord(statement.sql)) {
      case "begin":
        transaction.standalone = false;
        return;
      case "inside":
        return;
      case "commit":
        return this.#commit(event);
      case "prepared":
        throw distributed();
      case "rollback":
        return this.#rollback(event, transaction, statement.sql);
      case null:
        if (!transaction.withoutEffect) this.#statement(transaction, statement);
        if (transaction.standalone) this.#commit(event);
    }
  }

  /** Written only when tables that cannot be rolled back were changed as well. */
  #rollback(event: BinlogEvent, transaction: Transaction, sql: string): void {
    if (transaction.changed) {
      const cause = "a transaction was rolled back after it had changed tables that cannot be: the log holds both as one";
      throw new ReplicationError("DB-SLOT-024", { subject: "binary log", cause });
    }
    if (sql === "ROLLBACK") this.#commit(event);
  }

  #statement(transaction: Transaction, statement: Statement): void {
    const effects = statementEffects(statement);
    if (effects === null) {
      const words = statement.sql.trim().split(/\s+/, 2).join(" ").slice(0, 40);
      const cause = `a statement that begins with ${words} is logged in a way that dongbo does not understand, and may have changed rows`;
      throw new ReplicationError("DB-SLOT-025", { subject: "binary log", cause });
    }
    for (const effect of effects) this.#effect(transaction, effect);
  }

  #effect(transaction: Transaction, effect: StatementEffect): void {
    if (effect.tag === "dropped database") {
      const database = this.#fold(effect.database);
      for (const table of this.#tables.ofDatabase(database)) {
        transaction.changed = true;
        this.#output.push({ tag: "replaced", table, cause: "its database was dropped" });
      }
      return;
    }
    const table = { schema: this.#fold(effect.table.schema), name: this.#fold(effect.table.name) };
    if (!this.#tables.concerns(table)) return;
    transaction.changed = true;
    if (effect.tag === "replaced") this.#output.push({ tag: "replaced", table, cause: effect.cause });
    else if (effect.tag === "column lost") this.#output.push({ ...effect, table });
    else this.#output.push({ tag: "truncate", tables: [this.#tables.named(table)] });
  }

  #fold(name: string): string {
    return this.#options.foldsNames ? name.toLowerCase() : name;
  }

  /** One phase: prepared and committed at once. */
  #prepared(event: BinlogEvent): void {
    if (new ByteReader(event.body).uint8() === 0) throw distributed();
    this.#commit(event);
  }

  #passed(event: BinlogEvent): void {
    if (this.#transaction !== null || event.endOffset === 0 || (event.flags & artificialFlag) !== 0) return;
    this.#options.progress.passed({ file: this.#file, offset: event.endOffset });
  }

  #inside(): Transaction {
    if (this.#transaction === null) throw malformed("a change lies outside any transaction");
    return this.#transaction;
  }
}

/** The next file begins, or another place is read. */
const endsCutOff: ReadonlySet<number> = new Set([eventType.rotate, eventType.formatDescription]);

/** Events without changes: they describe, or belong to what is told otherwise. */
const passedOver: ReadonlySet<number> = new Set([
  eventType.stop,
  eventType.intvar,
  eventType.rand,
  eventType.userVar,
  eventType.beginLoadQuery,
  eventType.heartbeat,
  eventType.ignorable,
  eventType.rowsQuery,
  eventType.previousGtids,
  eventType.transactionContext,
  eventType.viewChange,
  eventType.heartbeatV2,
  eventType.annotateRows,
  eventType.binlogCheckpoint,
  eventType.mariaDbGtidList,
  eventType.startEncryption,
]);

const features = new Map<number, string>([
  [eventType.transactionPayload, "transactions are compressed (binlog_transaction_compression)"],
  [eventType.partialUpdateRows, "JSON documents are logged in part (binlog_row_value_options = PARTIAL_JSON)"],
]);

function refuse(event: BinlogEvent): void {
  if (event.type === eventType.incident) {
    const cause = "the server has lost changes before it could log them: the log holds an incident";
    throw new ReplicationError("DB-SLOT-024", { subject: "binary log", cause });
  }
  const feature = features.get(event.type);
  if (feature !== undefined) throw new ReplicationError("DB-SLOT-022", { subject: "binary log", cause: feature });
  if ((event.flags & ignorableFlag) !== 0) return;
  const cause = `the log holds an event of the unknown type ${event.type}`;
  throw new ReplicationError("DB-SLOT-009", { subject: "binary log", cause });
}

function distributed(): ReplicationError {
  return new ReplicationError("DB-SLOT-023", { subject: "binary log" });
}
