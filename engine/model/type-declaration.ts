// A column type as it is written in DDL, taken apart.
import type { ColumnType } from "./table.ts";

export interface TypeDeclaration {
  /** In small letters, without what stands in brackets: `timestamp without time zone`, `int unsigned`. */
  readonly name: string;
  /** The numbers in the brackets; empty when there are none, or labels. */
  readonly numbers: readonly number[];
}

/** Reads `numeric(10,2)`, `timestamp(3) without time zone`, `varchar(20) CHARACTER SET utf8mb4`, `enum('a','b')`. */
export function readDeclaration(text: string): TypeDeclaration {
  const [, head = text, inside = "", tail = ""] = /^([^(]*)(?:\((.*)\))?([^)]*)$/su.exec(text.trim()) ?? [];
  const name = `${head} ${tail}`.toLowerCase().replace(/\s(?:character set|charset|collate)\s.*$/s, "");
  return {
    name: name.trim().replaceAll(/\s+/g, " "),
    numbers: /^[\d\s,-]+$/.test(inside) ? inside.split(",").map(Number) : [],
  };
}

/** The numbers of a type's declaration, or of what lies under a domain. */
export function modifiersOf({ kind, declaration, definitions }: ColumnType): readonly number[] {
  if (kind !== "domain") return readDeclaration(declaration).numbers;
  for (const definition of definitions) {
    if (definition.kind !== "domain") continue;
    const { numbers } = readDeclaration(definition.base);
    if (numbers.length > 0) return numbers;
  }
  return [];
}

/** The type's name in PostgreSQL's pg_catalog, of a domain that of what lies under it; null: no built-in one, or an array. */
export function systemTypeName({ bare }: ColumnType): string | null {
  return /^pg_catalog\."?(\w+)"?$/.exec(bare)?.[1] ?? null;
}
