// A column's type as far as the binary log tells it (MySQL Internals, "Table_map_event", optional metadata; the same with
// MariaDB's binlog_row_metadata=FULL). The catalogue can say the same, so that a column in the stream and the column of the
// mapping compare by one text: ColumnType.identity and StreamedColumn.typeIdentity.

export type WireType =
  | { readonly kind: "integer"; readonly bytes: 1 | 2 | 3 | 4 | 8; readonly unsigned: boolean }
  | { readonly kind: "decimal"; readonly precision: number; readonly scale: number; readonly unsigned: boolean }
  | { readonly kind: "float" | "double"; readonly unsigned: boolean }
  | { readonly kind: "bit"; readonly bits: number }
  | { readonly kind: "year" | "date" | "json" | "geometry" }
  /** `fraction`: digits of a second's fraction, 0 to 6. */
  | { readonly kind: "time" | "datetime" | "timestamp"; readonly fraction: number }
  /** `bytes`: most bytes that a value may have. `charset` is never `binary`; utf8 is called utf8mb3. */
  | { readonly kind: "char" | "varchar"; readonly bytes: number; readonly charset: string }
  | { readonly kind: "binary" | "varbinary"; readonly bytes: number }
  /** TINY-, plain, MEDIUM-, LONGTEXT and -BLOB by the bytes of their length: 1 to 4. */
  | { readonly kind: "text"; readonly lengthBytes: number; readonly charset: string }
  | { readonly kind: "blob"; readonly lengthBytes: number }
  | { readonly kind: "enum" | "set"; readonly labels: readonly string[]; readonly charset: string }
  /** MariaDB's types that the log writes as plain bytes. */
  | { readonly kind: "uuid" | "inet4" | "inet6" };

/** Equal exactly when two columns hold the same values in the same form. Collation and display width do not count. */
export function wireIdentity(type: WireType): string {
  const sign = "unsigned" in type && type.unsigned ? " unsigned" : "";
  switch (type.kind) {
    case "integer":
      return `integer(${type.bytes})${sign}`;
    case "decimal":
      return `decimal(${type.precision},${type.scale})${sign}`;
    case "bit":
      return `bit(${type.bits})`;
    case "time":
    case "datetime":
    case "timestamp":
      return `${type.kind}(${type.fraction})`;
    case "char":
    case "varchar":
      return `${type.kind}(${type.bytes}) ${type.charset}`;
    case "binary":
    case "varbinary":
      return `${type.kind}(${type.bytes})`;
    case "text":
      return `text(${type.lengthBytes}) ${type.charset}`;
    case "blob":
      return `blob(${type.lengthBytes})`;
    case "enum":
    case "set":
      return `${type.kind}${JSON.stringify(type.labels)} ${type.charset}`;
    default:
      return `${type.kind}${sign}`;
  }
}
