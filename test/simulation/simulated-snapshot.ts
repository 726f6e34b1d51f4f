// The master as one process reads its rows: each read shows what others can see at one moment, which is not all that the log holds.
import type { Micros } from "../../engine/model/change-message.ts";
import { PackedRows, packRow, type RowList } from "../../engine/model/packed-rows.ts";
import type { Predicate } from "../../engine/model/predicate.ts";
import type { Key, Row } from "../../engine/model/row.ts";
import { type CatalogTable, type TableName, tableKey } from "../../engine/model/table.ts";
import type {
  Chunk,
  ChunkRequest,
  RowsAnswer,
  RowsRequest,
  SnapshotSource,
  SnapshotVisibility,
} from "../../engine/ports/snapshot-source.ts";
import type { Random } from "../workload/random.ts";
import type { Line } from "./line.ts";
import type { Machine } from "./machine.ts";
import { type Master, type MasterRow, toPosition } from "./master.ts";

/** How soon it is looked again whether what was waited for has come, milliseconds. */
const lookMs = 3;

export interface SnapshotParts {
  readonly master: Master;
  readonly machine: Machine;
  readonly line: Line;
  readonly random: Random;
  /** Rows of a chunk at most. */
  readonly chunkRows: number;
}

export class SimulatedSnapshot implements SnapshotSource {
  readonly #parts: SnapshotParts;
  /** What was in the log when a copy was last taken over. */
  #takenOverAt = 0;

  constructor(parts: SnapshotParts) {
    this.#parts = parts;
  }

  /**
   * What SPEC.md excludes under "Loading": a transaction that was streamed to another engine and still cannot be seen when this one
   * reads its first chunk. Reads wait for such transactions here, as they need not in a real server.
   */
  tookOver(): void {
    this.#takenOverAt = this.#parts.master.end;
  }

  describe(tables: readonly TableName[]): Promise<readonly CatalogTable[]> {
    return this.#parts.line.ask("describe", () => tables.flatMap((name) => this.#table(name)?.catalog ?? []));
  }

  async readChunk(request: ChunkRequest, signal: AbortSignal): Promise<Chunk> {
    await this.#settled();
    const part = await this.#parts.line.ask("chunk", () => this.#part(request));
    signal.throwIfAborted();
    const position = await this.#parts.line.ask("chunk's end", () => toPosition(this.#parts.master.end));
    signal.throwIfAborted();
    return { ...part, position };
  }

  splitKeys(table: CatalogTable, _key: readonly string[], parts: number): Promise<readonly Key[]> {
    return this.#parts.line.ask("split", () => {
      const keys = [...this.#visible(table.table).keys()].toSorted();
      const cuts = Array.from({ length: parts - 1 }, (_, index) => keys[Math.floor(((index + 1) * keys.length) / parts)]);
      return [...new Set(cuts)].flatMap((key) => (key === undefined ? [] : [[Buffer.from(key)]]));
    });
  }

  async readRows(request: RowsRequest): Promise<RowsAnswer> {
    await this.#settled();
    const { rows, visibility } = await this.#parts.line.ask("rows", () => {
      const visible = this.#visible(request.table.table);
      const found = request.keys.map(([key]) => visible.get(String(key))).filter((row) => row !== undefined);
      const passing = found.filter((row) => this.#passes(request, row));
      return { rows: passing.map((row) => this.#project(request, row)), visibility: this.#parts.master.visibility() };
    });
    return { rows, visibility, position: await this.#parts.line.ask("rows' end", () => toPosition(this.#parts.master.end)) };
  }

  countRows(table: TableName): Promise<number> {
    return this.#parts.line.ask("count", () => this.#visible(table).size);
  }

  async #settled(): Promise<void> {
    const { master, machine } = this.#parts;
    while ([...master.hidden].some(({ begin }) => begin <= this.#takenOverAt)) await machine.clock.sleep(lookMs);
  }

  #part(request: ChunkRequest): Omit<Chunk, "position"> & { visibility: SnapshotVisibility; startedAt: Micros } {
    const { master, random, chunkRows } = this.#parts;
    const after = request.after === null ? null : String(request.after[0]);
    const until = request.until === null ? null : String(request.until[0]);
    const inRange = ([key]: [string, MasterRow]): boolean => (after === null || key > after) && (until === null || key <= until);
    const all = [...this.#visible(request.table.table)].filter(inRange).toSorted(([one], [other]) => (one < other ? -1 : 1));
    const rowsMax = Math.min(request.rowsMax, random.between(1, chunkRows));
    const read = all.slice(0, rowsMax);
    const last = read.at(-1)?.[0];
    const rows = read.map(([, row]) => row).filter((row) => this.#passes(request, row));
    return {
      rows: this.#asGiven(rows.map((row) => this.#project(request, row))),
      lastKey: last === undefined ? null : [Buffer.from(last)],
      complete: all.length <= rowsMax,
      visibility: master.visibility(),
      startedAt: master.now,
    };
  }

  #asGiven(rows: Row[]): RowList {
    return this.#parts.random.chance(0.5) ? rows : new PackedRows(rows.map(packRow));
  }

  #table(name: TableName): Master["tables"][number] | undefined {
    return this.#parts.master.tables.find(({ catalog }) => tableKey(catalog.table) === tableKey(name));
  }

  #visible(name: TableName): ReadonlyMap<string, MasterRow> {
    const { tables, visible } = this.#parts.master;
    return visible[tables.findIndex(({ catalog }) => tableKey(catalog.table) === tableKey(name))] ?? new Map<string, MasterRow>();
  }

  #project({ table, columns }: Pick<ChunkRequest, "table" | "columns">, row: MasterRow): Row {
    return columns.map((name) => {
      const value = row[table.columns.findIndex((column) => column.name === name)] ?? null;
      return value === null ? null : Buffer.from(value);
    });
  }

  #passes({ table, filter }: Pick<ChunkRequest, "table" | "filter">, row: MasterRow): boolean {
    return filter === null || verdict(filter, (column) => row[table.columns.findIndex(({ name }) => name === column)] ?? null) === true;
  }
}

/** SQL's three values; the server's own judgement, by the few operators that the simulated shares have. */
function verdict(filter: Predicate, value: (column: string) => string | null): boolean | null {
  switch (filter.op) {
    case "in": {
      const found = value(filter.column);
      return found === null ? null : filter.values.includes(found);
    }
    case "any": {
      const answers = filter.of.map((part) => verdict(part, value));
      return answers.includes(true) ? true : answers.includes(null) ? null : false;
    }
    default:
      throw new Error(`the simulated master does not know ${filter.op}`);
  }
}
