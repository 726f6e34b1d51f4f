// How the values of a column are asked for, and how what the server sends becomes their text form (../value-text.ts). The same
// column in the binary log must come to the same bytes (../decode/).
import type { ColumnType } from "../../../engine/model/table.ts";
import { doubleText, floatText } from "../../float-text.ts";
import { bitText, bytesText } from "../value-text.ts";
import { quoteIdentifier } from "../quote.ts";

export interface ColumnReader {
  /** Goes into the list of SELECT. */
  readonly sql: string;
  /** Text form of a value as the server sends it in its text protocol, within the same memory or not; null: what is sent is that. */
  readonly toText: ((bytes: Buffer) => Buffer) | null;
}

export function columnReader(column: { readonly name: string; readonly type: ColumnType }): ColumnReader {
  const name = quoteIdentifier(column.name);
  const { declaration } = column.type;
  const plain = (toText: ColumnReader["toText"]): ColumnReader => ({ sql: name, toText });
  switch (/^\w+/.exec(declaration)?.[0] ?? "") {
    case "tinyint":
    case "smallint":
    case "mediumint":
    case "int":
    case "bigint":
    case "decimal":
      return plain(declaration.endsWith(" zerofill") ? withoutLeadingZeros : asIs);
    case "year":
      return plain(withoutLeadingZeros);
    case "float":
      return { sql: withSign(name, `${name} * 1e0`), toText: convert((text) => floatText(Number(text))) };
    case "double":
      return { sql: withSign(name, name), toText: convert((text) => doubleText(Number(text))) };
    case "bit": {
      const bits = Number(/\d+/.exec(declaration)?.[0] ?? 1);
      return plain((bytes) => Buffer.from(bitText(bytes, bits), "latin1"));
    }
    case "datetime":
    case "time":
      return plain(declaration.includes("(") ? trimmed : asIs);
    case "timestamp":
      return plain((bytes) => Buffer.concat([trimmed(bytes), utc]));
    case "date":
    case "char":
    case "varchar":
    case "tinytext":
    case "text":
    case "mediumtext":
    case "longtext":
    case "enum":
    case "set":
    case "json":
    case "uuid":
    case "inet4":
    case "inet6":
      return plain(asIs);
    default:
      // Bytes, geometry in the server's own form, and whatever a later server may bring.
      return plain(bytesText);
  }
}

/**
 * A single prints with six digits only, and both without the sign of zero on MariaDB; its angle to the negative axis tells
 * that. The product makes a single a double, whose text is long enough for it; MySQL cuts that of a product which is one.
 */
function withSign(name: string, exact: string): string {
  return `IF(${name} = 0 AND ATAN2(${name}, -1) < 0, '-0', ${exact})`;
}

const asIs = null;

function convert(change: (text: string) => string): (bytes: Buffer) => Buffer {
  return (bytes) => Buffer.from(change(bytes.toString("latin1")), "latin1");
}

const utc = Buffer.from("+00", "latin1");

/** What trimFraction does, where the bytes lie: times are among the commonest values. */
function trimmed(bytes: Buffer): Buffer {
  if (!bytes.includes(point)) return bytes;
  let end = bytes.length;
  while (bytes[end - 1] === zero) end -= 1;
  return bytes.subarray(0, bytes[end - 1] === point ? end - 1 : end);
}

const point = 0x2e;
const zero = 0x30;

const withoutLeadingZeros = convert((text) => text.replace(/^(-?)0+(?=\d)/, "$1"));
