// The statements that write one physical table. Values come as one array a column, of text or of the column's own type, and are
// cast to the column's bare type in the statement; the assignment that follows raises an error where a value does not fit, instead
// of cutting it. Names of functions and types are unqualified: the session has an empty search_path.
import type { ArrayParameter } from "./array-parameter.ts";
import type { TableShape } from "./target-catalog.ts";

/** The engine's own column in every physical table: the batch that wrote the row. */
export const batchColumn = "dongbo_batch";

/** Types of the elements of the arrays among the parameters, in order. */
type ElementTypes = readonly ArrayParameter["type"][];

/** Parameters: every column, then the batch id. Gives the number of rows that were not there before. */
export const upsertSql = madeOnce((shape, types) => {
  const all = indexes(shape);
  const set = all.filter((index) => !shape.key.includes(index)).map((index) => `${name(shape, index)} = excluded.${name(shape, index)}`);
  // A row that ON CONFLICT updated carries the lock it was given first in xmax; a row just inserted has none.
  return `WITH written AS (
INSERT INTO ${shape.physical} AS t (${names(shape, all)}, ${batchColumn})
SELECT ${all.map((index, place) => stored(shape, index, place)).join(", ")}, CAST($${all.length + 1} AS int8) FROM ${given(types)}
ON CONFLICT (${names(shape, shape.key)}) DO UPDATE SET ${[...set, `${batchColumn} = excluded.${batchColumn}`].join(", ")}
RETURNING (t.xmax = 0) AS fresh)
SELECT count(*) FILTER (WHERE fresh) FROM written`;
});

/**
 * Writes some columns of rows that are there, the key among them where it changes. Parameters: the key columns in key
 * order, the columns in `known`, then the batch id. Gives the place, counted from 1, of each key that has a row.
 */
export const updateSql = madeOnce((shape, types, known) => {
  const set = known.map((index, place) => `${name(shape, index)} = ${stored(shape, index, shape.key.length + place)}`);
  return `UPDATE ${shape.physical} AS t SET ${[...set, `${batchColumn} = CAST($${types.length + 1} AS int8)`].join(", ")}
FROM ${given(types, true)} WHERE ${sameKey(shape)} RETURNING v.place`;
});

/** Parameters: the key columns in key order. */
export const deleteSql = madeOnce((shape, types) => `DELETE FROM ${shape.physical} AS t USING ${given(types)} WHERE ${sameKey(shape)}`);

/** Every row of ours: readers keep theirs until the commit, which TRUNCATE would not grant them. */
export function deleteAllSql({ physical, own }: TableShape): string {
  return own === null ? `DELETE FROM ${physical}` : `DELETE FROM ${physical} WHERE ${own}`;
}

/** Rows of ours that no chunk of a load has written. Parameter: the first batch of that load. */
export function sweepSql({ physical, own }: TableShape): string {
  return `DELETE FROM ${physical} WHERE ${batchColumn} < CAST($1 AS int8)${own === null ? "" : ` AND ${own}`}`;
}

/** Parameters: the key columns. Gives the place, counted from 1, of each key that has a row, and the wanted columns of it. */
export const readSql = madeOnce((shape, types, wanted) => {
  const columns = wanted.map((index) => `, t.${name(shape, index)}`).join("");
  return `SELECT v.place${columns} FROM ${given(types, true)} JOIN ${shape.physical} AS t ON ${sameKey(shape)}`;
});

/** Columns: all of the mapping, then the batch id. */
export function copySql(shape: TableShape, format: "text" | "binary"): string {
  return `COPY ${shape.physical} (${names(shape, indexes(shape))}, ${batchColumn}) FROM STDIN (FORMAT ${format})`;
}

/** Nobody changes the table's columns until the end of the transaction. It is the lock that COPY takes. */
export function lockSql({ physical }: TableShape): string {
  return `LOCK TABLE ONLY ${physical} IN ROW EXCLUSIVE MODE`;
}

