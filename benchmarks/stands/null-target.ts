// A target that takes everything and writes nothing: what is left is what the stages before it cost.
import type { Position } from "../../engine/model/position.ts";
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

export interface NullTargetStart {
  readonly subscription: Subscription;
  /** The copies are complete up to here. */
  readonly position: Position;
  /** Of the source, as SourceReservation has it. */
  readonly sourceIdentity: string;
  /** Of a mapping, so that no copy seems to obey another one than is wanted. */
  readonly contractText: (table: Subscription["tables"][number]) => string;
}

const nothingOutstanding: WriteOutcome = { missing: [], quarantined: 0, stops: [] };
const nothingToTell: CommitOutcome = { expired: [], stops: [], quarantined: 0 };

export class NullTarget implements ChangeTarget {
  readonly #start: NullTargetStart;
  #position: Position;
  #epoch = 0;
  #nextBatch = 1;
  #transactions = 0;

  constructor(start: NullTargetStart) {
    this.#start = start;
    this.#position = start.position;
  }

  /** Of the source, taken so far. */
  get transactions(): number {
    return this.#transactions;
  }

  prepare(): Promise<TargetState> {
    return Promise.resolve(this.#state());
  }

  takeEpoch(): Promise<TargetState> {
    this.#epoch += 1;
    return Promise.resolve(this.#state());
  }

  begin(): Promise<TargetTransaction> {
    return Promise.resolve({
      batchId: this.#nextBatch,
      rowsWritten: 0,
      rowsDeleted: 0,
      write: () => Promise.resolve(nothingOutstanding),
      load: () => Promise.resolve(nothingOutstanding),
      commit: (checkpoint) => {
        this.#take(checkpoint);
        return Promise.resolve(nothingToTell);
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

  #take({ position, transactions }: CheckpointWrite): void {
    this.#position = position;
    this.#nextBatch += 1;
    this.#transactions += transactions;
  }

  #state(): TargetState {
    const { subscription, sourceIdentity, contractText } = this.#start;
    return {
      checkpoint: { epoch: this.#epoch, position: this.#position, sourceIdentity, nextBatch: this.#nextBatch },
      stopped: [],
      copies: subscription.tables.map((table) => ({
        table,
        load: null,
        stopped: null,
        expired: false,
        awaitsLoad: false,
        contract: contractText(table),
        empty: false,
      })),
    };
  }
}
