// One copy in memory: its keys and its checkpoint, kept from worker to worker as a database would.
import type { Position } from "../../engine/model/position.ts";
import { ReplicationError } from "../../engine/model/replication-error.ts";
import { keyText } from "../../engine/model/row.ts";
import type { Subscription } from "../../engine/model/share.ts";
import type {
  ChangeTarget,
  CheckpointWrite,
  CommitOutcome,
  StoredCheckpoint,
  TargetState,
  TargetTransaction,
  WriteOutcome,
} from "../../engine/ports/change-target.ts";
import { Barrier } from "./memory-source.ts";

const contract = "as agreed";

export class MemoryTarget implements ChangeTarget {
  readonly keys = new Set<string>();
  position: Position;
  /** Another engine has taken it over. */
  overtaken = false;
  /** Whoever prepares it waits here. */
  preparing = new Barrier(true);
  readonly #subscription: Subscription;
  #wasSetBack = false;
  /** Counts how often it was taken. */
  epoch = 0;
  #nextBatch = 1;

  /** Complete up to here. */
  constructor(subscription: Subscription, position: number) {
    this.#subscription = subscription;
    this.position = String(position) as Position;
  }

  /** As if restored from a backup, or failed over to a standby that lagged behind. */
  setBack(position: number): void {
    this.position = String(position) as Position;
    for (const key of this.keys) if (Number(key) > position) this.keys.delete(key);
    this.#wasSetBack = true;
  }

  async prepare(): Promise<TargetState> {
    await this.preparing.passed;
    return this.#state();
  }

  takeEpoch(): Promise<TargetState> {
    this.epoch += 1;
    this.#wasSetBack = false;
    return Promise.resolve(this.#state());
  }

  begin(): Promise<TargetTransaction> {
    if (this.overtaken) return Promise.reject(new ReplicationError("DB-RUN-010", { subject: this.#subscription.id }));
    if (this.#wasSetBack) return Promise.reject(new ReplicationError("DB-RUN-012", { subject: this.#subscription.id }));
    const written = new Set<string>();
    const nothing: WriteOutcome = { missing: [], quarantined: 0, stops: [] };
    return Promise.resolve({
      batchId: this.#nextBatch,
      rowsWritten: 0,
      rowsDeleted: 0,
      write: (changes) => {
        for (const { upserts } of changes) for (const row of upserts) written.add(keyText([row[0] as Buffer]));
        return Promise.resolve(nothing);
      },
      load: () => Promise.resolve(nothing),
      commit: (checkpoint: CheckpointWrite): Promise<CommitOutcome> => {
        for (const key of written) this.keys.add(key);
        this.position = checkpoint.position;
        this.#nextBatch += 1;
        return Promise.resolve({ expired: [], stops: [], quarantined: 0 });
      },
      rollback: () => Promise.resolve(),
    });
  }

  checkpoint(): Promise<StoredCheckpoint> {
    return Promise.resolve(this.#state().checkpoint);
  }

  setSuspension(): Promise<void> {
    return Promise.resolve();
  }

  quarantined(): Promise<[]> {
    return Promise.resolve([]);
  }

  terminate(): Promise<void> {
    return Promise.resolve();
  }

  refreshTypes(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** The contract that its copies obey. */
  static readonly contract = contract;

  #state(): TargetState {
    return {
      checkpoint: { epoch: this.epoch, position: this.position, sourceIdentity: "memory", nextBatch: this.#nextBatch },
      stopped: [],
      copies: this.#subscription.tables.map((table) => ({
        table,
        load: null,
        stopped: null,
        expired: false,
        contract,
        awaitsLoad: false,
        empty: this.keys.size === 0,
      })),
    };
  }
}
