/**
 * A row filter after its parameters have been put in: the closed grammar of `where`. Columns are the source's names.
 * Literals are text in the column's type, as the source itself would read it. Three-valued logic as in SQL: a row is in
 * the copy only when the filter is true; NULL is not.
 */
export type Predicate =
  | { readonly op: "all"; readonly of: readonly Predicate[] }
  | { readonly op: "any"; readonly of: readonly Predicate[] }
  | { readonly op: "not"; readonly of: Predicate }
  | {
      readonly op: "eq" | "ne" | "lt" | "lte" | "gt" | "gte";
      readonly column: string;
      readonly value: string;
    }
  | { readonly op: "in" | "not_in"; readonly column: string; readonly values: readonly string[] }
  | { readonly op: "is_null"; readonly column: string; readonly value: boolean }
  | { readonly op: "starts_with"; readonly column: string; readonly value: string };

/** Every column the filter names, each once, in order of appearance. */
export function predicateColumns(predicate: Predicate): string[] {
  const columns = new Set<string>();
  const visit = (node: Predicate): void => {
    if (node.op === "all" || node.op === "any") node.of.forEach(visit);
    else if (node.op === "not") visit(node.of);
    else columns.add(node.column);
  };
  visit(predicate);
  return [...columns];
}
