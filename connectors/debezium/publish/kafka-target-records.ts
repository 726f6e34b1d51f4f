// What a published subscription's state topic says of it, for commands.
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import type { BatchRecord, CopyRecord, QuarantineRecord, RowRecord, TargetRecords } from "../../../engine/ports/target-records.ts";
import { usability } from "../../../engine/validity/usability.ts";
import { judgedTime, oldest } from "../../../engine/validity/validity-clock.ts";
import { judgedCopyState } from "../../../engine/validity/validity-state.ts";
import type { KafkaClient } from "../kafka/kafka-client.ts";
import { openKafkaClient } from "../kafka/open-client.ts";
import type { PublicationState, PublishedCopy } from "./publication-state.ts";
import { changePublication, terminatePublication } from "./publication-writer.ts";
import { type PublishOptions, readingLibrary } from "./publish-options.ts";
import { awaitingLoad } from "./register-subscription.ts";
import { readState } from "./state-topic.ts";

/** A command waits no longer than this for brokers that are down: other targets must still be shown. */
const stalledAfterMs = 5_000;

export class KafkaTargetRecords implements TargetRecords {
  readonly #publish: PublishOptions;
  #client: KafkaClient | null = null;

  constructor(publish: PublishOptions) {
    this.#publish = publish;
  }

  async copies(subscriptions: readonly string[]): Promise<readonly CopyRecord[]> {
    const state = await this.#state();
    if (state === null || !subscriptions.includes(state.subscription)) return [];
    const now = judgedTime(Date.now() * 1000, state.clockFloor);
    const records = Object.entries(state.copies).map(([table, copy]) => copyRecord(state, { table, copy, now }));
    return records.toSorted((a, b) => (a.table < b.table ? -1 : 1));
  }

  /** Of a single row nothing but its quarantine is known: a topic cannot be asked. Throws DB-KAF-164 when it is in none. */
  async findRow({ subscription, table }: CopyRecord, key: readonly string[]): Promise<RowRecord> {
    const state = await this.#state();
    const copy = state?.subscription === subscription ? state.copies[table] : undefined;
    const { keyColumns = [], quarantine = {} } = copy ?? {};
    if (keyColumns.length !== key.length) {
      const cause = `the key of the table is ${keyColumns.join(", ")}, and what was given does not fit it`;
      throw new ReplicationError("DB-RUN-023", { subject: `${subscription} ${table}`, cause });
    }
    const found = Object.values(quarantine).find((row) => row.key.every((part, index) => part === key[index]));
    if (found === undefined) throw new ReplicationError("DB-KAF-164", { subject: `${subscription} ${table}` });
    return { keyColumns, batch: null, quarantine: quarantineRecord(found) };
  }

  /** Only the newest batch is on record. */
  async batch(subscription: string, id: number): Promise<BatchRecord | null> {
    const state = await this.#state();
    const stored = state?.subscription === subscription ? state.lastBatch : null;
    if (stored?.id !== id) return null;
    return {
      ...stored,
      sourceTimeFirst: dateOf(stored.sourceTimeFirst),
      sourceTimeLast: dateOf(stored.sourceTimeLast),
      appliedAt: new Date(stored.appliedAt / 1000),
    };
  }

  async terminate(subscription: string): Promise<boolean> {
    return terminatePublication(await this.#connected(), this.#publish, subscription);
  }

  async refuseUntilLoaded(subscription: string, tables: readonly string[]): Promise<void> {
    if (tables.length === 0) return;
    await changePublication(await this.#connected(), this.#publish, subscription, (state) => {
      const copies = Object.entries(state.copies);
      return {
        ...state,
        copies: Object.fromEntries(copies.map(([table, copy]) => [table, tables.includes(table) ? awaitingLoad(copy) : copy])),
      };
    });
  }

  async recordReconcile(): Promise<void> {
    return Promise.resolve();
  }

  async close(): Promise<void> {
    await this.#client?.close();
    this.#client = null;
  }

  async #state(): Promise<PublicationState | null> {
    return readState(await this.#connected(), this.#publish.prefix);
  }

  async #connected(): Promise<KafkaClient> {
    const { kafka } = this.#publish;
    this.#client ??= await openKafkaClient(kafka, readingLibrary, { stalledAfterMs });
    return this.#client;
  }
}

interface NamedCopy {
  readonly table: string;
  readonly copy: PublishedCopy;
  readonly now: number;
}

function copyRecord(state: PublicationState, { table, copy, now }: NamedCopy): CopyRecord {
  const { shareState, agreementFrom, agreementTo, position } = state;
  const counted = Object.values(state.copies).filter((other) => other.state !== "NEVER_SYNCED" && other.withdrawnAt === null);
  const judged = usability(
    {
      state: shareState,
      suspensionBarsUse: false,
      hasPosition: position !== null,
      agreementFrom,
      agreementTo,
      oldestValidUntil: oldest(counted.map(({ validUntil }) => validUntil)),
    },
    { state: copy.state, validUntil: copy.validUntil, stopped: copy.stopped !== null, withdrawnAt: copy.withdrawnAt },
    now,
  );
  return {
    subscription: state.subscription,
    table,
    physical: copy.target,
    shareState,
    copyState: judgedCopyState(copy.state, copy.validUntil, now),
    reason: judged.usable ? null : judged.reason,
    lastSyncAt: dateOf(copy.lastSyncAt),
    validUntil: dateOf(copy.validUntil),
    lastReconciledAt: null,
    verdict: null,
    rows: null,
    rowsQuarantined: Object.keys(copy.quarantine).length,
    position,
    sourceIdentity: state.sourceIdentity,
    stopped: copy.stopped,
    rowsLoading: copy.load?.rows ?? null,
    agreementTo: dateOf(agreementTo),
    withdrawnAt: dateOf(copy.withdrawnAt),
    judgedAt: new Date(now / 1000),
    slices: [],
  };
}

function quarantineRecord({ key: _key, ...row }: PublishedCopy["quarantine"][string]): QuarantineRecord {
  return { ...row, firstSeen: new Date(row.firstSeen / 1000), lastSeen: new Date(row.lastSeen / 1000) };
}

function dateOf(micros: number | null): Date | null {
  return micros === null ? null : new Date(micros / 1000);
}
