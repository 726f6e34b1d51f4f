// Column types as the catalogue states them: exact declarations, what filters may know of them, and the user-defined
// types that a copy needs.
import type { ClientBase } from "pg";
import { assert } from "../../engine/model/assert.ts";
import type { ColumnType, TypeDefinition, ValueCategory } from "../../engine/model/table.ts";

/** One row of pg_type with what hangs on it. */
interface CatalogType {
  readonly oid: string;
  readonly schema: string;
  readonly name: string;
  /** `schema.name`, quoted where it must be. */
  readonly qualified: string;
  /** pg_type.typtype: b base, c composite, d domain, e enum, r range, m multirange. */
  readonly typtype: string;
  /** Of a true array, the element type; else null. */
  readonly element: string | null;
  /** Of a domain: the type under it, also as it is written with its modifier. */
  readonly base: string | null;
  readonly baseDeclaration: string | null;
  readonly labels: readonly string[];
  readonly attributes: readonly { name: string; type: string; oid: string }[];
  /** Of a range its subtype, of a multirange its range. */
  readonly subtype: string | null;
  readonly subtypeDeclaration: string | null;
  /** A range with its own ordering, collation or canonical function cannot be declared again from its subtype alone. */
  readonly ownOrder: boolean;
  readonly extension: string | null;
  readonly deterministic: boolean;
}

// The types of the columns and everything they are made of, found by walking elements, bases, attributes and subtypes.
const typesSql = `
WITH RECURSIVE part(oid) AS (
  SELECT unnest($1::oid[])
  UNION
  SELECT next.oid FROM part
  JOIN pg_type t ON t.oid = part.oid
  CROSS JOIN LATERAL (
    SELECT t.typelem WHERE t.typsubscript = 'array_subscript_handler'::regproc
    UNION ALL SELECT t.typbasetype WHERE t.typtype = 'd'
    UNION ALL SELECT a.atttypid FROM pg_attribute a
              WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL SELECT r.rngsubtype FROM pg_range r WHERE t.typtype = 'r' AND r.rngtypid = t.oid
    UNION ALL SELECT r.rngtypid FROM pg_range r WHERE t.typtype = 'm' AND r.rngmultitypid = t.oid
  ) AS next(oid)
)
SELECT t.oid, n.nspname AS schema, t.typname AS name, format('%I.%I', n.nspname, t.typname) AS qualified, t.typtype,
  CASE WHEN t.typsubscript = 'array_subscript_handler'::regproc THEN t.typelem END AS element,
  CASE WHEN t.typtype = 'd' THEN t.typbasetype END AS base,
  CASE WHEN t.typtype = 'd' THEN format_type(t.typbasetype, t.typtypmod) END AS base_declaration,
  (SELECT json_agg(e.enumlabel ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid) AS labels,
  (SELECT json_agg(json_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod), 'oid', a.atttypid::text)
                   ORDER BY a.attnum)
   FROM pg_attribute a
   WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped) AS attributes,
  coalesce(r.rngsubtype, m.rngtypid) AS subtype,
  format_type(r.rngsubtype, NULL) AS subtype_declaration,
  coalesce(r.rngcanonical <> 0 OR NOT o.opcdefault OR r.rngcollation <> s.typcollation, false) AS own_order,
  (SELECT x.extname FROM pg_depend d JOIN pg_extension x ON x.oid = d.refobjid
   WHERE d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e'
     AND d.refclassid = 'pg_extension'::regclass LIMIT 1) AS extension,
  NOT EXISTS (SELECT FROM pg_collation c WHERE NOT c.collisdeterministic AND (c.oid IN (t.typcollation, r.rngcollation)
    OR c.oid IN (SELECT a.attcollation FROM pg_attribute a
                 WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped)))
    AS deterministic
FROM part
JOIN pg_type t ON t.oid = part.oid
JOIN pg_namespace n ON n.oid = t.typnamespace
LEFT JOIN pg_range r ON r.rngtypid = t.oid
LEFT JOIN pg_range m ON m.rngmultitypid = t.oid
LEFT JOIN pg_opclass o ON o.oid = r.rngsubopc
LEFT JOIN pg_type s ON s.oid = r.rngsubtype`;

/** The types of one server's columns, read together; look-ups need no further query. */
export class TypeCatalog {
  readonly #types: ReadonlyMap<string, CatalogType>;

  private constructor(types: ReadonlyMap<string, CatalogType>) {
    this.#types = types;
  }

  /** Reads these types and all they are made of. The session's search_path must be empty, so that names come qualified. */
  static async read(client: ClientBase, oids: readonly string[]): Promise<TypeCatalog> {
    const { rows } = await client.query<Record<string, string | null>>(typesSql, [[...new Set(oids)]]);
    return new TypeCatalog(new Map(rows.map((row) => [String(row["oid"]), fromRow(row)])));
  }

