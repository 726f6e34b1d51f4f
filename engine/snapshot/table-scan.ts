// One pass over a source table in keyset chunks, each routed to every copy that takes part.
import type { Micros } from "../model/change-message.ts";
import type { Predicate } from "../model/predicate.ts";
import { predicateColumns } from "../model/predicate.ts";
import type { RowList } from "../model/packed-rows.ts";
import type { ReplicationError } from "../model/replication-error.ts";
import { type CatalogTable, printTable } from "../model/table.ts";
import type { Lane } from "../pipeline/lane.ts";
import type { ChunkAdvance } from "../pipeline/lane-item.ts";
import type { LaneQueue } from "../pipeline/lane-queue.ts";
import type { SnapshotMember, SnapshotRouter } from "../ports/change-mapper.ts";
import type { LoadRange } from "../ports/change-target.ts";
import type { Clock } from "../ports/clock.ts";
import type { Chunk, ChunkRequest, SnapshotSource } from "../ports/snapshot-source.ts";
import { TaskGroup } from "../concurrency/task-group.ts";
import { failpoint } from "../concurrency/failpoint.ts";
import type { ChunkWindow } from "./chunk-window.ts";
import { type LoadMember, memberKey } from "./load-member.ts";
import { advancedRange, decodeKey, encodeKey, rangeComplete } from "./load-progress.ts";
import type { UnsettledTransactions } from "./unsettled-transactions.ts";

/** A chunk in memory whose rows are taken apart, and what the lanes together may have waiting before the next chunk is read. */
const chunkBytesMax = 1024 * 1024;
const waitingBytesMax = 4 * 1024 * 1024;
const chunkRowsMax = 20_000;

export interface ScanParts {
  readonly snapshot: SnapshotSource;
  readonly clock: Clock;
  readonly parallel: number;
  readonly atBoundary: (action: () => void) => Promise<void>;
  readonly router: (table: CatalogTable, columns: readonly string[], members: readonly SnapshotMember[]) => SnapshotRouter;
  readonly verifyServer: () => Promise<void>;
  readonly openWindow: (members: readonly string[]) => ChunkWindow<string>;
  readonly closeWindow: (window: ChunkWindow<string>) => void;
  readonly unsettled: UnsettledTransactions;
  readonly takeTurn: (signal: AbortSignal) => Promise<void>;
  readonly endTurn: () => void;
}

export interface ScanProblem {
  readonly error: ReplicationError;
  readonly since: Micros;
}

export class TableScan {
  readonly #parts: ScanParts;
  readonly #catalog: CatalogTable;
  readonly #key: readonly string[];
  #members: readonly LoadMember[];
  #ranges: readonly LoadRange[];
  #problem: ScanProblem | null = null;

  /** Members wait for the same ranges of the same table. */
  constructor(members: readonly LoadMember[], parts: ScanParts) {
    const [first] = members as readonly [LoadMember, ...LoadMember[]];
    this.#members = members;
    this.#parts = parts;
    this.#catalog = first.mapping.catalog;
    this.#key = first.mapping.key;
    this.#ranges = first.progress.ranges;
  }