/** Parameters: the table's name, quoted; columns; their types as ColumnType.identity has them. Gives how many of the columns are so. */
export const countTypesSql = `
SELECT count(*) FROM pg_attribute WHERE attrelid = to_regclass($1) AND NOT attisdropped
AND (attname, concat(atttypid, ':', atttypmod)) IN (SELECT * FROM unnest($2::text[], $3::text[]))`;

/** Of the batch id, as ColumnType.identity has it: int8. */
export const batchColumnType = "20:-1";

/** Deletes the rows for which a condition over the table as `c` holds. Gives up to `limit` of their keys, each with the count of all. */
export function deleteWhereSql(shape: TableShape, condition: string, limit: number): string {
  const aliases = shape.key.map((_, place) => `k${place}`).join(", ");
  const returned = shape.key.map((index, place) => `c.${name(shape, index)} AS k${place}`).join(", ");
  return `WITH gone AS (DELETE FROM ${shape.physical} AS c WHERE ${condition} RETURNING ${returned})
SELECT ${aliases}, count(*) OVER () FROM gone LIMIT ${limit}`;
}

/** Texts are long and wanted for every batch; the session, too, knows its prepared statements by them. */
function madeOnce(
  make: (shape: TableShape, types: ElementTypes, columns: readonly number[]) => string,
): (shape: TableShape, types: ElementTypes, columns?: readonly number[]) => string {
  const texts = new WeakMap<TableShape, Map<string, string>>();
  return (shape, types, columns = []) => {
    const ofShape = texts.get(shape) ?? new Map<string, string>();
    texts.set(shape, ofShape);
    const id = `${types.join()} ${columns.join()}`;
    const text = ofShape.get(id) ?? make(shape, types, columns);
    ofShape.set(id, text);
    return text;
  };
}

function indexes(shape: TableShape): number[] {
  return shape.columns.map((_, index) => index);
}

function name(shape: TableShape, index: number): string {
  return shape.columns[index]?.name ?? "";
}

function names(shape: TableShape, list: readonly number[]): string {
  return list.map((index) => name(shape, index)).join(", ");
}

/** Value number `place` of the given row, in the type of column `index`. */
function cast(shape: TableShape, index: number, place: number): string {
  return `CAST(v.c${place} AS ${shape.columns[index]?.bare ?? ""})`;
}

/**
 * The same, to be stored. Into a type that the configuration has chosen, assignment would round a number and cut blanks
 * without a word: a value that does not come back as it was raises an error of class 22 instead.
 */
function stored(shape: TableShape, index: number, place: number): string {
  const checked = shape.columns[index]?.checked ?? null;
  const value = cast(shape, index, place);
  if (checked === null) return value;
  const { declared, source } = checked;
  const back = `CAST(CAST(v.c${place} AS ${declared}) AS ${source}) IS NOT DISTINCT FROM CAST(v.c${place} AS ${source})`;
  const raise = `CAST((1 / (octet_length(v.c${place}) * 0))::text AS ${shape.columns[index]?.bare ?? ""})`;
  return `CASE WHEN ${back} THEN ${value} ELSE ${raise} END`;
}

/** The parameters as rows. Of functions in a SELECT list the server takes row by row; in FROM it would first store what they give. */
function given(types: ElementTypes, withPlace = false): string {
  const columns = types.map((type, place) => `unnest($${place + 1}::${type}[]) AS c${place}`);
  if (withPlace) columns.push(`generate_subscripts($1::${types[0] ?? ""}[], 1) AS place`);
  return `(SELECT ${columns.join(", ")}) AS v`;
}

function sameKey(shape: TableShape): string {
  return shape.key
    .map((index, place) => `t.${name(shape, index)} ${shape.columns[index]?.equality ?? ""} ${cast(shape, index, place)}`)
    .join(" AND ");
}
