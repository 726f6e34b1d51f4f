// Changes that wait in replication slots for whoever reads them, and how many they are, as their server sees it.
import { type Backlog, writeBacklog } from "./backlog.ts";
import { type PostgresStand, registerDatabase } from "./postgres-stand.ts";

/** What every slot holds of one backlog. */
export interface Waiting {
  /** A position that the last transaction covers, and no earlier one. */
  readonly end: string;
  readonly transactions: number;
  /** Rows changed. */
  readonly changes: number;
}

/** Slots that stand at the same place, for the decoder of PostgreSQL's own replication. */
export class WaitingChanges {
  readonly #stand: PostgresStand;
  readonly #publication: string;
  readonly #slots: readonly string[];
  /** Where the last transaction of the backlog before ends. */
  #passed = "0/0";

  constructor(stand: PostgresStand, publication: string, slots: readonly string[]) {
    this.#stand = stand;
    this.#publication = publication;
    this.#slots = slots;
  }

  /** Makes one of the slots. */
  async create(slot: string): Promise<void> {
    await this.#query(`SELECT pg_create_logical_replication_slot('${slot}', 'pgoutput')`);
  }

  /** Lets go of the backlog before, and writes the next. */
  async write(backlog: Backlog): Promise<Waiting> {
    const names = this.#slots.map((slot) => `'${slot}'`).join(", ");
    // Where the engine itself reads from it a slot has moved on already.
    await this.#query(
      `SELECT pg_replication_slot_advance(slot_name, '${this.#passed}') FROM pg_replication_slots
        WHERE slot_name IN (${names}) AND confirmed_flush_lsn < '${this.#passed}'`,
    );
    const end = await writeBacklog(this.#stand, backlog);
    const [slot] = this.#slots;
    // The first byte of a message tells what it is: C ends a transaction; I, U and D are rows.
    const [row] = await this.#query(
      `SELECT count(*) FILTER (WHERE kind = 'C') AS transactions, count(*) FILTER (WHERE kind IN ('I', 'U', 'D')) AS changes,
              max(lsn) FILTER (WHERE kind = 'C')::text AS passed
         FROM pg_logical_slot_peek_binary_changes('${slot}', NULL, NULL, 'proto_version', '3', 'publication_names', '${this.#publication}') AS m
        CROSS JOIN LATERAL (SELECT chr(get_byte(m.data, 0)) AS kind) AS k`,
    );
    this.#passed = String(row?.["passed"]);
    return { end, transactions: Number(row?.["transactions"]), changes: Number(row?.["changes"]) };
  }

  /** Drops one of the slots. */
  async drop(slot: string): Promise<void> {
    await this.#query(`SELECT pg_drop_replication_slot('${slot}')`);
  }

  #query(sql: string): Promise<Record<string, unknown>[]> {
    return this.#stand.source.query(sql, registerDatabase);
  }
}
