// The master database: rows, a log of committed transactions, and the moments at which others can see them, which come later.
import type { ChangeMessage, Micros, RowChange } from "../../engine/model/change-message.ts";
import { packRow } from "../../engine/model/packed-rows.ts";
import type { Position, PositionOrder } from "../../engine/model/position.ts";
import { ABSENT, type ColumnValue, type Row, UNCHANGED } from "../../engine/model/row.ts";
import type { CatalogTable, StreamedTable } from "../../engine/model/table.ts";
import type { SnapshotVisibility } from "../../engine/ports/snapshot-source.ts";
import { streamedTable } from "../support/table-builders.ts";
import type { Scheduler } from "./scheduler.ts";

/** Values in the order of the table's columns. */
export type MasterRow = readonly (string | null)[];

export interface MasterTable {
  readonly catalog: CatalogTable;
  /** Columns whose values lie out of line: the log does not repeat them when they stay. By position. */
  readonly outOfLine: ReadonlySet<number>;
}

/** What a transaction did. The first column is the key; `before` is null for inserts, `after` for deletes, both for truncates. */
export interface MasterChange {
  readonly table: number;
  readonly before: MasterRow | null;
  readonly after: MasterRow | null;
}

export interface MasterTransaction {
  readonly id: string;
  /** Positions in the log. */
  readonly begin: number;
  readonly end: number;
  /** By the master's clock. */
  readonly committedAt: Micros;
  readonly changes: readonly MasterChange[];
  /** The how manieth that others could see; null: not yet. */
  revealed: number | null;
}

/** What the master keeps of its log for us. */
export interface Slot {
  /** Everything up to here may be forgotten. */
  confirmed: number;
  /** Log that it should keep was removed. */
  invalidated: boolean;
  /** Who streams from it. */
  active: object | null;
}

export const logOrder: PositionOrder = {
  parse: (text) => text as Position,
  covers: (reached, wanted) => Number(reached) >= Number(wanted),
  least: (positions) => positions.reduce((a, b) => (Number(a) <= Number(b) ? a : b)),
  join: (a, b) => (Number(a) >= Number(b) ? a : b),
  bytesBetween: (from, end) => Number(end) - Number(from),
};

export function toPosition(place: number): Position {
  return String(place) as Position;
}

export interface MasterWatch {
  committed(transaction: MasterTransaction): void;
  /** Its log is another one from here on: of the old one only what lies before `keeps` has taken place. */
  restored(identity: string, keeps: number): void;
  forgot(confirmed: number): void;
}

export class Master {
  readonly tables: readonly MasterTable[];
  /** Rows by key, as the log has them: what writers see of their own. */
  rows: Map<string, MasterRow>[];
  /** Rows as others see them. */
  visible: Map<string, MasterRow>[];
  log: MasterTransaction[] = [];
  end = 1000;
  slot: Slot | null = null;
  identity = "master/1";
  /** Of its clock, milliseconds ahead of the true time. */
  skewMs = 0;
  /** Called when the log grows, or what was hidden is revealed. */
  onNews: (() => void)[] = [];
  readonly #streamed: readonly StreamedTable[];
  readonly #scheduler: Scheduler;
  readonly #watch: MasterWatch;
  #transactions = 0;
  #revealed = 0;
  readonly #hidden = new Set<MasterTransaction>();
  readonly #byId = new Map<string, MasterTransaction>();
  readonly #messages = new Map<MasterTransaction, readonly ChangeMessage[]>();

  constructor(tables: readonly MasterTable[], scheduler: Scheduler, watch: MasterWatch) {
    this.tables = tables;
    this.rows = tables.map(() => new Map<string, MasterRow>());
    this.visible = tables.map(() => new Map<string, MasterRow>());
    this.#streamed = tables.map(({ catalog }) => streamedTable(catalog));
    this.#scheduler = scheduler;
    this.#watch = watch;
  }

  get now(): Micros {
    return this.#scheduler.now + Math.round(this.skewMs * 1000);
  }

  /** In the log, and not seen by anybody yet. */
  get hidden(): ReadonlySet<MasterTransaction> {
    return this.#hidden;
  }

