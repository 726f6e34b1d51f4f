// Loads over a read-only connection to the master, merged with topics that come some time after it.
import type { Micros } from "../../../engine/model/change-message.ts";
import type { Position } from "../../../engine/model/position.ts";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import type { Key } from "../../../engine/model/row.ts";
import type { Predicate } from "../../../engine/model/predicate.ts";
import { type CatalogTable, printTable, type TableName, tableKey } from "../../../engine/model/table.ts";
import type { Clock } from "../../../engine/ports/clock.ts";
import type {
  Chunk,
  ChunkRequest,
  FenceRequest,
  RowsAnswer,
  RowsRequest,
  SnapshotSource,
  SnapshotVisibility,
} from "../../../engine/ports/snapshot-source.ts";
import type { DebeziumSource, EndOfTopics } from "../debezium-source.ts";

/** How often the source is asked whether its topics have come as far as the master was. */
const askMs = 200;

export interface DirectSnapshotParts {
  /** Reads the master. */
  readonly inner: SnapshotSource & { close(): Promise<void> };
  /** Reads the topics' own descriptions. */
  readonly topics: Pick<SnapshotSource, "describe">;
  readonly source: DebeziumSource;
  readonly clock: Clock;
}

export class DirectSnapshot implements SnapshotSource {
  readonly #parts: DirectSnapshotParts;
  readonly #catalog = new Map<string, CatalogTable>();
  readonly #stop = new AbortController();

  constructor(parts: DirectSnapshotParts) {
    this.#parts = parts;
  }

  /** As the topics tell, since the stream is compared with it: the master names the same columns and types otherwise. */
  describe(tables: readonly TableName[]): Promise<readonly CatalogTable[]> {
    return this.#parts.topics.describe(tables);
  }

  async readChunk(request: ChunkRequest, signal: AbortSignal): Promise<Chunk> {
    const table = await this.#atMaster(request.table);
    const chunk = await this.#parts.inner.readChunk({ ...request, table }, signal);
    return { ...chunk, visibility: bySourceTransaction(chunk.visibility), position: null };
  }

  /** The end of the topics as soon as everything has come through the stream that the master had committed by now. */
  async fence(request: FenceRequest, signal: AbortSignal): Promise<Position> {
    const table = await this.#atMaster(request.table);
    const { source } = this.#parts;
    return this.#endAfter(await this.#masterTime({ ...request, table }, signal), () => source.endOfLog(), signal);
  }

  async splitKeys(table: CatalogTable, key: readonly string[], parts: number): Promise<readonly Key[]> {
    return this.#parts.inner.splitKeys(await this.#atMaster(table), key, parts);
  }

  async readRows(request: RowsRequest): Promise<RowsAnswer> {
    const table = await this.#atMaster(request.table);
    const { rows, visibility } = await this.#parts.inner.readRows({ ...request, table });
    // The stream waits for whoever asks, so that its own clock would not go on.
    const { source } = this.#parts;
    const readAt = await this.#masterTime({ table, key: request.key }, this.#stop.signal);
    const position = await this.#endAfter(readAt, () => source.trustedEnd(), this.#stop.signal);
    return { rows, position, visibility: bySourceTransaction(visibility) };
  }

  countRows(table: TableName, filter: Predicate | null): Promise<number> {
    return this.#parts.inner.countRows(table, filter);
  }

  close(): Promise<void> {
    this.#stop.abort();
    return this.#parts.inner.close();
  }

  /** The table in the master's own types. */
  async #atMaster({ table }: CatalogTable): Promise<CatalogTable> {
    const key = tableKey(table);
    const known = this.#catalog.get(key);
    if (known !== undefined) return known;
    const [found] = await this.#parts.inner.describe([table]);
    if (found === undefined) throw new ReplicationError("DB-MAP-030", { subject: printTable(table) });
    this.#catalog.set(key, found);
    return found;
  }

  /** The master's clock, read after everything that was read before: a further read tells when it began. */
  async #masterTime({ table, key }: FenceRequest, signal: AbortSignal): Promise<Micros> {
    const request = { table, key, columns: key, filter: null, after: null, until: null, rowsMax: 1, bytesMax: 1 };
    const { startedAt } = await this.#parts.inner.readChunk(request, signal);
    return startedAt;
  }

  async #endAfter(readAt: Micros, ask: () => Promise<EndOfTopics>, signal: AbortSignal): Promise<Position> {
    for (;;) {
      const end = await ask();
      if (end.at >= readAt || signal.aborted) return end.position;
      await this.#parts.clock.sleep(askMs, signal);
    }
  }
}

/** Topics tell no transaction of rows that a snapshot has read: whoever reads later has seen them. */
function bySourceTransaction(inner: SnapshotVisibility): SnapshotVisibility {
  return { sees: (transactionId) => transactionId === "" || inner.sees(transactionId) };
}
