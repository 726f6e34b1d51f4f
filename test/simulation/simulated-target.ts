// One subscription's side of a copy database, as one process sees it: sessions that can break, replies that can be lost.
import type { Position } from "../../engine/model/position.ts";
import { ReplicationError } from "../../engine/model/replication-error.ts";
import type { Key } from "../../engine/model/row.ts";
import type { StoppedTable, Subscription, TableMapping } from "../../engine/model/share.ts";
import { printTable, tableKey } from "../../engine/model/table.ts";
import type { ChangeTarget, Objection, StoredCheckpoint, TargetState, TargetTransaction } from "../../engine/ports/change-target.ts";
import type { HeldRows } from "../../engine/target/quarantine-book.ts";
import { clearingTheWay, epochsOf, refuseLaterTerm } from "../../engine/target/terms.ts";
import { judgedCopyState } from "../../engine/validity/validity-state.ts";
import type { CopyDatabase, CopyRecord, SubscriptionRecord, WriteSession } from "./copy-database.ts";
import type { Line } from "./line.ts";
import { asPrepared, neverSynced, refuseLocked } from "./preparation.ts";
import { SimulatedTransaction } from "./simulated-transaction.ts";

export interface TargetParts {
  readonly subscription: Subscription;
  readonly database: CopyDatabase;
  readonly line: Pick<Line, "ask">;
  /** Called when the epoch was taken. */
  readonly tookOver: () => void;
}

export class SimulatedTarget implements ChangeTarget {
  readonly #parts: TargetParts;
  #subscription: Subscription;
  #session: WriteSession | null = null;
  /** The checkpoint's position as this process last read or wrote it. */
  #position: Position | null = null;
  #nextBatch = 0;

  constructor(parts: TargetParts) {
    this.#parts = parts;
    this.#subscription = parts.subscription;
  }

