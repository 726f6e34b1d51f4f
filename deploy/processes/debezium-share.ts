// A Debezium source, wired: one connection in this process, and each slice of it as a source by itself.
import { DebeziumDecoder } from "../../connectors/debezium/debezium-decoder.ts";
import { openKafkaClient } from "../../connectors/debezium/kafka/open-client.ts";
import { DebeziumConnection } from "../../connectors/debezium/open-debezium.ts";
import { MysqlSnapshot } from "../../connectors/mysql/snapshot/mysql-snapshot.ts";
import { PostgresSnapshot } from "../../connectors/postgres/snapshot/postgres-snapshot.ts";
import type { DebeziumSourceConfiguration } from "../../engine/config/configuration.ts";
import { assert } from "../../engine/model/assert.ts";
import type { ServerAddress } from "../../engine/model/server-address.ts";
import type { TableName } from "../../engine/model/table.ts";
import type { SnapshotSource } from "../../engine/ports/snapshot-source.ts";
import type { RuntimeSlice } from "./runtime-parts.ts";
import type { Membership, SharedConnection } from "./shared-source.ts";
import { systemClock } from "./system-clock.ts";

export class DebeziumShare implements SharedConnection {
  readonly slices: number;
  readonly #configured: DebeziumSourceConfiguration;
  readonly #tables: () => readonly TableName[];
  #connection: DebeziumConnection | null = null;

  constructor(configured: DebeziumSourceConfiguration, tables: () => readonly TableName[]) {
    this.slices = configured.debezium.slices;
    this.#configured = configured;
    this.#tables = tables;
  }

  async join(): Promise<Membership> {
    const { debezium: options } = this.#configured;
    this.#connection ??= new DebeziumConnection({
      options,
      client: await openKafkaClient(options.kafka, options.client),
      decoder: new DebeziumDecoder(options),
      tables: this.#tables,
      clock: systemClock,
    });
    return this.#connection.join();
  }

  open(index: number): Omit<RuntimeSlice, "slice"> {
    assert(this.#connection !== null, "slices belong to members of the group");
    const { debezium, limits } = this.#configured;
    const source = this.#connection.source(index);
    const master = debezium.master === null ? null : openMaster(debezium.master, limits.connections);
    return { source, snapshot: this.#connection.snapshot(source, master) };
  }

  async close(): Promise<void> {
    await this.#connection?.close();
  }
}

/** Reads rows where the connector reads them; what it streams is told by its topics alone. */
function openMaster(address: ServerAddress, connections: number): SnapshotSource & { close(): Promise<void> } {
  if (address.kind === "mysql") return new MysqlSnapshot({ address, connections });
  return new PostgresSnapshot({ address, publication: null, connections });
}
