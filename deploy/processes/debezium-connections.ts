// A Debezium source's pieces put together: client, decoder, group, and the master where rows are read there.
import { topicOf } from "../../connectors/debezium/capture/topic-log.ts";
import { SentChanges } from "../../connectors/debezium/compare/sent-changes.ts";
import { DebeziumDecoder } from "../../connectors/debezium/debezium-decoder.ts";
import { type Heartbeats, noHeartbeats, readHeartbeats } from "../../connectors/debezium/heartbeats.ts";
import { DeferredClient } from "../../connectors/debezium/kafka/deferred-client.ts";
import { openKafkaClient } from "../../connectors/debezium/kafka/open-client.ts";
import { DebeziumConnection } from "../../connectors/debezium/open-debezium.ts";
import type { SourceNeeds } from "../../connectors/debezium/preflight/judge-connector.ts";
import { preflightSource } from "../../connectors/debezium/preflight/preflight-source.ts";
import { topicOffsetOrder } from "../../connectors/debezium/topic-offsets.ts";
import { MysqlSnapshot } from "../../connectors/mysql/snapshot/mysql-snapshot.ts";
import { PostgresSnapshot } from "../../connectors/postgres/snapshot/postgres-snapshot.ts";
import type { DebeziumSourceConfiguration, SourceConfiguration } from "../../engine/config/configuration.ts";
import type { Finding } from "../../engine/model/finding.ts";
import type { PositionOrder } from "../../engine/model/position.ts";
import type { ServerAddress } from "../../engine/model/server-address.ts";
import type { CatalogTable, TableName } from "../../engine/model/table.ts";
import type { ChangeSource } from "../../engine/ports/change-source.ts";
import type { SnapshotSource } from "../../engine/ports/snapshot-source.ts";
import type { SharedConnection } from "./shared-source.ts";
import { systemClock } from "./system-clock.ts";

type Closable<T> = T & { close(): Promise<void> };

/** A command waits no longer than this for brokers that are down: everything else must still be shown. */
const commandStalledAfterMs = 5_000;

export interface SourceUse {
  /** For loading: at most so many connections. */
  readonly connections: number;
  /** Those whose rows are wanted, where the log holds others too: the same array as long as it holds the same. */
  readonly tables: () => readonly TableName[];
}

export interface OpenSource {
  readonly source: ChangeSource;
  /** Reads what the change stream will carry on. */
  readonly snapshot: Closable<SnapshotSource>;
}

/** A source that processes share, each some slices of it. Nothing is connected before the first question. */
export function shareTopics(
  { debezium }: DebeziumSourceConfiguration,
  { connections, tables }: SourceUse,
  slices = debezium.slices,
): SharedConnection {
  const options = { ...debezium, slices };
  const client = new DeferredClient(() => openKafkaClient(options.kafka, options.client));
  const connection = new DebeziumConnection({ options, client, decoder: new DebeziumDecoder(options), tables, clock: systemClock });
  const { master } = options;
  return {
    slices,
    join: () => connection.join(),
    open: (index) => {
      const source = connection.source(index);
      return { source, snapshot: connection.snapshot(source, master === null ? null : openMaster(master, connections)) };
    },
    close: () => connection.close(),
  };
}

/** All of it as one source. */
export function openTopics(configured: DebeziumSourceConfiguration, use: SourceUse): OpenSource {
  const shared = shareTopics(configured, use, 1);
  const { source, snapshot } = shared.open(0);
  const close = async (): Promise<void> => {
    await snapshot.close();
    await shared.close();
  };
  return { source, snapshot: closedBy(snapshot, close) };
}

function closedBy(snapshot: SnapshotSource, close: () => Promise<void>): Closable<SnapshotSource> {
  return {
    describe: (tables) => snapshot.describe(tables),
    readChunk: (request, signal) => snapshot.readChunk(request, signal),
    splitKeys: (table, key, parts) => snapshot.splitKeys(table, key, parts),
    readRows: (request) => snapshot.readRows(request),
    countRows: (table, filter) => snapshot.countRows(table, filter),
    close,
  };
}

/** For a command's few questions. */
export function openTopicCatalog(configured: DebeziumSourceConfiguration): Closable<SnapshotSource> {
  const { snapshot } = openTopics(configured, { connections: 1, tables: () => [] });
  const { master } = configured.debezium;
  return master === null ? snapshot : rowsOfMaster(openMaster(master, 1), snapshot);
}

/** Tables as the topics describe them, rows as the master has them now, which are not waited for in the topics. */
function rowsOfMaster(master: Closable<SnapshotSource>, topics: Closable<SnapshotSource>): Closable<SnapshotSource> {
  const atMaster = async (table: CatalogTable): Promise<CatalogTable> => (await master.describe([table.table]))[0] ?? table;
  return {
    describe: (tables) => topics.describe(tables),
    readChunk: async (request, signal) => master.readChunk({ ...request, table: await atMaster(request.table) }, signal),
    splitKeys: async (table, key, parts) => master.splitKeys(await atMaster(table), key, parts),
    readRows: async (request) => master.readRows({ ...request, table: await atMaster(request.table) }),
    countRows: (table, filter) => master.countRows(table, filter),
    close: async () => {
      await Promise.all([master.close(), topics.close()]);
    },
  };
}

/** The topic of one of a source's tables, as often from its beginning as is asked for, and how positions in it compare. */
export interface SentTopic {
  readonly positions: PositionOrder;
  readonly open: () => SentChanges;
  readonly close: () => Promise<void>;
}

/** Nothing is connected before the first question. */
export function openSentTopic({ debezium: options }: DebeziumSourceConfiguration, table: TableName): SentTopic {
  const client = new DeferredClient(() => openKafkaClient(options.kafka, options.client));
  const decoder = new DebeziumDecoder(options);
  return {
    positions: topicOffsetOrder((topic) => topic === topicOf(options, table)),
    open: () => new SentChanges({ options, client, decoder, table }),
    close: () => client.close(),
  };
}

/** A Debezium source's master, read beside its topics. */
export function openMaster(address: ServerAddress, connections: number): Closable<SnapshotSource> {
  if (address.kind === "mysql") return new MysqlSnapshot({ address, connections });
  return new PostgresSnapshot({ address, connections, publication: null });
}

export function checkTopics({ debezium: options }: DebeziumSourceConfiguration, needs: SourceNeeds): Promise<Finding[]> {
  const open = async () => ({
    client: await openKafkaClient(options.kafka, options.client, { stalledAfterMs: commandStalledAfterMs }),
    decoder: new DebeziumDecoder(options),
  });
  return preflightSource({ options, open, ...needs });
}

/** When a Debezium source's connector was last heard of; null: the source is asked itself. */
export async function readHeartbeatsOf(source: SourceConfiguration): Promise<Heartbeats | null> {
  if (source.connector !== "debezium") return null;
  const { debezium: options } = source;
  const client = await openKafkaClient(options.kafka, options.client, { stalledAfterMs: commandStalledAfterMs });
  try {
    const { heartbeat } = options.topics;
    const exists = (await client.topics([heartbeat])).length > 0;
    return exists ? await readHeartbeats(client, new DebeziumDecoder(options), heartbeat) : noHeartbeats;
  } finally {
    await client.close();
  }
}
