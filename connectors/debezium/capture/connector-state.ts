import type { Micros } from "../../../engine/model/change-message.ts";
import type { DebeziumEvent } from "../decode/change-event.ts";
import type { ConnectorWatch } from "./intake.ts";

/**
 * Whether the connector's own snapshot is over: what it did last, by its clock, was something that it only does afterwards. It
 * sends no heartbeats while it takes one.
 */
export class ConnectorState implements ConnectorWatch {
  #snapshottedAt: Micros | null = null;
  #doneAt: Micros | null = null;

  get snapshotIsOver(): boolean {
    return this.#doneAt !== null && this.#doneAt >= (this.#snapshottedAt ?? 0);
  }

  streamed(processedAt: Micros): void {
    this.#doneAt = Math.max(this.#doneAt ?? 0, processedAt);
  }

  snapshotted(processedAt: Micros, last: boolean): void {
    // The connector tells times in milliseconds: what comes after the end of a snapshot may have the time of its last row.
    this.#snapshottedAt = Math.max(this.#snapshottedAt ?? 0, last ? processedAt : processedAt + 1);
    if (last) this.streamed(processedAt);
  }

  /** From a look at the end of a topic. */
  saw(event: DebeziumEvent): void {
    if (event.kind === "heartbeat") this.streamed(event.processedAt);
    else if (event.kind === "data" && event.source.snapshot === null) this.streamed(event.processedAt);
    else if (event.kind === "data" && event.source.snapshot !== "incremental") {
      this.snapshotted(event.processedAt, event.source.snapshot === "last");
    }
  }
}
