// Key values as somebody types them, or as a source writes them, in the form in which the target's key columns compare.
import { textBytes, trimFraction } from "../value-text.ts";

export interface KeyColumn {
  readonly name: string;
  /** DATA_TYPE of information_schema: `bigint`, `varchar`. */
  readonly type: string;
  /** Digits behind the point of a decimal. */
  readonly scale: number;
}

const whole = /^[+-]?\d+$/;
const number = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const instant = /^(\d{4}-\d{2}-\d{2})(?:[ T](\d{2}:\d{2}:\d{2}(?:\.\d{1,6})?)(?:Z|\+00(?::?00)?)?)?$/;
const duration = /^-?\d{2,3}:\d{2}:\d{2}(?:\.\d{1,6})?$/;
const hexadecimal = /^\\x(?:[0-9a-fA-F]{2})*$/;

/**
 * A parameter equal to the value that the text stands for, and the same for every text that stands for it. Null: the text is
 * no value of the column's type, which the server itself would only warn of.
 */
export function keyParameter({ type }: KeyColumn, text: string): string | Buffer | null {
  switch (type) {
    case "tinyint":
    case "smallint":
    case "mediumint":
    case "int":
    case "bigint":
    case "year":
      return integer(text);
    case "decimal":
      return number.test(text) ? withoutNeedlessDigits(text) : null;
    case "float":
    case "double":
      return number.test(text) ? String(Number(text)) : null;
    case "bit":
      return /^[01]{1,64}$/.test(text) ? String(BigInt(`0b${text}`)) : null;
    case "binary":
    case "varbinary":
    case "tinyblob":
    case "blob":
    case "mediumblob":
    case "longblob":
      return hexadecimal.test(text) ? textBytes(Buffer.from(text, "latin1")) : Buffer.from(text, "utf8");
    case "date":
      return /^\d{4}-\d{2}-\d{2}$/.test(text) ? text : null;
    case "datetime":
    case "timestamp":
      return pointInTime(text);
    case "time":
      return duration.test(text) ? trimFraction(text) : null;
    case "uuid":
      return /^[0-9a-f-]{32,36}$/i.test(text) ? text.toLowerCase() : null;
    default:
      return text;
  }
}

/** PostgreSQL's booleans are kept as tinyint. */
function integer(text: string): string | null {
  const truth = new Map([
    ["t", "1"],
    ["true", "1"],
    ["f", "0"],
    ["false", "0"],
  ]).get(text.toLowerCase());
  return truth ?? (whole.test(text) ? String(BigInt(text)) : null);
}

function pointInTime(text: string): string | null {
  const match = instant.exec(text);
  return match === null ? null : `${match[1] ?? ""} ${trimFraction(match[2] ?? "00:00:00")}`;
}

/** Of a decimal number; one with an exponent stays as it is. */
function withoutNeedlessDigits(text: string): string {
  if (/e/i.test(text)) return text;
  const [sign, digits] = text.startsWith("-") ? ["-", text.slice(1)] : ["", text.replace("+", "")];
  const [integral = "", fraction = ""] = digits.split(".");
  const shown = `${integral.replace(/^0+(?=\d)/, "") || "0"}${trimFraction(`.${fraction}`)}`.replace(/\.$/, "");
  return shown === "0" ? shown : sign + shown;
}
