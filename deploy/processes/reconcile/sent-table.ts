// What was sent, in the master's place: where nobody may ask the master itself, a copy is held against what its topic says (sent against
// received). The topic's end is the position, and an event that lies before it is there for whoever reads: nothing is committed and
// not yet visible. What the connector never wrote, or wrote wrongly, cannot be found out here.
import type { SentChanges } from "../../../connectors/debezium/compare/sent-changes.ts";
import type { ComparedCopy } from "../../../engine/model/canonical-form.ts";
import type { Position, PositionOrder } from "../../../engine/model/position.ts";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import { printTable } from "../../../engine/model/table.ts";
import type {
  CanonicalKey,
  ColumnDigests,
  GroupChoice,
  GroupDigest,
  KeyRange,
  LogMark,
  MasterReading,
  MasterRow,
  MasterTable,
  RowDigest,
} from "../../../engine/ports/compared-table.ts";
import { SentRows } from "../../../mappings/sent-columns.ts";
import { type SentRow, SentStates } from "./sent-states.ts";

/** Memory for rows of the topic. */
const bytesMax = 64 * 1024 * 1024;

export interface SentTableParts {
  /** In forms that a topic tells. */
  readonly copy: ComparedCopy;
  /** From the topic's beginning. */
  readonly open: () => SentChanges;
  readonly positions: Pick<PositionOrder, "covers">;
  /** Ends what is being read. */
  readonly signal: AbortSignal;
  readonly bytesMax?: number;
  readonly close: () => Promise<void>;
}

export class SentTable implements MasterTable {
  /** Each event has its offset. */
  readonly versioned = true;
  readonly estimatedRows = -1;
  /** Rows are hashed here, by MD5. */
  readonly quickHash = null;
  readonly #parts: SentTableParts;
  readonly #rows: SentRows;
  readonly #states: SentStates;
  /** Only asked where the topic ends. */
  readonly #log: SentChanges;

  constructor(parts: SentTableParts) {
    this.#parts = parts;
    this.#rows = new SentRows(parts.copy);
    this.#states = new SentStates({ rows: this.#rows, open: parts.open, bytesMax: parts.bytesMax ?? bytesMax });
    this.#log = parts.open();
  }

  /** A topic has no order of keys: the table is one range. */
  keyOrder(): Promise<null> {
    return Promise.resolve(null);
  }

  border(): Promise<null> {
    return Promise.resolve(null);
  }

  async mark(): Promise<LogMark> {
    return { mark: await this.#log.end() };
  }

  async digest(_: KeyRange, groups: number): Promise<MasterReading<readonly GroupDigest[]>> {
    let sums = new Map<number, GroupDigest>();
    const begin = (): ((sent: SentRow) => void) => {
      sums = new Map();
      return (sent) => {
        const digest = this.#digestOf(sent);
        if (digest !== null) addTo(sums, groupOf(digest, groups), digest);
      };
    };
    const position = await this.#states.every(begin, this.#parts.signal);
    return this.#reading([...sums.values()], position);
  }

  async list(_: KeyRange, { groups, wanted }: GroupChoice): Promise<MasterReading<readonly RowDigest[]>> {
    const asked = new Set(wanted);
    let rows: RowDigest[] = [];
    const begin = (): ((sent: SentRow) => void) => {
      rows = [];
      return (sent) => {
        const digest = this.#digestOf(sent);
        if (digest !== null && asked.has(groupOf(digest, groups))) rows.push({ key: sent.key, digest });
      };
    };
    const position = await this.#states.every(begin, this.#parts.signal);
    return this.#reading(rows, position);
  }

  async find(keys: readonly CanonicalKey[]): Promise<MasterReading<readonly MasterRow[]>> {
    const read = ({ key, row, version }: SentRow): MasterRow => {
      this.#refuseUnknown(row);
      return { key, digest: this.#rows.digest(row), version, passes: this.#rows.passes(row), untouched: true };
    };
    const { rows, position } = await this.#states.some(keys, read, this.#parts.signal);
    return this.#reading(rows, position);
  }

  async columns(keys: readonly CanonicalKey[]): Promise<MasterReading<readonly ColumnDigests[]>> {
    const read = ({ key, row }: SentRow): ColumnDigests => ({ key, digests: this.#rows.columnDigests(row) });
    const { rows, position } = await this.#states.some(keys, read, this.#parts.signal);
    return this.#reading(rows, position);
  }

  async values(
    keys: readonly CanonicalKey[],
    column: number,
  ): Promise<readonly { readonly key: CanonicalKey; readonly value: string | null }[]> {
    const read = ({ key, row }: SentRow): { key: CanonicalKey; value: string | null } => ({ key, value: this.#rows.text(row, column) });
    return (await this.#states.some(keys, read, this.#parts.signal)).rows;
  }

  close(): Promise<void> {
    return this.#parts.close();
  }

  /** Null: the row is not the copy's. */
  #digestOf({ row }: SentRow): string | null {
    this.#refuseUnknown(row);
    return this.#rows.passes(row) ? this.#rows.digest(row) : null;
  }

  /** The topic alone does not say what the copy should hold. */
  #refuseUnknown(row: SentRow["row"]): void {
    const column = this.#rows.unknown(row);
    if (column === null) return;
    const subject = printTable(this.#parts.copy.table.source);
    throw new ReplicationError("DB-REC-018", { subject, cause: `no event that the topic still holds says what "${column}" is in a row` });
  }

  #reading<T>(answer: T, position: Position): MasterReading<T> {
    const { positions } = this.#parts;
    return { answer, position, at: 0, shows: ({ mark }) => positions.covers(position, mark as Position) };
  }
}

/** As the servers of a copy put rows into groups (GroupChoice). */
function groupOf(digest: string, groups: number): number {
  return Number.parseInt(digest.slice(0, 4), 16) & (groups - 1);
}

function addTo(sums: Map<number, GroupDigest>, group: number, digest: string): void {
  const { count, high, low } = sums.get(group) ?? { count: 0, high: 0n, low: 0n };
  const [ownHigh, ownLow] = [BigInt(`0x${digest.slice(0, 16)}`), BigInt(`0x${digest.slice(16)}`)];
  sums.set(group, { group, count: count + 1, high: BigInt.asUintN(64, high + ownHigh), low: BigInt.asUintN(64, low + ownLow) });
}