  get name(): string {
    return printTable(this.#catalog.table);
  }

  /** Why no rows come; null: they do, or nothing is known against it. */
  get problem(): ScanProblem | null {
    return this.#problem;
  }

  serves(lane: Lane): boolean {
    return this.#members.some((member) => member.lane === lane);
  }

  failed(error: ReplicationError): void {
    const since = this.#problem?.error.code === error.code ? this.#problem.since : this.#parts.clock.now();
    this.#problem = { error, since };
  }

  leave(lane: Lane): void {
    this.#members = this.#members.filter((member) => member.lane !== lane);
  }

  /** Reads what is left of every range. Called again after a failure it goes on where it was. */
  async run(signal: AbortSignal): Promise<void> {
    await using group = new TaskGroup(signal);
    for (const [index, range] of this.#ranges.entries()) {
      if (!rangeComplete(range)) group.start((stop) => this.#completeRange(index, stop));
    }
    await group.join();
  }

  async #completeRange(index: number, signal: AbortSignal): Promise<void> {
    await this.#scanRange(index, signal);
    if (!signal.aborted && this.#ranges[index]?.unfenced === true) await this.#fence(index, signal);
  }

  async #scanRange(index: number, signal: AbortSignal): Promise<void> {
    const whole = this.#rowsPerChunk();
    let rowsMax = whole;
    while (!signal.aborted && this.#members.length > 0 && this.#ranges[index]?.done === false) {
      await this.#parts.takeTurn(signal);
      try {
        if (signal.aborted) return;
        const delivered = await this.#chunk(index, rowsMax, signal);
        // Too much traffic on the table for a chunk of this size; it may pass.
        if (delivered === "overflown") rowsMax = Math.max(1, Math.floor(rowsMax / 4));
        if (delivered === "delivered") rowsMax = Math.min(whole, 2 * rowsMax);
      } finally {
        this.#parts.endTurn();
      }
      await this.#room(signal);
    }
  }

  async #chunk(index: number, rowsMax: number, signal: AbortSignal): Promise<"delivered" | "overflown" | "retry"> {
    const { atBoundary, openWindow, closeWindow, unsettled, snapshot, clock } = this.#parts;
    const members = this.#members;
    let window: ChunkWindow<string> | null = null;
    let unseen: readonly string[] = [];
    await atBoundary(() => {
      window = openWindow(members.map((member) => memberKey(member.lane, member.table)));
      unseen = unsettled.current();
    });
    const opened = window as unknown as ChunkWindow<string>;
    try {
      const read = this.#plan(members);
      const chunk = await snapshot.readChunk({ ...this.#request(index, rowsMax), ...read }, signal);
      unsettled.settle(chunk.visibility);
      if (unseen.some((id) => !chunk.visibility.sees(id))) {
        // Some commit is in the log and not visible yet; it soon will be.
        await clock.sleep(5, signal);
        return "retry";
      }
      if (opened.overflown) return "overflown";
      failpoint("snapshot-mid-chunk");
      if (chunk.complete) failpoint("snapshot-last-chunk");
      // A standby that was promoted, or a backup, may have taken the server's place between the chunks: its rows are of another log.
      if (chunk.complete) await this.#parts.verifyServer();
      const routed = this.#routed(members, read.columns, chunk);
      await atBoundary(() => {
        // While the boundary was waited for, the rest of a large transaction may have been too much for the window.
        if (!signal.aborted && !opened.overflown) this.#deliver(index, chunk, { members, routed, window: opened });
      });
      return opened.overflown ? "overflown" : "delivered";
    } finally {
      closeWindow(opened);
    }
  }

  #deliver(
    index: number,
    chunk: Chunk,
    to: {
      readonly members: readonly LoadMember[];
      readonly routed: readonly RowList[];
      readonly window: ChunkWindow<string>;
    },
  ): void {
    const after = chunk.lastKey === null ? null : encodeKey(chunk.lastKey);
    const advance: ChunkAdvance = { range: index, after, done: chunk.complete, position: chunk.position };
    for (const [place, member] of to.members.entries()) {
      if (!this.#members.includes(member)) continue;
      const replay = to.window.missedBy(memberKey(member.lane, member.table), chunk.visibility);
      member.lane.push({ tag: "chunk", table: member.table, rows: to.routed[place] ?? [], replay, advance });
    }
    this.#advanced(advance);
  }

  /** Outside of any window: however long it takes, no change has to be kept for it. */
  async #fence(index: number, signal: AbortSignal): Promise<void> {
    const position = (await this.#parts.snapshot.fence?.({ table: this.#catalog, key: this.#key }, signal)) ?? null;
    if (signal.aborted || position === null) return;
    await this.#parts.atBoundary(() => {
      if (signal.aborted) return;
      const advance: ChunkAdvance = { range: index, after: null, done: true, position };
      for (const { lane, table } of this.#members) lane.push({ tag: "chunk", table, rows: [], replay: [], advance });
      this.#advanced(advance);
    });
  }

  #advanced(advance: ChunkAdvance): void {
    this.#problem = null;
    this.#ranges = this.#ranges.map((range, place) => (place === advance.range ? advancedRange(range, advance) : range));
  }

  #routed(members: readonly LoadMember[], columns: readonly string[], chunk: Chunk): readonly RowList[] {
    // Filtered and projected by the source already.
    if (members.length === 1) return [chunk.rows];
    const wanted = members.map((member) => ({ table: member.mapping, filter: member.progress.filter }));
    return this.#parts.router(this.#catalog, columns, wanted).route(chunk.rows);
  }

  /** Columns and filter of the read: one copy's own, or what all of them need together, each row taken apart. */
  #plan(members: readonly LoadMember[]): Pick<ChunkRequest, "columns" | "filter" | "nativeForm"> {
    const columns = new Set(members.flatMap((member) => member.mapping.columns.map((column) => column.source)));
    const filters = members.map((member) => member.progress.filter);
    const [only] = members;
    if (only !== undefined && members.length === 1)
      return { columns: [...columns], filter: only.progress.filter, nativeForm: only.lane.takesNativeForm(only.table) };
    const own: Predicate[] = [];
    for (const filter of filters) {
      if (filter === null) continue;
      own.push(filter);
      for (const column of predicateColumns(filter)) columns.add(column);
    }
    return { columns: [...columns], filter: own.length < filters.length ? null : { op: "any", of: own } };
  }

  #request(index: number, rowsMax: number): Omit<ChunkRequest, "columns" | "filter" | "nativeForm"> {
    const range = this.#ranges[index] as LoadRange;
    return {
      table: this.#catalog,
      key: this.#key,
      after: range.after === null ? null : decodeKey(range.after),
      until: range.until === null ? null : decodeKey(range.until),
      rowsMax,
      bytesMax: this.#chunkBytesMax,
    };
  }

  #rowsPerChunk(): number {
    const { estimatedBytes, estimatedRows } = this.#catalog;
    if (estimatedRows <= 0) return 2_000;
    const rowBytes = Math.max(1, estimatedBytes / estimatedRows);
    return Math.max(10, Math.min(chunkRowsMax, Math.floor(this.#chunkBytesMax / rowBytes)));
  }

  /** Several copies need each row's values. */
  get #chunkBytesMax(): number {
    return this.#members.length > 1 ? chunkBytesMax : (this.#parts.snapshot.chunkBytesMax ?? chunkBytesMax);
  }

  /** Waits until the lanes that are being emptied have room; the others go to disk and wait there. */
  async #room(signal: AbortSignal): Promise<void> {
    const queues = (): LaneQueue[] => this.#members.filter(({ lane }) => lane.live && !lane.queue.spilling).map(({ lane }) => lane.queue);
    const waitingBytes = (): number => queues().reduce((sum, queue) => sum + queue.bytes, 0);
    while (waitingBytes() > waitingBytesMax && !signal.aborted) await this.#parts.clock.sleep(2, signal);
  }
}
