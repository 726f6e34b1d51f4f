// Whether a filter can be kept exactly on a given table: what JavaScript, the source and every target would agree on.
import type { ErrorCode } from "../engine/model/error-codes.ts";
import { errorCodes } from "../engine/model/error-codes.ts";
import type { Predicate } from "../engine/model/predicate.ts";
import type { CatalogColumn, CatalogTable, ColumnType } from "../engine/model/table.ts";
import { literalForm, literalKey } from "./filter-literal.ts";

/** One mistake in a filter. Texts name columns, types and places, never the filter's values: those may be a person's. */
export interface FilterMistake {
  readonly code: ErrorCode;
  readonly subject: string;
  /** The column that the filter names, as it is written there. */
  readonly column: string;
  /** One sentence without its full stop. */
  readonly cause: string;
  readonly remedy: string;
}

type Comparison = Exclude<Predicate, { op: "all" | "any" | "not" | "is_null" }>;

/** All mistakes of a filter against a table, in the order in which they are written; none when it can be used. */
export function checkFilter(predicate: Predicate, table: CatalogTable, subject: string): FilterMistake[] {
  const columns = new Map(table.columns.map((column) => [column.name, column]));
  const mistakes: FilterMistake[] = [];
  const visit = (node: Predicate): void => {
    if (node.op === "all" || node.op === "any") return node.of.forEach(visit);
    if (node.op === "not") return visit(node.of);
    const add = (code: ErrorCode, cause: string, remedy: string = errorCodes[code].remedy): void => {
      mistakes.push({ code, subject, column: node.column, cause, remedy });
    };
    const column = columns.get(node.column);
    if (column === undefined)
      return add("DB-MAP-001", `the filter names a column "${node.column}", which the table does not have`, hint(node, table));
    if (column.generated && !isAlwaysStreamed(column)) add("DB-MAP-008", `the filter names "${column.name}", which is a generated column`);
    if (node.op !== "is_null") checkComparison(node, column, add);
  };
  visit(predicate);
  return mistakes;
}

/** PostgreSQL streams generated columns only where a publication says so; MySQL's row events hold every column. */
function isAlwaysStreamed({ type, publishable }: CatalogColumn): boolean {
  return type.family === "mysql" && publishable === true;
}

type Add = (code: ErrorCode, cause: string, remedy?: string) => void;

/** Stops at the first kind of mistake: what follows from it would only be noise. */
function checkComparison(node: Comparison, column: CatalogColumn, add: Add): void {
  const { type } = column;
  const what = `"${column.name}" (${type.declaration})`;
  if (!comparable.has(type.category)) return add("DB-MAP-002", `the filter compares ${what}, a type without exact comparison`);
  if (!column.deterministic) return add("DB-MAP-006", `the filter compares ${what}, where different bytes may be equal text`);
  if (!hasOperator(node, type)) return add("DB-MAP-004", `${node.op} cannot be used on ${what}`);
  if (orders(node) && isCollated(type) && !column.bytewiseCollation) {
    return add("DB-MAP-005", `${node.op} is used on ${what}, whose collation does not order by bytes`);
  }
  checkValues(node, type, what, add);
}

function checkValues(node: Comparison, type: ColumnType, what: string, add: Add): void {
  const values = "values" in node ? node.values : [node.value];
  const labels = enumLabels(type);
  for (const [index, value] of values.entries()) {
    const which = values.length === 1 ? `the value of ${node.op}` : `value ${index + 1} of ${node.op}`;
    if (literalKey(type, value) === null) {
      add("DB-MAP-003", `${which} on ${what} cannot be read as a value of that type`, `Write ${literalForm(type)}`);
    } else if (labels !== null && !labels.includes(value)) {
      add("DB-MAP-007", `${which} on ${what} is not a label of the type`, `Use one of: ${labels.join(", ")}`);
    }
  }
}

const comparable: ReadonlySet<string> = new Set<ColumnType["category"]>([
  "integer",
  "decimal",
  "boolean",
  "text",
  "padded",
  "date",
  "time",
  "timestamp",
  "instant",
  "uuid",
  "enum",
]);

function hasOperator(node: Comparison, type: ColumnType): boolean {
  if (node.op === "starts_with") return isCollated(type);
  return !(orders(node) && type.category === "enum");
}

function orders(node: Comparison): boolean {
  return node.op === "lt" || node.op === "lte" || node.op === "gt" || node.op === "gte";
}

function isCollated(type: ColumnType): boolean {
  return type.category === "text" || type.category === "padded";
}

/** Labels of an enum or of a domain over one; null when the type is no enum or its labels are not known. */
function enumLabels(type: ColumnType): readonly string[] | null {
  if (type.category !== "enum") return null;
  for (const definition of type.definitions) if (definition.kind === "enum") return definition.labels;
  return null;
}

/** The column that was probably meant, when only capitals differ. */
function hint(node: { readonly column: string }, table: CatalogTable): string {
  const wanted = node.column.toLowerCase();
  const near = table.columns.find((column) => column.name.toLowerCase() === wanted);
  return near === undefined ? errorCodes["DB-MAP-001"].remedy : `Write "${near.name}", as the source has it`;
}
