// A column type as it is written in DDL, taken apart.

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
