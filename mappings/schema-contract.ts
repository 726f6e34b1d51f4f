// The stream is held to the table that the copy was resolved against: what the copy needs must still be there, of the same
// type, and changes must still say which row they mean. Columns that the copy does not need may come and go.
import type { ErrorCode } from "../engine/model/error-codes.ts";
import { predicateColumns } from "../engine/model/predicate.ts";
import { ReplicationError } from "../engine/model/replication-error.ts";
import type { TableMapping } from "../engine/model/share.ts";
import { printTable, type CatalogColumn, type StreamedColumn, type StreamedTable } from "../engine/model/table.ts";

interface Breach {
  readonly code: ErrorCode;
  readonly cause: string;
}

/** A type's name from its identity, where the caller knows it; null where it does not. */
export type TypeNames = (identity: string) => string | null;

/**
 * Null when rows described by `streamed` can be mapped; else an error that names every difference, what was and what is,
 * under the code of the gravest. Once per StreamedTable and mapping.
 */
export function checkContract(
  streamed: StreamedTable,
  mapping: TableMapping,
  typeName: TypeNames = namesFrom(mapping),
): ReplicationError | null {
  const breaches = [
    ...tableBreaches(streamed, mapping),
    ...columnBreaches(streamed, mapping, typeName),
    ...identityBreaches(streamed, mapping),
  ];
  const [gravest] = breaches;
  if (gravest === undefined) return null;
  return new ReplicationError(gravest.code, {
    subject: printTable(mapping.source),
    cause: breaches.map((breach) => breach.cause).join("; "),
  });
}

/** Columns of the source without which the copy cannot be followed: those it holds, its key's among them, and its filter's. */
export function neededColumns({ columns, filter }: TableMapping): string[] {
  return [...columns.map(({ source }) => source), ...(filter === null ? [] : predicateColumns(filter))];
}

/** The stream tells types by number: another column of the table that has the type knows what it is called. */
function namesFrom({ catalog }: TableMapping): TypeNames {
  return (identity) => catalog.columns.find((column) => column.type.identity === identity)?.type.declaration ?? null;
}

function tableBreaches(streamed: StreamedTable, { catalog, source }: TableMapping): Breach[] {
  const now = streamed.table;
  if (now.schema !== source.schema || now.name !== source.name) {
    return [{ code: "DB-MAP-014", cause: `the table is called ${printTable(now)} now` }];
  }
  return streamed.id === catalog.id ? [] : [{ code: "DB-MAP-014", cause: "the table was dropped and made again" }];
}

function columnBreaches(streamed: StreamedTable, mapping: TableMapping, typeName: TypeNames): Breach[] {
  const needed = new Set(neededColumns(mapping));
  const breaches: Breach[] = [];
  for (const [position, column] of mapping.catalog.columns.entries()) {
    if (!needed.has(column.name)) continue;
    const now = streamed.columns.find((candidate) => candidate.name === column.name);
    if (now === undefined) breaches.push(missing(column, newNameOf(column, position, streamed, mapping)));
    else if (now.typeIdentity !== column.type.identity) breaches.push(retyped(column, now, typeName));
  }
  return breaches;
}

function identityBreaches(streamed: StreamedTable, { key }: TableMapping): Breach[] {
  if (streamed.identity === "nothing") return [{ code: "DB-MAP-013", cause: "the replica identity is NOTHING now" }];
  const uncovered = streamed.columns
    .filter((column) => key.includes(column.name) && !column.inIdentity)
    .map((column) => `"${column.name}"`);
  if (uncovered.length === 0) return [];
  return [{ code: "DB-MAP-013", cause: `the replica identity does not hold the key column ${uncovered.join(", ")} any more` }];
}

function missing(column: CatalogColumn, newName: string | null): Breach {
  const gone = `column "${column.name}" (${column.type.declaration}) is gone`;
  if (newName === null) return { code: "DB-MAP-010", cause: gone };
  return { code: "DB-MAP-012", cause: `${gone}, and "${newName}" of the same type has come: it was probably renamed` };
}

function retyped(column: CatalogColumn, now: StreamedColumn, typeName: TypeNames): Breach {
  const name = typeName(now.typeIdentity) ?? `another type (type and modifier ${now.typeIdentity}, was ${column.type.identity})`;
  return { code: "DB-MAP-011", cause: `column "${column.name}" was ${column.type.declaration} and is ${name} now` };
}

/** A column that the catalogue did not have, of the same type, in the same place or the only such one. */
function newNameOf(column: CatalogColumn, position: number, streamed: StreamedTable, { catalog }: TableMapping): string | null {
  const known = new Set(catalog.columns.map((other) => other.name));
  const isCandidate = (other: StreamedColumn): boolean => !known.has(other.name) && other.typeIdentity === column.type.identity;
  const inPlace = streamed.columns[position];
  if (inPlace !== undefined && isCandidate(inPlace)) return inPlace.name;
  const candidates = streamed.columns.filter(isCandidate);
  return candidates.length === 1 ? (candidates[0]?.name ?? null) : null;
}
