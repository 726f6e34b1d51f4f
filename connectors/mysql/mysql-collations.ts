// What a column's collation says of order, by its name (MySQL and MariaDB manuals, "Collation Naming Conventions").

/** Text is ordered by its characters' codes. Columns without collation compare in one way only. */
export function ordersByCode(collation: string | null): boolean {
  return collation === null || collation.endsWith("_bin");
}

/** The character set and the collation that a text column is declared with. */
export interface TextComparison {
  readonly charset: string;
  readonly collation: string;
}

/** Reads them from a ColumnType's declaration; null: the column holds no text. */
export function textComparison(declaration: string): TextComparison | null {
  const match = / CHARACTER SET (\w+) COLLATE (\w+)$/.exec(declaration);
  return match === null ? null : { charset: match[1] ?? "", collation: match[2] ?? "" };
}