  prepare(
    subscription: Subscription,
    objection: Objection = (table) => ("reason" in table ? table.reason : null),
    term: number | null = null,
  ): Promise<TargetState> {
    this.#end();
    this.#subscription = subscription;
    const { database, line } = this.#parts;
    const attempt = (): Promise<TargetState> =>
      line.ask("prepare", () => {
        refuseLocked(database, subscription);
        database.commit(asPrepared(database, subscription, objection), { by: "prepare", epoch: null });
        return this.#state();
      });
    const endOwnSessions = (): Promise<void> =>
      line.ask("end sessions", () => {
        refuseLaterTerm("simulated", this.#record().epoch, epochsOf(term).end);
        database.endSessions();
      });
    return clearingTheWay(attempt, endOwnSessions);
  }

  async takeEpoch(term: number | null = null): Promise<TargetState> {
    this.#end();
    const { first, end } = epochsOf(term);
    const state = await this.#parts.line.ask("take epoch", () => {
      const { database } = this.#parts;
      const { committed } = database;
      const subscription = this.#record();
      refuseLaterTerm("simulated", subscription.epoch, end);
      if (database.endsSessions) database.endSessions();
      database.commit(
        { ...committed, subscription: { ...subscription, epoch: Math.max(subscription.epoch + 1, first) } },
        { by: "take epoch", epoch: null },
      );
      return this.#state();
    });
    this.#position = state.checkpoint.position;
    this.#nextBatch = state.checkpoint.nextBatch;
    this.#parts.tookOver();
    return state;
  }

  async begin(epoch: number): Promise<TargetTransaction> {
    if (this.#session?.broken === true) this.#end();
    this.#session ??= await this.#open(epoch);
    return new SimulatedTransaction({
      ...this.#parts,
      subscription: this.#subscription,
      session: this.#session,
      epoch,
      committed: (position, nextBatch) => {
        this.#position = position;
        this.#nextBatch = nextBatch;
      },
    });
  }

  async checkpoint(): Promise<StoredCheckpoint> {
    this.#end();
    const stored = await this.#parts.line.ask("checkpoint", () => {
      // As long as the session that sent the commit lives, its commit may still take place.
      this.#parts.database.endSessions();
      return this.#checkpoint();
    });
    this.#position = stored.position;
    this.#nextBatch = stored.nextBatch;
    return stored;
  }

  setSuspension(epoch: number, reason: string | null): Promise<void> {
    return this.#parts.line.ask("suspension", () => {
      const { database } = this.#parts;
      const subscription = this.#record();
      this.#refuseOldEpoch(epoch);
      const loading = [...database.committed.copies.values()].some(({ load, copyState }) => load !== null || copyState === "NEVER_SYNCED");
      const isSupplied = ["LOADING", "ACTIVE", "SUSPENDED"].includes(subscription.shareState);
      const state = reason === null ? (loading ? "LOADING" : "ACTIVE") : "SUSPENDED";
      const next: SubscriptionRecord = { ...subscription, suspended: reason, shareState: isSupplied ? state : subscription.shareState };
      database.commit({ ...database.committed, subscription: next }, { by: "suspension", epoch });
    });
  }

  quarantined(): Promise<readonly { readonly table: TableMapping; readonly key: Key }[]> {
    return this.#parts.line.ask("quarantine", () =>
      this.#subscription.tables.flatMap((table) => {
        const held = this.#parts.database.committed.quarantine.get(printTable(table.target)) ?? new Map<string, string>();
        return [...held.values()].map((key) => ({ table, key: [Buffer.from(key)] }));
      }),
    );
  }

  terminate(): Promise<void> {
    this.#end();
    return this.#parts.line.ask("terminate", () => {
      const { database } = this.#parts;
      database.endSessions();
      const subscription = this.#record();
      const next: SubscriptionRecord = { ...subscription, shareState: "TERMINATED", epoch: subscription.epoch + 1 };
      database.commit({ ...database.committed, subscription: next }, { by: "terminate", epoch: null });
    });
  }

  refreshTypes(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.#end();
    return Promise.resolve();
  }

  async #open(epoch: number): Promise<WriteSession> {
    return this.#parts.line.ask("session", () => {
      const { database } = this.#parts;
      const { position, nextBatch } = this.#checkpoint();
      this.#refuseOldEpoch(epoch);
      // What an earlier one has sent would set back what this one writes.
      database.endSessions();
      if (position !== this.#position || nextBatch !== this.#nextBatch) {
        const cause = `it is at ${position ?? "its beginning"}, and was left at ${this.#position ?? "its beginning"}`;
        throw new ReplicationError("DB-RUN-012", { subject: this.#subscription.id, cause });
      }
      const session: WriteSession = { ended: false, broken: false, nextBatch, held: this.#heldRows(), locked: new Map() };
      database.sessions.add(session);
      return session;
    });
  }

  /** The server learns of it later: what was sent before may still take place. */
  #end(): void {
    this.#session = null;
  }

  #record(): SubscriptionRecord {
    const { subscription } = this.#parts.database.committed;
    if (subscription === null) throw new ReplicationError("DB-TGT-004", { subject: this.#subscription.id });
    return subscription;
  }

  #checkpoint(): StoredCheckpoint {
    const { epoch, position, sourceIdentity, nextBatch } = this.#record();
    return { epoch, position, sourceIdentity, nextBatch };
  }

  #refuseOldEpoch(epoch: number): void {
    const stored = this.#record().epoch;
    const subject = this.#subscription.id;
    if (stored < epoch) throw new ReplicationError("DB-RUN-012", { subject, cause: `it is at epoch ${stored} and was at ${epoch}` });
    if (stored > epoch) throw new ReplicationError("DB-RUN-010", { subject, cause: `epoch ${stored} has taken over from epoch ${epoch}` });
  }

  #heldRows(): HeldRows {
    const held: HeldRows = new Map();
    for (const { target } of this.#subscription.tables) {
      const rows = this.#parts.database.committed.quarantine.get(printTable(target));
      if (rows !== undefined && rows.size > 0) held.set(tableKey(target), new Set(rows.keys()));
    }
    return held;
  }

  #state(): TargetState {
    const { database } = this.#parts;
    const { copies, rows, quarantine } = database.committed;
    const { tables, stopped, regulation } = this.#subscription;
    const recordOf = (table: TableMapping | StoppedTable): CopyRecord => copies.get(printTable(table.target)) ?? neverSynced;
    return {
      checkpoint: this.#checkpoint(),
      suspension: this.#record().suspended,
      copies: tables.map((table) => {
        const { copyState, load, contract, stopped, validUntil } = recordOf(table);
        const isOver = judgedCopyState(copyState, validUntil, database.judgedNow) === "EXPIRED";
        return {
          table,
          load,
          contract,
          stopped,
          expired: copyState === "QUARANTINED" || (regulation.onExpiry === "resync" && isOver),
          awaitsLoad: copyState === "RESYNCING" && load === null,
          empty: [rows, quarantine].every((held) => (held.get(printTable(table.target))?.size ?? 0) === 0),
        };
      }),
      stopped: stopped.map((table) => ({ table, reason: recordOf(table).stopped ?? table.reason })),
    };
  }
}
