// A subscription published to Kafka in Debezium's form. Consumers that read committed records only (`read_committed`) see every
// batch whole and once; others may see parts of batches that were given up.
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import type { PositionOrder } from "../../../engine/model/position.ts";
import type { Key } from "../../../engine/model/row.ts";
import type { Subscription, TableMapping } from "../../../engine/model/share.ts";
import { printTable, tableKey } from "../../../engine/model/table.ts";
import type { ChangeTarget, Objection, StoredCheckpoint, TargetState, TargetTransaction } from "../../../engine/ports/change-target.ts";
import type { HeldRows } from "../../../engine/target/quarantine-book.ts";
import { epochsOf, refuseLaterTerm } from "../../../engine/target/terms.ts";
import type { KafkaClient } from "../kafka/kafka-client.ts";
import { openKafkaClient } from "../kafka/open-client.ts";
import { suspended } from "./advance-state.ts";
import { PublicationTransaction } from "./publication-transaction.ts";
import type { PublicationState } from "./publication-state.ts";
import { PublicationWriter, terminatePublication } from "./publication-writer.ts";
import { type PublishOptions, readingLibrary } from "./publish-options.ts";
import { registered } from "./register-subscription.ts";
import { lostState, prepareTopics, readState } from "./state-topic.ts";
import { TableCodec } from "./table-codec.ts";
import { stateTopic, tableTopic } from "./topic-names.ts";

export interface KafkaTargetOptions {
  readonly publish: PublishOptions;
  readonly subscription: Subscription;
  /** How the subscription's source orders positions. */
  readonly positions: Pick<PositionOrder, "parse">;
}

/** The writer that is at work, and what it knows beside the state. */
interface Session {
  readonly writer: PublicationWriter;
  readonly held: HeldRows;
  /** A transaction was begun and is not over, or did not end well: its producer is not used again. */
  spent: boolean;
}

const standing: Objection = (table) => ("reason" in table ? table.reason : null);

export class KafkaTarget implements ChangeTarget {
  readonly #options: KafkaTargetOptions;
  #subscription: Subscription;
  #client: KafkaClient | null = null;
  #session: Session | null = null;
  #objection: Objection = standing;
  /** Topics that prepare has made. */
  #freshTopics: ReadonlySet<string> = new Set();
  #truncatable: ReadonlySet<string> = new Set();
  #codecs = new Map<string, TableCodec>();
  /** The checkpoint's position as this worker last read or wrote it. */
  #position: string | null = null;

  constructor(options: KafkaTargetOptions) {
    this.#options = options;
    this.#subscription = options.subscription;
  }

