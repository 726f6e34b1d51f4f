// Rows that an incremental snapshot read too early: a connector reads what its master shows, and a commit is in the master's log,
// and so perhaps in the topic, before it is shown. Whatever such a row could have that is newer than the last change of its key
// would have come as a change of its own, before it or behind it.
import type { Micros } from "../../../engine/model/change-message.ts";
import type { DataEvent, DescribedTable } from "../decode/change-event.ts";

/**
 * How long a change counts, by the connector's clock: longer than any commit that is not shown yet, shorter than people need to find
 * that changes are missing, and to have the rows read anew for that.
 */
const countsForMicros = 60_000_000;
/** Keys of one partition that are remembered at least, if so many have changed. */
const keysMax = 4096;

export class RecentChanges {
  readonly #partitions = new Map<string, Changed>();

  /** A streamed change of the key has come. Nothing of the record is kept. */
  note(partition: string, key: Buffer, event: DataEvent): void {
    let changed = this.#partitions.get(partition);
    if (changed === undefined) {
      changed = new Changed();
      this.#partitions.set(partition, changed);
    }
    changed.note(printKey(key), event);
  }

  /** The row tells nothing that the last change of its key has not told. */
  covers(partition: string, key: Buffer, row: DataEvent): boolean {
    return this.#partitions.get(partition)?.covers(printKey(key), row) ?? false;
  }

  forget(partition: string): void {
    this.#partitions.delete(partition);
  }
}

interface Generation {
  /** By key, the table as it was described then: a row of another form has what the change could not tell. */
  readonly tables: Map<string, DescribedTable>;
  readonly begunAt: Micros;
  endedAt: Micros;
}

/** Two generations, so that nothing has to be sorted by its age. */
class Changed {
  #fresh: Generation = generation(0);
  #former: Generation = generation(0);

  note(key: string, { table, processedAt }: DataEvent): void {
    if (this.#fresh.tables.size >= keysMax || processedAt - this.#fresh.begunAt > countsForMicros) {
      this.#former = this.#fresh;
      this.#fresh = generation(processedAt);
    }
    this.#fresh.tables.set(key, table);
    if (processedAt > this.#fresh.endedAt) this.#fresh.endedAt = processedAt;
  }

  covers(key: string, { table, processedAt }: DataEvent): boolean {
    for (const { tables, endedAt } of [this.#fresh, this.#former]) {
      const last = tables.get(key);
      if (last !== undefined) return last === table && processedAt - endedAt <= countsForMicros;
    }
    return false;
  }
}

function generation(begunAt: Micros): Generation {
  return { tables: new Map(), begunAt, endedAt: begunAt };
}

function printKey(key: Buffer): string {
  return key.toString("latin1");
}
