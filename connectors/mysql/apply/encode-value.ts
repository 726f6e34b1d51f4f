// A value of a row in the form that a column of the target takes. MySQL and MariaDB round numbers, cut fractions of seconds
// and blanks, and pad bytes with no more than a note, in strict mode too: whatever they would change is refused here.
// What they refuse by themselves, they are left to refuse: text that is too long, days that are none, most numbers out of range.
// A number or time beyond what a comparison with its column can hold is refused here: there it would become another one, and
// the row that has that one for its key would be taken for the row that is meant.
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import type { ColumnType } from "../../../engine/model/table.ts";
import { readDeclaration } from "../../../engine/model/type-declaration.ts";
import { textBytes } from "../value-text.ts";
import { arrayToJson } from "./array-json.ts";

/** A parameter of a statement: text for the server to read, or bytes. Throws DB-ROW-010 and DB-ROW-011. */
export type Encoder = (text: Buffer) => string | Buffer;

export interface EncodedColumn {
  /** The column's type in the target. */
  readonly declaration: string;
  /** What errors call it; never a value. */
  readonly subject?: string;
  /** The mapping accepts a loss: digits beyond those of the type are cut or rounded. */
  readonly lossAccepted?: boolean;
}

/** Made once for a column, called for each value that is not NULL. `source`: what the value's text is a value of. */
export function encoderOf(source: ColumnType, column: EncodedColumn): Encoder {
  const { name, numbers } = readDeclaration(column.declaration);
  const encode = encoders[name.split(" ")[0] ?? ""];
  const unsigned = / (?:unsigned|zerofill)\b/.test(name);
  return encode === undefined ? plain : encode({ source, numbers, unsigned, refuse: refuser(column), lossy: column.lossAccepted === true });
}

interface Encoding {
  readonly source: ColumnType;
  /** Of the target's declaration. */
  readonly numbers: readonly number[];
  readonly unsigned: boolean;
  readonly refuse: Refuse;
  readonly lossy: boolean;
}

type Refuse = (code: "DB-ROW-010" | "DB-ROW-011", cause: string) => never;

function refuser({ declaration, subject }: EncodedColumn): Refuse {
  return (code, cause) => {
    throw new ReplicationError(code, { subject: subject ?? `a column of type ${declaration}`, cause });
  };
}

const plain: Encoder = (text) => text.toString("utf8");

function whole({ source, unsigned, lossy, refuse }: Encoding): Encoder {
  if (source.category === "boolean") return flag;
  const [least, most] = unsigned ? [0n, 2n ** 64n - 1n] : [-(2n ** 63n), 2n ** 63n - 1n];
  const within = (digits: string): string => {
    if (digits.length < digitsAlwaysWithin && !(unsigned && digits.startsWith("-"))) return digits;
    const value = BigInt(digits);
    return value >= least && value <= most ? digits : refuse("DB-ROW-010", "the number is out of range");
  };
  return (text) => {
    const digits = text.toString("latin1");
    if (wholeNumber.test(digits)) return within(digits);
    const [, before = "", fraction = ""] = number.exec(digits) ?? refuse("DB-ROW-010", "the value is no whole number");
    if (/^0*$/.test(fraction)) return within(before);
    return lossy ? digits : refuse("DB-ROW-011", "the value has digits after the point, which the type has not");
  };
}

/** Numbers shorter than this are within 64 bits. */
const digitsAlwaysWithin = 19;
const wholeNumber = /^-?\d+$/;
const number = /^(-?\d+)(?:\.(\d+))?$/;
const floatingNumber = /^-?\d+(?:\.\d+)?(?:e[+-]?\d+)?$/;

/** PostgreSQL's boolean. */
const flag: Encoder = (text) => (text[0] === 0x74 ? "1" : "0");

function decimal({ numbers: [precision = 10, scale = 0], lossy, refuse }: Encoding): Encoder {
  return (text) => {
    const digits = text.toString("latin1");
    const [, before = "", fraction = ""] = number.exec(digits) ?? [];
    if (before.replace(/^-?0*/, "").length > precision - scale) return refuse("DB-ROW-010", "the number is out of range");
    if (before === "") return lossy && floatingNumber.test(digits) ? digits : refuse("DB-ROW-010", "the value is no decimal number");
    if (fraction.length <= scale) return digits;
    const kept = fraction.replace(/0+$/, "");
    if (kept.length <= scale) return kept === "" ? before : `${before}.${kept}`;
    return lossy ? digits : refuse("DB-ROW-011", `the value has more than ${scale} digits after the point`);
  };
}

