// A table that has just been added to the publication may have transactions under way that wrote to it before: those
// changes are never published, and a read does not see them until they commit. A chunk read in between would lack them for
// good, so the first chunk waits for these transactions. (The server's own table synchronisation waits in the same way,
// by making a slot of its own for the table.)
import type { Client } from "pg";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import { type CatalogTable, printTable } from "../../../engine/model/table.ts";
import { quoteLiteral } from "../quote.ts";

const pollMs = 50;

// Locks of writers, on the table and, when it is partitioned, its partitions. Prepared transactions hold them too.
const writersSql = `
SELECT DISTINCT l.virtualtransaction || ' ' || l.pid AS writer
FROM pg_locks l
WHERE l.locktype = 'relation' AND l.granted
  AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
  AND l.mode IN ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
  AND (l.relation = $1::oid OR l.relation IN (SELECT relid FROM pg_partition_tree($1::oid::regclass)))`;

/** A query for the state of the publication as far as it concerns one table: a text that changes when it is altered. */
export function publishedVersion(publication: string, table: CatalogTable): string {
  const id = `${quoteLiteral(table.id)}::oid`;
  return `SELECT (SELECT concat_ws(' ', p.oid, p.xmin,
    (SELECT string_agg(r.oid || ':' || r.xmin, ',' ORDER BY r.oid) FROM pg_publication_rel r
     WHERE r.prpubid = p.oid AND r.prrelid IN (SELECT relid FROM pg_partition_ancestors(${id}::regclass) UNION SELECT ${id})),
    (SELECT string_agg(n.oid || ':' || n.xmin, ',' ORDER BY n.oid) FROM pg_publication_namespace n WHERE n.pnpubid = p.oid))
  FROM pg_publication p WHERE p.pubname = ${quoteLiteral(publication)})`;
}

interface Waiting {
  readonly version: string;
  /** Transactions that may have written before this version was there; empty once they have all ended. */
  readonly writers: ReadonlySet<string>;
}

export class UnpublishedWriters {
  readonly #tables = new Map<string, Waiting>();
  readonly #waitMsMax: number;

  /** One call waits no longer than `waitMsMax`, so that the caller can say what is going on. */
  constructor(waitMsMax = 10_000) {
    this.#waitMsMax = waitMsMax;
  }

  /** True when nothing that was written to the table before this version of the publication can still become visible. */
  isSettled(table: CatalogTable, version: string): boolean {
    const known = this.#tables.get(table.id);
    return known?.version === version && known.writers.size === 0;
  }

  /**
   * Waits until that is so; a read made afterwards sees all of it. Throws DB-PG-033 when it takes long: call again, it goes
   * on with the same transactions.
   */
  async wait(client: Client, table: CatalogTable, version: string): Promise<void> {
    const deadline = performance.now() + this.#waitMsMax;
    const known = this.#tables.get(table.id);
    let writers = known?.version === version ? known.writers : await this.#writers(client, table);
    while (writers.size > 0 && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, pollMs));
      const now = await this.#writers(client, table);
      writers = new Set([...writers].filter((writer) => now.has(writer)));
    }
    this.#tables.set(table.id, { version, writers });
    if (writers.size === 0) return;
    const cause = `${writers.size} transactions that wrote to the table before it was published have not ended`;
    throw new ReplicationError("DB-PG-033", { subject: printTable(table.table), cause });
  }

  async #writers(client: Client, table: CatalogTable): Promise<Set<string>> {
    const { rows } = await client.query<{ writer: string }>(writersSql, [table.id]);
    return new Set(rows.map((row) => row.writer));
  }
}
