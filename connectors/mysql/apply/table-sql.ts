// The statements that write one physical table. Rows are given as parameters, which take the type of the column they go into.
import { batchColumn } from "./names.ts";
import type { ForeignKey, TableShape } from "./target-catalog.ts";

/** Added to the batch id in LAST_INSERT_ID. */
export const wasThere = 2 ** 52;

/** Parameters, row by row: every column, then the batch id. */
export const insertSql = madeOnce((shape, rows) => {
  const columns = [...shape.columns.map(({ name }) => name), batchColumn];
  const one = `(${columns.map(() => "?").join(", ")})`;
  return `INSERT INTO ${shape.physical} (${columns.join(", ")}) VALUES ${repeat(one, rows, ", ")}`;
});

/**
 * As insertSql; a row that is there under its key is replaced. ON DUPLICATE KEY UPDATE would do the same to a row that is
 * there under another unique index of the owner's: then NULL goes into a column that refuses it. LAST_INSERT_ID tells of a
 * single row that it was there, by a number that no column of an owner's that counts rows will reach.
 */
export const upsertSql = madeOnce((shape, rows) => {
  const fresh = (name: string): string => (shape.flavour === "mysql" ? `fresh.${name}` : `VALUES(${name})`);
  const key = shape.key.map((index) => shape.columns[index]?.name ?? "");
  const set = shape.columns.filter((_, index) => !shape.key.includes(index)).map(({ name }) => `${name} = ${fresh(name)}`);
  const same = key.map((name) => `${shape.physical}.${name} = ${fresh(name)}`).join(" AND ");
  const batch = `${batchColumn} = IF(${same}, LAST_INSERT_ID(${fresh(batchColumn)} + ${wasThere}) - ${wasThere}, NULL)`;
  const alias = shape.flavour === "mysql" ? " AS fresh" : "";
  return `${insertSql(shape, rows)}${alias} ON DUPLICATE KEY UPDATE ${[...set, batch].join(", ")}`;
});

/** Parameters, key by key: its columns in key order. */
export const deleteSql = madeOnce((shape, keys) => {
  const [only, ...others] = shape.key;
  const column = shape.columns[only ?? -1];
  if (column !== undefined && others.length === 0)
    return `DELETE FROM ${shape.physical} WHERE ${column.name} IN (${repeat(column.comparand, keys, ", ")})`;
  return `DELETE FROM ${shape.physical} WHERE ${repeat(sameKey(shape), keys, " OR ")}`;
});

/** Every row of ours: TRUNCATE would commit what the transaction has written so far, and take readers' rows from them at once. */
export function deleteAllSql({ physical, own }: TableShape): string {
  return own === null ? `DELETE FROM ${physical}` : `DELETE FROM ${physical} WHERE ${own}`;
}

/** Rows of ours that no chunk of a load has written. Parameter: the first batch of that load. */
export function sweepSql(shape: TableShape): string {
  return `DELETE FROM ${shape.physical} WHERE ${isStale(shape)}`;
}

/** Keys of some of the rows that sweepSql removes. Parameter: as there. */
export function staleSql(shape: TableShape, limit: number): string {
  const key = shape.key.map((index) => shape.columns[index]?.exact ?? "");
  return `SELECT ${key.join(", ")} FROM ${shape.physical} WHERE ${isStale(shape)} LIMIT ${limit}`;
}

/** Writes some columns of one row that is there. Parameters: these columns, the batch id, the key it has. */
export function updateSql(shape: TableShape, columns: readonly number[]): string {
  const set = columns.map((index) => `${shape.columns[index]?.name ?? ""} = ?`);
  return `UPDATE ${shape.physical} SET ${[...set, `${batchColumn} = ?`].join(", ")} WHERE ${sameKey(shape)}`;
}

/** Rows that go let go of what they refer to. Parameters as those of deleteSql. */
export const loosenSql = madeOnce((shape, keys) => `${letGo(shape, shape.references)} WHERE ${repeat(sameKey(shape), keys, " OR ")}`);

/** The same for every row. */
export function loosenAllSql(shape: TableShape): string {
  return letGo(shape, shape.references);
}

/** Rows that stay where they are let go of every value but their key. Parameters as those of deleteSql. */
export const blankSql = madeOnce((shape, keys) => `${letGo(shape, valuesOf(shape))} WHERE ${repeat(sameKey(shape), keys, " OR ")}`);

/** Indexes of the columns that are no part of the key. */
export function valuesOf({ columns, key }: TableShape): number[] {
  return columns.flatMap((_, index) => (key.includes(index) ? [] : [index]));
}

function letGo(shape: TableShape, columns: readonly number[]): string {
  const set = columns.map((index) => `${shape.columns[index]?.name ?? ""} = NULL`);
  return `UPDATE ${shape.physical} SET ${set.join(", ")}`;
}

/** Keys of child rows that refer to one row. Parameters: its key. */
export function childrenSql(child: TableShape, parent: TableShape, columns: ForeignKey["columns"], limit: number): string {
  const wanted = child.key.map((index) => `c.${child.columns[index]?.name ?? ""}`);
  const refers = columns.map((pair) => `c.${pair.child} = p.${pair.parent}`).join(" AND ");
  const same = parent.key.map((index) => `p.${parent.columns[index]?.name ?? ""} = ${parent.columns[index]?.comparand ?? "?"}`);
  return `SELECT ${wanted.join(", ")} FROM ${parent.physical} AS p JOIN ${child.physical} AS c ON ${refers} WHERE ${same.join(" AND ")} LIMIT ${limit}`;
}

/** Some columns of one row. Parameters: its key. */
export function readSql(shape: TableShape, columns: readonly number[]): string {
  const wanted = columns.map((index) => shape.columns[index]?.exact ?? "");
  return `SELECT ${wanted.join(", ")} FROM ${shape.physical} WHERE ${sameKey(shape)}`;
}

function isStale({ own }: TableShape): string {
  return `${batchColumn} < CAST(? AS SIGNED)${own === null ? "" : ` AND ${own}`}`;
}

function sameKey(shape: TableShape): string {
  const parts = shape.key.map((index) => `${shape.columns[index]?.name ?? ""} = ${shape.columns[index]?.comparand ?? "?"}`);
  return `(${parts.join(" AND ")})`;
}

function repeat(text: string, times: number, separator: string): string {
  return Array.from({ length: times }, () => text).join(separator);
}

/** Texts are long and wanted for every batch; the session, too, knows its prepared statements by them. */
function madeOnce(make: (shape: TableShape, rows: number) => string): (shape: TableShape, rows: number) => string {
  const texts = new WeakMap<TableShape, Map<number, string>>();
  return (shape, rows) => {
    const ofShape = texts.get(shape) ?? new Map<number, string>();
    texts.set(shape, ofShape);
    const text = ofShape.get(rows) ?? make(shape, rows);
    ofShape.set(rows, text);
    return text;
  };
}