  /** A row that was changed is locked until others can see the change. */
  isLocked(table: number, key: string): boolean {
    const touches = (change: MasterChange): boolean =>
      change.table === table &&
      ((change.before === null && change.after === null) || change.before?.[0] === key || change.after?.[0] === key);
    return [...this.#hidden].some(({ changes }) => changes.some(touches));
  }

  /** In the log at once; visible after so many milliseconds. */
  commit(changes: readonly MasterChange[], hiddenMs: number): void {
    this.#transactions += 1;
    const begin = this.end + 8 + changes.length * 40;
    this.end = begin + 16;
    const transaction: MasterTransaction = {
      id: String(this.#transactions),
      begin,
      end: this.end,
      committedAt: this.now,
      changes,
      revealed: null,
    };
    for (const change of changes) apply(this.rows, change);
    this.log.push(transaction);
    this.#byId.set(transaction.id, transaction);
    this.#hidden.add(transaction);
    this.#watch.committed(transaction);
    if (hiddenMs === 0) this.#reveal(transaction);
    else this.#scheduler.after(hiddenMs, () => this.#reveal(transaction));
    this.#tell();
  }

  /** Something is logged that nobody here asks for. */
  logOther(bytes: number): void {
    this.end += bytes;
    this.#tell();
  }

  /** What a reader that begins now sees. */
  visibility(): SnapshotVisibility {
    const seen = this.#revealed;
    return {
      sees: (id) => {
        const revealed = this.#byId.get(id)?.revealed ?? null;
        return revealed !== null && revealed <= seen;
      },
    };
  }

  /** As the stream tells it. */
  messages(transaction: MasterTransaction): readonly ChangeMessage[] {
    let messages = this.#messages.get(transaction);
    if (messages === undefined) {
      const { id, begin, end, committedAt, changes } = transaction;
      messages = [
        { tag: "begin", transactionId: id, position: toPosition(begin) },
        ...changes.map((change) => this.#message(change)),
        { tag: "commit", position: toPosition(end), committedAt },
      ];
      this.#messages.set(transaction, messages);
    }
    return messages;
  }

  forget(confirmed: number): void {
    if (this.slot === null || confirmed <= this.slot.confirmed) return;
    this.slot.confirmed = confirmed;
    this.#watch.forgot(confirmed);
  }

  /** Restored to an earlier time, or failed over to a standby that lagged behind: another history, and no slot. */
  restore(keeps: number): void {
    this.identity = `master/${Number(this.identity.split("/")[1]) + 1}`;
    for (const { id, end } of this.log) if (end > keeps) this.#byId.delete(id);
    for (const transaction of this.#hidden) transaction.revealed = this.#revealed;
    this.#hidden.clear();
    this.log = this.log.filter(({ end }) => end <= keeps);
    this.rows = this.tables.map(() => new Map<string, MasterRow>());
    for (const { changes } of this.log) for (const change of changes) apply(this.rows, change);
    this.visible = this.rows.map((rows) => new Map(rows));
    this.end = this.log.at(-1)?.end ?? 1000;
    this.slot = null;
    this.#watch.restored(this.identity, keeps);
    this.#tell();
  }

  #reveal(transaction: MasterTransaction): void {
    if (transaction.revealed !== null) return;
    this.#revealed += 1;
    transaction.revealed = this.#revealed;
    this.#hidden.delete(transaction);
    for (const change of transaction.changes) apply(this.visible, change);
    this.#tell();
  }

  #tell(): void {
    for (const happen of this.onNews.splice(0)) happen();
  }

  #message({ table, before, after }: MasterChange): ChangeMessage {
    const streamed = this.#streamed[table] as StreamedTable;
    if (before === null && after === null) return { tag: "truncate", tables: [streamed] };
    const old = before === null ? null : this.#beforeImage(table, before, after);
    if (after === null) return { tag: "delete", table: streamed, before: old, after: null };
    if (before === null) return whole({ tag: "insert", table: streamed, before: null, after: after.map(toValue) });
    const { outOfLine } = this.tables[table] as MasterTable;
    const next = after.map((value, column) =>
      outOfLine.has(column) && value !== null && value === before[column] ? UNCHANGED : toValue(value),
    );
    return whole({ tag: "update", table: streamed, before: old, after: next });
  }

  /** By the replica identity: the whole row, or the key where it is gone or has changed. */
  #beforeImage(table: number, before: MasterRow, after: MasterRow | null): Row | null {
    const { identity } = (this.tables[table] as MasterTable).catalog;
    if (identity.kind === "full") return before.map(toValue);
    if (after !== null && after[0] === before[0]) return null;
    return before.map((value, column) => (column === 0 ? toValue(value) : ABSENT));
  }
}

function apply(rows: readonly Map<string, MasterRow>[], { table, before, after }: MasterChange): void {
  const held = rows[table] as Map<string, MasterRow>;
  if (before === null && after === null) held.clear();
  if (before !== null) held.delete(before[0] ?? "");
  if (after !== null) held.set(after[0] ?? "", after);
}

function toValue(value: string | null): ColumnValue {
  return value === null ? null : Buffer.from(value, "utf8");
}

/** A row that has every value comes in one piece. */
function whole(change: RowChange & { readonly after: Row }): RowChange {
  return change.before !== null || change.after.includes(UNCHANGED) ? change : { ...change, packed: packRow(change.after) };
}
