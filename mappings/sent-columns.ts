// What of a copy can be held against what a topic says was sent: a topic tells text forms, and no server of the master's prints them.
import type { CanonicalForm, ComparedColumn, ComparedCopy } from "../engine/model/canonical-form.ts";
import { type Predicate, predicateColumns } from "../engine/model/predicate.ts";
import { ABSENT, type Row, UNCHANGED } from "../engine/model/row.ts";
import type { ColumnMapping } from "../engine/model/share.ts";
import type { ColumnType, StreamedTable } from "../engine/model/table.ts";
import { systemTypeName } from "../engine/model/type-declaration.ts";
import type { CanonicalKey } from "../engine/ports/compared-table.ts";
import { canonicalText, type CanonicalValue, columnDigest, isTold, rowDigest, type ToldForm } from "./canonical-text.ts";
import { kindOfDeclaration, kindOfType, type ValueKind } from "./compared-kinds.ts";
import type { Family } from "./like-type.ts";
import { compileFilter, type Verdict } from "./row-filter.ts";

/** Kinds whose values have one text, which a topic tells and a server of the copy's prints again. */
const plainKinds: ReadonlySet<ValueKind> = new Set([
  "integer",
  "text",
  "padded",
  "label",
  "json",
  "date",
  "time",
  "timestamp",
  "instant",
  "uuid",
]);

/** The same copy in forms that a text form tells; what has none is named as not compared. */
export function sentCopy(compared: ComparedCopy, family: Family): ComparedCopy {
  const columns: ComparedColumn[] = [];
  const skipped = [...compared.skipped];
  for (const column of compared.columns) {
    const mapping = compared.table.columns.find(({ source }) => source === column.source);
    const form = mapping === undefined ? null : sentForm(column.form, mapping, family);
    if (form !== null) columns.push({ ...column, form });
    else skipped.push({ column: column.source, why: "what its topic says of it may be printed in more than one way" });
  }
  return { ...compared, columns, skipped };
}

function sentForm(form: CanonicalForm, { sourceType, targetType }: ColumnMapping, family: Family): CanonicalForm | null {
  const kind = kindOfType(sourceType);
  if (form === "printed" || form === "text") {
    // A copy that is text keeps what it is given.
    if (targetType !== null && kindOfDeclaration(targetType, family) === "text") return kind === "padded" ? null : "text";
    if (kind === "boolean" || kind === "decimal" || kind === "bytes") return kind;
    if (kind === "double") return "float";
    return plainKinds.has(kind) || sourceType.kind === "enum" || systemTypeName(sourceType) === "jsonb" ? "text" : null;
  }
  return isTold(form, sourceType) ? form : null;
}

/** Reads rows that were sent, once for a copy. */
export class SentRows {
  /** Columns that are kept of a row, by source name: those that are compared, and those that the filter asks about. */
  readonly #kept: readonly string[];
  readonly #compared: readonly { readonly form: ToldForm; readonly type: ColumnType; readonly place: number }[];
  readonly #key: readonly number[];
  readonly #filter: { evaluate(row: Row): Verdict };
  readonly #places = new WeakMap<StreamedTable, readonly number[]>();

  constructor({ table, columns }: ComparedCopy) {
    const { filter, catalog } = table;
    this.#kept = [...new Set([...columns.map(({ source }) => source), ...asked(filter)])];
    this.#compared = columns.map(({ source, form }) => {
      const mapping = table.columns.find((column) => column.source === source);
      if (mapping === undefined || !isTold(form, mapping.sourceType)) throw new Error("columns that are compared have a form that is told");
      return { form, type: mapping.sourceType, place: this.#kept.indexOf(source) };
    });
    this.#key = table.key.map((name) => columns.findIndex(({ source }) => source === name));
    const named = this.#kept.map((name) => catalog.columns.find((column) => column.name === name) ?? null);
    this.#filter = compileFilter(filter, named);
  }

  /** What is kept of an image; a column that the stream does not have is ABSENT. */
  keep(streamed: StreamedTable, image: Row): Row {
    let places = this.#places.get(streamed);
    if (places === undefined) {
      places = this.#kept.map((name) => streamed.columns.findIndex((column) => column.name === name));
      this.#places.set(streamed, places);
    }
    return places.map((place) => image[place] ?? (image[place] === null ? null : ABSENT));
  }

  /** Null: the image lacks a part of it. */
  key(kept: Row): CanonicalKey | null {
    const parts = this.#key.map((at) => this.#value(kept, at)?.text?.toString("utf8"));
    return parts.every((part) => part !== undefined) ? parts : null;
  }

  /** The first column of which the row does not say what it is. */
  unknown(kept: Row): string | null {
    const at = kept.findIndex((value) => value === ABSENT || value === UNCHANGED);
    return at < 0 ? null : (this.#kept[at] ?? null);
  }

  /** Of a row without unknown columns. */
  passes(kept: Row): boolean {
    return this.#filter.evaluate(kept) === true;
  }

  digest(kept: Row): string {
    return rowDigest(this.#values(kept));
  }

  columnDigests(kept: Row): (string | null)[] {
    return this.#values(kept).map(columnDigest);
  }

  /** Canonical text of one compared column, by its place. */
  text(kept: Row, column: number): string | null {
    return this.#values(kept)[column]?.text?.toString("utf8") ?? null;
  }

  #values(kept: Row): CanonicalValue[] {
    return this.#compared.flatMap((_, at) => this.#value(kept, at) ?? []);
  }

  #value(kept: Row, at: number): CanonicalValue | null {
    const column = this.#compared[at];
    const value = column === undefined ? ABSENT : kept[column.place];
    if (column === undefined || value === undefined || typeof value === "number") return null;
    return { form: column.form, text: value === null ? null : canonicalText(column.form, column.type, value) };
  }
}

function asked(filter: Predicate | null): string[] {
  return filter === null ? [] : predicateColumns(filter);
}
