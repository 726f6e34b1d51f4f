// Rows set aside because the target refuses them: who they are, why, and when that is over.
import { createHash } from "node:crypto";
import type { ErrorCode } from "../model/error-codes.ts";
import { errorCodes } from "../model/error-codes.ts";
import { type Key, keyText } from "../model/row.ts";
import type { Subscription, TableMapping } from "../model/share.ts";
import { printTable, tableKey } from "../model/table.ts";
import type { TableStop } from "../ports/change-target.ts";

/** Why a target refuses a row. */
export interface Refusal {
  readonly code: ErrorCode;
  readonly sqlstate: string | null;
  /** Which constraint or column refused it; never a value. */
  readonly detail: string | null;
}

/** One row set aside. Holds the key, which is personal: for the engine's own table only. */
export interface QuarantinedRow extends Refusal {
  readonly table: TableMapping;
  readonly key: Key;
  readonly digest: string;
}

/** Names a row to operators without showing its key. Short enough to be typed, and different for each subscription. */
export function keyDigest(subscription: string, table: TableMapping, key: Key): string {
  const hash = createHash("sha256");
  hash.update(`${subscription}\0${tableKey(table.target)}\0`).update(keyText(key), "latin1");
  return hash.digest("hex").slice(0, 32);
}

/** Digests of a table's rows that are in quarantine, as the last commit left them. */
export type HeldRows = Map<string, Set<string>>;

/**
 * What one target transaction changes in the quarantine. Becomes true with its commit and is forgotten with its rollback;
 * what is held between transactions belongs to the session.
 */
export class QuarantineBook {
  readonly #subscription: Subscription;
  readonly #held: HeldRows;
  readonly #refusalOf: (error: unknown) => Refusal;
  readonly #added = new Map<string, Map<string, QuarantinedRow>>();
  readonly #cleared = new Map<string, Set<string>>();
  readonly #stops = new Map<string, TableStop>();
  #untoldStops: TableStop[] = [];
  #untoldRows = 0;

  /** `refusalOf`: what the target's own error says. */
  constructor(subscription: Subscription, held: HeldRows, refusalOf: (error: unknown) => Refusal) {
    this.#subscription = subscription;
    this.#held = held;
    this.#refusalOf = refusalOf;
  }

  /** Sets a row aside; the table stops when that is one too many. */
  add(table: TableMapping, key: Key, error: unknown): void {
    const id = tableKey(table.target);
    const digest = keyDigest(this.#subscription.id, table, key);
    entry(this.#added, id, () => new Map()).set(digest, { table, key, digest, ...this.#refusalOf(error) });
    this.#cleared.get(id)?.delete(digest);
    this.#untoldRows += 1;
    const count = this.count(table);
    if (count <= this.#subscription.quarantineMax) return;
    this.stop(table, "DB-ROW-008", `${count} rows, and at most ${this.#subscription.quarantineMax} are allowed`);
  }

  /** These rows are now as the source has them, or gone. Costs nothing while the table has no row in quarantine. */
  clear(table: TableMapping, keys: Iterable<Key>): void {
    const id = tableKey(table.target);
    const held = this.#held.get(id);
    const added = this.#added.get(id);
    if ((held === undefined || held.size === 0) && (added === undefined || added.size === 0)) return;
    for (const key of keys) {
      const digest = keyDigest(this.#subscription.id, table, key);
      added?.delete(digest);
      if (held?.has(digest) === true) entry(this.#cleared, id, () => new Set<string>()).add(digest);
    }
  }

  /** No row of before matters any more: the table was emptied, or is read anew. */
  clearAll(table: TableMapping): void {
    const id = tableKey(table.target);
    this.#added.delete(id);
    this.forgetHeld(table);
  }

  /** As clearAll, for what earlier transactions left. */
  forgetHeld(table: TableMapping): void {
    const id = tableKey(table.target);
    const added = this.#added.get(id);
    this.#cleared.set(id, new Set([...(this.#held.get(id) ?? [])].filter((digest) => added?.has(digest) !== true)));
  }

  stop(table: TableMapping, code: ErrorCode, cause: string): void {
    const id = tableKey(table.target);
    if (this.#stops.has(id)) return;
    const stop = { table, code, message: `${printTable(table.target)}: ${errorCodes[code].meaning}: ${cause}` };
    this.#stops.set(id, stop);
    this.#untoldStops.push(stop);
  }

  /** The row is in quarantine once this transaction is committed. */
  holds(table: TableMapping, key: Key): boolean {
    return this.#digests(tableKey(table.target)).has(keyDigest(this.#subscription.id, table, key));
  }

  isStopped(table: TableMapping): boolean {
    return this.#stops.has(tableKey(table.target));
  }

  /** Rows of the table in quarantine once this transaction is committed. */
  count(table: TableMapping): number {
    const id = tableKey(table.target);
    return this.#digests(id).size;
  }

  /** Rows of the whole subscription in quarantine once this transaction is committed. */
  get total(): number {
    const ids = new Set([...this.#held.keys(), ...this.#added.keys()]);
    return [...ids].reduce((sum, id) => sum + this.#digests(id).size, 0);
  }

  get stops(): readonly TableStop[] {
    return [...this.#stops.values()];
  }

  get added(): readonly QuarantinedRow[] {
    return [...this.#added.values()].flatMap((rows) => [...rows.values()]);
  }

  /** Entries to be deleted, as target table and digest. */
  get cleared(): readonly { readonly table: string; readonly digest: string }[] {
    const tables = this.#subscription.tables;
    return tables.flatMap((table) => {
      const digests = this.#cleared.get(tableKey(table.target)) ?? [];
      return [...digests].map((digest) => ({ table: printTable(table.target), digest }));
    });
  }

  /** Whether anything here changes with this transaction. */
  get changed(): boolean {
    return this.#stops.size > 0 || this.#subscription.tables.some((table) => this.touches(table));
  }

  /** Whether the table's entries change with this transaction. */
  touches(table: TableMapping): boolean {
    const id = tableKey(table.target);
    return (this.#added.get(id)?.size ?? 0) > 0 || (this.#cleared.get(id)?.size ?? 0) > 0;
  }

  /** News since the last call, for the outcome of one write. */
  news(): { readonly stops: readonly TableStop[]; readonly quarantined: number } {
    const news = { stops: this.#untoldStops, quarantined: this.#untoldRows };
    this.#untoldStops = [];
    this.#untoldRows = 0;
    return news;
  }

  /** The transaction was committed. */
  settle(): void {
    for (const id of new Set([...this.#added.keys(), ...this.#cleared.keys()])) this.#held.set(id, this.#digests(id));
  }

  #digests(id: string): Set<string> {
    const cleared = this.#cleared.get(id);
    const digests = new Set(this.#added.get(id)?.keys() ?? []);
    for (const digest of this.#held.get(id) ?? []) if (cleared?.has(digest) !== true) digests.add(digest);
    return digests;
  }
}

function entry<V>(map: Map<string, V>, id: string, make: () => V): V {
  let value = map.get(id);
  if (value === undefined) {
    value = make();
    map.set(id, value);
  }
  return value;
}
