// A copy is held to what its rows were read from, as it was written down with them: the source may have changed while nobody
// was looking. The catalogue's own numbers tell a renamed column from a new one, so nothing has to be guessed.
import { type ContractOrigin, readContract } from "../engine/config/contract-text.ts";
import type { ErrorCode } from "../engine/model/error-codes.ts";
import { ReplicationError } from "../engine/model/replication-error.ts";
import type { StopReason, StoppedTable, TableMapping } from "../engine/model/share.ts";
import { type CatalogTable, printTable } from "../engine/model/table.ts";
import { neededColumns } from "./schema-contract.ts";

interface Breach {
  readonly code: ErrorCode;
  readonly cause: string;
}

/**
 * Why the rows that a copy has cannot be followed on; null when they can. `contract`: as it is stored with them, null when
 * there is none. A table that cannot be followed at all is explained from what the copy knows, where it knows something.
 */
export function objectionTo(table: TableMapping | StoppedTable, contract: string | null): StopReason | null {
  const own = "reason" in table ? table.reason : null;
  const origin = contract === null ? null : (readContract(contract)?.origin ?? null);
  if (origin === null || table.catalog === null) return own;
  const needed = "reason" in table ? table.columns : neededColumns(table);
  const breaches = breachesOf(origin, new Set(needed), table.catalog);
  const [gravest] = breaches;
  if (gravest === undefined) return own;
  const cause = breaches.map((breach) => breach.cause).join("; ");
  return new ReplicationError(gravest.code, { subject: printTable(table.source), cause });
}

/** Why the rows of a table as it is `now` cannot be told apart by the copy's key any more; null when they can. */
export function keyLost({ source, key }: TableMapping, now: CatalogTable): StopReason | null {
  const isKey = (index: readonly string[]): boolean => index.length === key.length && index.every((column) => key.includes(column));
  if ([now.primaryKey, ...now.uniqueKeys].some(isKey)) return null;
  const cause = `the table cannot be followed by its key (${key.join(", ")}) any more: the index is gone, or the table was altered otherwise`;
  return new ReplicationError("DB-MAP-032", { subject: printTable(source), cause, remedy: keyRemedy });
}

const keyRemedy = "Run `dongbo check`, which says what is in the way; put it right, then run `dongbo resync` for the table";

function breachesOf(origin: ContractOrigin, needed: ReadonlySet<string>, catalog: CatalogTable): Breach[] {
  if (origin.table !== catalog.id) return [{ code: "DB-MAP-014", cause: "the table was dropped and made again" }];
  return origin.columns.filter(({ name }) => needed.has(name)).flatMap((was) => breachOf(was, catalog) ?? []);
}

function breachOf(was: ContractOrigin["columns"][number], { columns }: CatalogTable): Breach | null {
  const now = columns.find(({ name }) => name === was.name);
  const renamed = columns.find(({ id }) => id === was.id);
  if (now === undefined) {
    const gone = `column "${was.name}" (${was.declaration}) is gone`;
    if (renamed === undefined) return { code: "DB-MAP-010", cause: gone };
    return { code: "DB-MAP-012", cause: `${gone}: it is called "${renamed.name}" now` };
  }
  if (now.id !== was.id) return { code: "DB-MAP-015", cause: `column "${was.name}" was dropped and made again` };
  if (now.type.identity === was.type) return null;
  return { code: "DB-MAP-011", cause: `column "${was.name}" was ${was.declaration} and is ${now.type.declaration} now` };
}