/** `digits`: decimal digits that a number of this type always keeps; `nearest`: the number of this type next to another. */
interface Precision {
  readonly digits: number;
  readonly nearest: (value: number) => number;
}

const single: Precision = { digits: 6, nearest: Math.fround };
const double: Precision = { digits: 15, nearest: (value) => value };

/**
 * The server reads a single by way of a double, so a single goes as all the digits of the double that equals it: MariaDB takes
 * FLT_MAX in its shortest form for too large. It keeps no sign of zero; -0 and 0 are equal numbers everywhere.
 */
function floating({ digits, nearest }: Precision): (encoding: Encoding) => Encoder {
  return ({ source, lossy, refuse }) => {
    const fromSingle = isSingle(source);
    return (text) => {
      const written = text.toString("latin1");
      if (!floatingNumber.test(written)) return refuse("DB-ROW-010", "the value is no finite number");
      const value = fromSingle ? Math.fround(Number(written)) : Number(written);
      const there = nearest(value);
      if (!Number.isFinite(there)) return refuse("DB-ROW-010", "the number is out of range");
      const same = source.category === "float" ? there === value : significantDigits(written) <= digits;
      return same || lossy ? String(there) : refuse("DB-ROW-011", "the value has more digits than the type");
    };
  };
}

function isSingle({ bare, category }: ColumnType): boolean {
  return category === "float" && /^(?:pg_catalog\."?float4"?|float)$/.test(bare);
}

function significantDigits(number: string): number {
  return number.replace(/e.*$/, "").replace(/[-.]/g, "").replace(/^0+/, "").length;
}

/** CHAR loses trailing blanks, VARCHAR and TEXT those that are too many. A value of PostgreSQL's char(n) has none that mean anything. */
function characters(holdsBlanks: boolean, lengthMax: (numbers: readonly number[]) => number, unit: "characters" | "bytes"): MakeEncoder {
  return ({ source, numbers, lossy, refuse }) => {
    if (source.bare.endsWith("]")) return arrayToJson(source, { lossy, refuse });
    const most = lengthMax(numbers);
    const unpad = source.category === "padded";
    return (text) => {
      const value = unpad ? text.toString("utf8").replace(/ +$/, "") : text.toString("utf8");
      if (!value.endsWith(" ")) return value;
      const fits = text.length <= most || (unit === "characters" && Array.from(value).length <= most);
      if ((holdsBlanks && fits) || lossy) return value;
      return refuse("DB-ROW-011", "the value ends in blanks that the type does not hold");
    };
  };
}

type MakeEncoder = (encoding: Encoding) => Encoder;

const charText = characters(false, ([length = 1]) => length, "characters");
const varcharText = characters(true, ([length = 1]) => length, "characters");
const longText = (bytesMax: number): MakeEncoder => characters(true, () => bytesMax, "bytes");

/** BINARY pads with zero bytes. */
function fixedBytes(encoding: Encoding): Encoder {
  const { numbers, lossy, refuse } = encoding;
  const [length = 1] = numbers;
  const read = bytes(encoding);
  return (text) => {
    const value = read(text);
    return value.length === length || lossy ? value : refuse("DB-ROW-011", `the value has not ${length} bytes`);
  };
}

function bytes({ source }: Encoding): (text: Buffer) => Buffer {
  if (source.category === "uuid") return (text) => Buffer.from(text.toString("latin1").replaceAll("-", ""), "hex");
  // Geometry has no category, and comes as bytes.
  const isBytes = source.category === "bytes" || (source.family === "mysql" && source.category === "other");
  return isBytes ? textBytes : (text) => text;
}

function date({ source, lossy, refuse }: Encoding): Encoder {
  return (text) => {
    const written = text.toString("latin1");
    const [, day = "", time] = calendar.exec(written) ?? refuse("DB-ROW-010", noSuchTime(source));
    if (time === undefined || /^[0:.]*$/.test(time)) return day;
    return lossy ? day : refuse("DB-ROW-011", "the value has a time of day, which the type has not");
  };
}