  /** A column's type from pg_attribute's atttypid, atttypmod and its format_type. */
  columnType(oid: string, typmod: string, declaration: string): ColumnType {
    const type = this.#type(oid);
    const parts = this.#parts(type);
    return {
      family: "postgres",
      identity: `${oid}:${typmod}`,
      declaration,
      bare: this.#bare(type),
      kind: kindOf(type),
      category: this.#category(type),
      definitions: parts.flatMap(definitionOf),
      extension: parts.find((part) => part.extension !== null)?.extension ?? null,
    };
  }

  /** Equal values of the type print equally, as far as the type itself says; its column's collation comes on top. */
  isDeterministic(oid: string): boolean {
    return this.#parts(this.#type(oid)).every((part) => part.deterministic && part.name !== "citext");
  }

  #type(oid: string): CatalogType {
    const type = this.#types.get(oid);
    assert(type !== undefined, "every type of a column was read with its parts");
    return type;
  }

  /** The type and everything it is made of, each once, what is needed first coming first. */
  #parts(type: CatalogType): CatalogType[] {
    const ordered = new Set<CatalogType>();
    const visit = (current: CatalogType): void => {
      if (ordered.has(current)) return;
      const below = [current.element, current.base, current.subtype, ...current.attributes.map((attribute) => attribute.oid)];
      for (const oid of below) if (oid !== null) visit(this.#type(oid));
      ordered.add(current);
    };
    visit(type);
    return [...ordered];
  }

  /** Domains are cast to what lies under them: neither their modifier nor their checks may change or refuse a value. */
  #bare(type: CatalogType): string {
    if (type.element !== null) return `${this.#type(type.element).qualified}[]`;
    return type.base === null ? type.qualified : this.#bare(this.#type(type.base));
  }

  #category(type: CatalogType): ValueCategory {
    if (type.base !== null) return this.#category(this.#type(type.base));
    if (type.typtype === "e") return "enum";
    return type.schema === "pg_catalog" ? (builtInCategories[type.name] ?? "other") : "other";
  }
}

const builtInCategories: Readonly<Record<string, ValueCategory>> = {
  int2: "integer",
  int4: "integer",
  int8: "integer",
  numeric: "decimal",
  float4: "float",
  float8: "float",
  bool: "boolean",
  text: "text",
  varchar: "text",
  bpchar: "padded",
  date: "date",
  time: "time",
  timestamp: "timestamp",
  timestamptz: "instant",
  uuid: "uuid",
  bytea: "bytes",
};

function fromRow(row: Record<string, string | null>): CatalogType {
  return {
    oid: String(row["oid"]),
    schema: String(row["schema"]),
    name: String(row["name"]),
    qualified: String(row["qualified"]),
    typtype: String(row["typtype"]),
    element: row["element"] ?? null,
    base: row["base"] ?? null,
    baseDeclaration: row["base_declaration"] ?? null,
    labels: JSON.parse(row["labels"] ?? "[]") as string[],
    attributes: JSON.parse(row["attributes"] ?? "[]") as { name: string; type: string; oid: string }[],
    subtype: row["subtype"] ?? null,
    subtypeDeclaration: row["subtype_declaration"] ?? null,
    ownOrder: row["own_order"] === "t",
    extension: row["extension"] ?? null,
    deterministic: row["deterministic"] === "t",
  };
}

function kindOf(type: CatalogType): ColumnType["kind"] {
  if (type.element !== null) return "array";
  switch (type.typtype) {
    case "c":
      return "composite";
    case "d":
      return "domain";
    case "e":
      return "enum";
    case "r":
      return "range";
    case "m":
      return "multirange";
    default:
      return "base";
  }
}

/** Types that every server has. */
function isBuiltIn(type: CatalogType): boolean {
  return type.schema === "pg_catalog" || type.schema === "information_schema";
}

/** How the type is declared again elsewhere; nothing for built-in ones, an extension's, arrays and multiranges. */
function definitionOf(type: CatalogType): TypeDefinition[] {
  if (isBuiltIn(type) || type.extension !== null || type.element !== null) return [];
  const name = { schema: type.schema, name: type.name };
  switch (type.typtype) {
    case "e":
      return [{ kind: "enum", name, labels: type.labels }];
    case "d":
      return [{ kind: "domain", name, base: type.baseDeclaration ?? "" }];
    case "c":
      return [{ kind: "composite", name, attributes: type.attributes.map((part) => ({ name: part.name, type: part.type })) }];
    case "r":
      return type.ownOrder ? [] : [{ kind: "range", name, subtype: type.subtypeDeclaration ?? "" }];
    default:
      return [];
  }
}