  /** Makes the topics. What is to be stored is written by takeEpoch: writing here would throw out whoever still publishes. */
  async prepare(subscription: Subscription, objection: Objection = standing): Promise<TargetState> {
    await this.#endSession();
    this.#subscription = subscription;
    this.#objection = objection;
    const { prefix, partitions } = this.#options.publish;
    const client = await this.#connected();
    this.#codecs = new Map(subscription.tables.map((table) => [tableKey(table.target), codecOf(prefix, table)]));
    const stored = await readState(client, prefix);
    const state = this.#registered(stored);
    const topics = [...this.#codecs.values()].map(({ topic }) => topic);
    const { made, truncatable } = await prepareTopics(client, { prefix, tables: topics, partitions, written: stored !== null });
    this.#freshTopics = made;
    this.#truncatable = truncatable;
    return this.#targetState(made.size === 0 ? state : this.#registered(stored));
  }

  async takeEpoch(term: number | null = null): Promise<TargetState> {
    await this.#endSession();
    const { first, end } = epochsOf(term);
    // Before whoever publishes is thrown out.
    const { epoch = 0 } = (await readState(await this.#connected(), this.#options.publish.prefix)) ?? {};
    refuseLaterTerm(this.#subscription.id, epoch, end);
    const writer = await PublicationWriter.start(await this.#connected(), this.#options.publish);
    try {
      const state = this.#registered(writer.stored);
      refuseLaterTerm(this.#subscription.id, state.epoch, end);
      await writer.write({ ...state, epoch: Math.max(state.epoch + 1, first) });
    } catch (error) {
      await writer.close();
      throw error;
    }
    this.#freshTopics = new Set();
    this.#session = this.#sessionOf(writer);
    this.#position = writer.state.position;
    return this.#targetState(writer.state);
  }

  async begin(epoch: number): Promise<TargetTransaction> {
    const session = await this.#owned(epoch);
    const { writer, held } = session;
    session.spent = true;
    await writer.producer.begin();
    return new PublicationTransaction({
      producer: writer.producer,
      subscription: this.#subscription,
      prefix: this.#options.publish.prefix,
      state: writer.state,
      held,
      codecOf: (table) => this.#codec(table),
      truncatable: (table) => this.#truncatable.has(this.#codec(table).topic),
      committed: (state) => {
        session.spent = false;
        writer.note(state);
        this.#position = state.position;
      },
    });
  }

  async checkpoint(): Promise<StoredCheckpoint> {
    const epoch = this.#session?.writer.state.epoch;
    await this.#endSession();
    let state = await this.#stored();
    if (epoch === undefined || state.epoch === epoch) {
      // What the producer of before left in doubt is settled once another has its transactional id.
      const writer = await PublicationWriter.start(await this.#connected(), this.#options.publish);
      await writer.close();
      state = writer.state;
    }
    this.#position = state.position;
    return this.#checkpointOf(state);
  }

  async setSuspension(epoch: number, reason: string | null): Promise<void> {
    const write = async (): Promise<void> => {
      const { writer } = await this.#owned(epoch);
      const state = suspended(writer.state, reason);
      if (state !== writer.state) await writer.write(state);
    };
    try {
      await write();
    } catch (error) {
      if (!(error instanceof ReplicationError) || error.code !== "DB-KAF-011") throw error;
      // Thrown out by a command, or by whoever has taken over: the stored epoch tells.
      await this.#endSession();
      await write();
    }
  }

  async quarantined(): Promise<readonly { readonly table: TableMapping; readonly key: Key }[]> {
    const { copies } = this.#session?.writer.state ?? (await this.#stored());
    const entries = this.#subscription.tables.flatMap((table) =>
      Object.values(copies[printTable(table.target)]?.quarantine ?? {}).map((row) => ({ table, ...row })),
    );
    const oldestFirst = entries.toSorted((a, b) => a.firstSeen - b.firstSeen);
    return oldestFirst.map(({ table, key }) => ({ table, key: key.map((part) => Buffer.from(part, "utf8")) }));
  }

  async terminate(): Promise<void> {
    await this.#endSession();
    await terminatePublication(await this.#connected(), this.#options.publish, this.#subscription.id);
  }

  /** Nothing to be done: labels are told with each event's schema, and no label is refused. */
  async refreshTypes(_table: TableMapping): Promise<void> {}

  async close(): Promise<void> {
    await this.#endSession();
    await this.#client?.close();
    this.#client = null;
  }

  /** The writer, a new one after a failure; only while the epoch is the stored one. */
  async #owned(epoch: number): Promise<Session> {
    const { spent, writer } = this.#session ?? {};
    if (spent === true || writer?.state.epoch !== epoch) await this.#endSession();
    if (this.#session !== null) return this.#session;
    // Looked at first, so that a worker of before throws out nobody; and again, for somebody may have come in between.
    this.#refuseOtherEpoch(await this.#stored(), epoch);
    const fresh = await PublicationWriter.start(await this.#connected(), this.#options.publish);
    try {
      if (fresh.stored === null) throw this.#lost();
      this.#refuseOtherEpoch(fresh.state, epoch);
      this.#refuseOtherCheckpoint(fresh.state);
    } catch (error) {
      await fresh.close();
      throw error;
    }
    this.#session = this.#sessionOf(fresh);
    return this.#session;
  }

  #refuseOtherEpoch({ epoch: stored }: PublicationState, epoch: number): void {
    const subject = this.#subscription.id;
    if (stored < epoch) throw new ReplicationError("DB-RUN-012", { subject, cause: `it is at epoch ${stored} and was at ${epoch}` });
    if (stored === epoch) return;
    throw new ReplicationError("DB-RUN-010", { subject, cause: `epoch ${stored} has taken over from epoch ${epoch}` });
  }

  /** Whoever went on from what it remembers would leave out what was lost meanwhile. */
  #refuseOtherCheckpoint({ position }: PublicationState): void {
    if (position === this.#position) return;
    const cause = `it is at ${position ?? "its beginning"}, and was left at ${this.#position ?? "its beginning"}`;
    throw new ReplicationError("DB-RUN-012", { subject: this.#subscription.id, cause });
  }

  #registered(stored: PublicationState | null): PublicationState {
    const { prefix } = this.#options.publish;
    const [subscription, objection, freshTopics] = [this.#subscription, this.#objection, this.#freshTopics];
    return registered(stored, { subscription, prefix, objection, freshTopics, now: Date.now() * 1000 });
  }

  #sessionOf(writer: PublicationWriter): Session {
    const held: HeldRows = new Map();
    for (const { target } of this.#subscription.tables) {
      const digests = Object.keys(writer.state.copies[printTable(target)]?.quarantine ?? {});
      if (digests.length > 0) held.set(tableKey(target), new Set(digests));
    }
    return { writer, held, spent: false };
  }

  #codec(table: TableMapping): TableCodec {
    const id = tableKey(table.target);
    const codec = this.#codecs.get(id) ?? codecOf(this.#options.publish.prefix, table);
    this.#codecs.set(id, codec);
    return codec;
  }

  #targetState(state: PublicationState): TargetState {
    const copyOf = ({ target }: Pick<TableMapping, "target">): PublicationState["copies"][string] | undefined =>
      state.copies[printTable(target)];
    const copies = this.#subscription.tables.flatMap((table) => {
      const copy = copyOf(table);
      if (copy === undefined) return [];
      const { load, stopped, contract, state: copyState, events } = copy;
      const awaitsLoad = copyState === "RESYNCING" && load === null;
      return [{ table, load, stopped, contract, expired: copyState === "EXPIRED", awaitsLoad, empty: events === 0 }];
    });
    const stopped = this.#subscription.stopped.map((table) => ({ table, reason: copyOf(table)?.stopped ?? table.reason }));
    return { checkpoint: this.#checkpointOf(state), copies, stopped };
  }

  #checkpointOf({ epoch, position, sourceIdentity, nextBatch }: PublicationState): StoredCheckpoint {
    return { epoch, position: position === null ? null : this.#options.positions.parse(position), sourceIdentity, nextBatch };
  }

  async #stored(): Promise<PublicationState> {
    const state = await readState(await this.#connected(), this.#options.publish.prefix);
    if (state === null) throw this.#lost();
    return state;
  }

  #lost(): ReplicationError {
    return lostState(stateTopic(this.#options.publish.prefix), "the record of the subscription is gone");
  }

  async #connected(): Promise<KafkaClient> {
    const { kafka } = this.#options.publish;
    this.#client ??= await openKafkaClient(kafka, readingLibrary);
    return this.#client;
  }

  async #endSession(): Promise<void> {
    const writer = this.#session?.writer;
    this.#session = null;
    await writer?.close();
  }
}

function codecOf(prefix: string, table: TableMapping): TableCodec {
  return new TableCodec(table, tableTopic(prefix, table.target));
}