function dateTime({ source, numbers: [fraction = 0], lossy, refuse }: Encoding): Encoder {
  return (text) => {
    // An instant's text is in UTC, as the session is.
    const written = text.toString("latin1").replace(/\+00$/, "");
    if (!calendar.test(written)) return refuse("DB-ROW-010", noSuchTime(source));
    return seconds(written, { fraction, lossy, refuse });
  };
}

const calendar = /^(\d{4}-\d\d-\d\d)(?: (\d\d:\d\d:\d\d(?:\.\d{1,6})?))?$/;

function noSuchTime({ category }: ColumnType): string {
  return category === "date" || category === "timestamp" || category === "instant"
    ? "the value is infinite, before Christ or after the year 9999"
    : "the value is no date";
}

function timeOfDay({ numbers: [fraction = 0], lossy, refuse }: Encoding): Encoder {
  return (text) => {
    const written = text.toString("latin1");
    const [, hours] = /^-?(\d{2,3}):\d\d:\d\d(?:\.\d{1,6})?$/.exec(written) ?? refuse("DB-ROW-010", "the value is no time");
    if (Number(hours) > hoursMax) return refuse("DB-ROW-010", "the time is out of range");
    return seconds(written, { fraction, lossy, refuse });
  };
}

const hoursMax = 838;

interface Seconds extends Pick<Encoding, "lossy" | "refuse"> {
  /** Digits that the type has. */
  readonly fraction: number;
}

/** MariaDB cuts what is too fine, MySQL rounds it: here it is cut, or refused. */
function seconds(written: string, { fraction, lossy, refuse }: Seconds): string {
  const point = written.indexOf(".");
  if (point < 0 || written.length - point - 1 <= fraction) return written;
  const cut = written.slice(0, fraction === 0 ? point : point + 1 + fraction);
  if (lossy || /^0*$/.test(written.slice(point + 1 + fraction))) return cut;
  return refuse("DB-ROW-011", `the value has more than ${fraction} digits of a second`);
}

/** As text, `0` would be the year 2000. */
const year: Encoder = (text) => text.toString("latin1").padStart(4, "0");

function bits({ source, numbers: [length = 1], refuse }: Encoding): Encoder {
  if (source.category === "boolean") return (text) => Buffer.from([text[0] === 0x74 ? 1 : 0]);
  return (text) => {
    const digits = text.toString("latin1");
    if (!/^[01]+$/.test(digits)) return refuse("DB-ROW-010", "the value is no bits");
    if (digits.length !== length) return refuse("DB-ROW-011", `the value has not ${length} bits`);
    return Buffer.from(
      BigInt(`0b${digits}`)
        .toString(16)
        .padStart(Math.ceil(length / 8) * 2, "0"),
      "hex",
    );
  };
}

const json: MakeEncoder = ({ source, lossy, refuse }) => (source.bare.endsWith("]") ? arrayToJson(source, { lossy, refuse }) : plain);

const encoders: Readonly<Record<string, MakeEncoder>> = {
  ...all(["bool", "boolean", "tinyint", "smallint", "mediumint", "int", "integer", "bigint"], whole),
  ...all(["decimal", "numeric", "dec", "fixed"], decimal),
  float: floating(single),
  ...all(["double", "real"], floating(double)),
  ...all(["char", "character"], charText),
  varchar: varcharText,
  tinytext: longText(0xff),
  text: longText(0xffff),
  mediumtext: longText(0xff_ffff),
  longtext: longText(0xffff_ffff),
  binary: fixedBytes,
  ...all(["varbinary", "tinyblob", "blob", "mediumblob", "longblob", "vector", "geometry", "point", "linestring", "polygon"], bytes),
  ...all(["multipoint", "multilinestring", "multipolygon", "geometrycollection", "geomcollection"], bytes),
  date,
  ...all(["datetime", "timestamp"], dateTime),
  time: timeOfDay,
  year: () => year,
  bit: bits,
  json,
};

function all(names: readonly string[], make: MakeEncoder): Record<string, MakeEncoder> {
  return Object.fromEntries(names.map((name) => [name, make]));
}
