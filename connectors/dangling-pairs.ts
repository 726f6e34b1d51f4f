// What a referring table's columns are, beside those of the copy that they refer to, and what servers answer when they are compared.
import type { CanonicalForm } from "../engine/model/canonical-form.ts";
import type { CopyReference } from "../engine/model/copy-reference.ts";
import { assert } from "../engine/model/assert.ts";
import { ReplicationError } from "../engine/model/replication-error.ts";
import { type CatalogColumn, type CatalogTable, type ColumnType, printTable } from "../engine/model/table.ts";
import type { CanonicalKey, DanglingReading } from "../engine/ports/compared-table.ts";
import type { AnswerRow } from "./compared-answers.ts";
import type { ComparedSide } from "./compared-side.ts";

/** A column that refers, and the copy's that it refers to. */
export interface ReferencePair {
  readonly referring: CatalogColumn;
  readonly referred: CatalogColumn;
  /** How the copy's column is compared with the master's, where the reference is to the key; null: it is not. */
  readonly form: CanonicalForm | null;
}

/**
 * numbers: as numbers, whatever types hold them · alike: as their type compares · text: of columns of text, or of types that have
 * nothing else in common, by the characters.
 */
export type ReferenceKind = "numbers" | "alike" | "text";

/** What keeps a table from being read, and may be mended by these statements. */
export interface ReadingRights {
  /** What is there may be hidden from whoever has no right to it. */
  readonly hides: boolean;
  readonly grants: readonly string[];
}

/** `referring`: as the catalogue has it, undefined: there is no such table. Throws DB-REC-016 for what is not there. */
export function referencePairs(
  reference: CopyReference,
  referring: CatalogTable | undefined,
  side: ComparedSide,
  { hides, grants }: ReadingRights,
): ReferencePair[] {
  const lacking =
    referring === undefined ? [] : reference.columns.filter((name) => !referring.columns.some((column) => column.name === name));
  if (referring === undefined || lacking.length > 0) {
    const what = lacking.length === 0 ? "no such table" : `no column ${lacking.map((name) => `"${name}"`).join(", ")} in it`;
    throw cannotRead(reference, `there is ${what}${hides ? ", or dongbo's user may not see it" : ""}`, grants);
  }
  const isKey = isKeyOf(reference, side);
  return reference.columns.map((name, place) => {
    const from = referring.columns.find((column) => column.name === name);
    const to = side.table.columns.find((column) => column.name === reference.to[place]);
    assert(from !== undefined && to !== undefined, "a reference names columns of both tables");
    const form = isKey ? (side.key.find((column) => column.name === to.name)?.form ?? null) : null;
    return { referring: from, referred: to, form };
  });
}

/** DB-REC-016, with the statements that would give the right to read. */
export function cannotRead(reference: CopyReference, cause: string, grants: readonly string[]): ReplicationError {
  const remedy = `Correct \`referenced_by:\` in the configuration, or grant dongbo's role the right: ${grants.join("; ")}`;
  return new ReplicationError("DB-REC-016", {
    subject: printTable(reference.table),
    cause,
    remedy,
    sql: grants.map((grant) => `${grant};`),
  });
}

export function isNumber({ category }: ColumnType): boolean {
  return category === "integer" || category === "decimal";
}

/** A text that is a number written in the one way in which canonical forms write it. */
const plainNumber = /^(?:0|-?(?:[1-9]\d*|0(?=\.))(?:\.\d*[1-9])?)$/;

/**
 * What of a value can be a key of the copy, column by column; null: it cannot be told. `text`: as it was read; where kinds are not
 * `text`, its canonical form.
 */
export function keyPart(pair: ReferencePair, kind: ReferenceKind, text: string): string | null {
  const { referred } = pair;
  if (kind !== "text" || referred.type.category === "text" || referred.type.category === "padded") return text;
  return isNumber(referred.type) && plainNumber.test(text) ? text : null;
}

/** Rows of `values, rows that hold them, number of all values, number of all rows`. `keyPartOf`: see keyPart. */
export function toDangling(
  rows: readonly AnswerRow[],
  { reference, side }: { readonly reference: CopyReference; readonly side: ComparedSide },
  keyPartOf: (text: string, place: number) => string | null,
): DanglingReading {
  const width = reference.columns.length;
  const places = isKeyOf(reference, side) ? side.key.map(({ name }) => reference.to.indexOf(name)) : null;
  const listed = rows.map((row) => {
    const values = row.slice(0, width).map((value) => value ?? "");
    return { values, key: places === null ? null : toKey(values.map(keyPartOf), places), rows: Number(row[width]) };
  });
  const [first] = rows;
  return { listed, values: Number(first?.[width + 1] ?? 0), rows: Number(first?.[width + 2] ?? 0) };
}

function toKey(parts: readonly (string | null)[], places: readonly number[]): CanonicalKey | null {
  const key = places.map((place) => parts[place] ?? null);
  return key.every((part) => part !== null) ? key : null;
}

/** The reference is to the key's columns, in whatever order. */
function isKeyOf({ to }: CopyReference, { key }: ComparedSide): boolean {
  return to.length === key.length && key.every(({ name }) => to.includes(name));
}
