// MySQL's and MariaDB's types in PostgreSQL. The text forms are such that PostgreSQL reads them as they are
// (connectors/mysql/value-text.ts).
import type { ColumnType } from "../engine/model/table.ts";
import { readDeclaration } from "../engine/model/type-declaration.ts";
import { exact, type LikeType, none, widened } from "./like-type.ts";

/** The like type. A value that PostgreSQL does not know, such as a zero date or text with NUL, is refused there. */
export function toPostgres(source: ColumnType): LikeType {
  const { name, numbers } = readDeclaration(source.declaration);
  // MariaDB declares JSON as longtext; the catalogue tells it by its check.
  const word = source.bare === "json" ? "json" : (name.split(" ")[0] ?? "");
  const unsigned = / unsigned\b/.test(name) || / zerofill\b/.test(name);
  const like = table[word];
  return like === undefined ? none(`PostgreSQL has no type like ${source.declaration}`) : like(numbers, unsigned);
}

type Like = (numbers: readonly number[], unsigned: boolean) => LikeType;

const wider = "the type there is wider";

const integer =
  (signed: LikeType, unsigned: LikeType): Like =>
  (_, isUnsigned) =>
    isUnsigned ? unsigned : signed;

const decimal: Like = ([precision = 10, scale = 0], unsigned) =>
  unsigned ? widened(`numeric(${precision},${scale})`, wider) : exact(`numeric(${precision},${scale})`);

const text: Like = () => exact("text");
const bytes: Like = () => exact("bytea");
const geometry: Like = () => widened("bytea", "the SRID in 4 bytes, little endian, then WKB");
const characters: Like = ([length = 1]) => exact(`character varying(${length})`);
const address: Like = () => exact("inet");

const table: Readonly<Record<string, Like>> = {
  tinyint: () => widened("smallint", wider),
  smallint: integer(exact("smallint"), widened("integer", wider)),
  mediumint: () => widened("integer", wider),
  int: integer(exact("integer"), widened("bigint", wider)),
  integer: integer(exact("integer"), widened("bigint", wider)),
  bigint: integer(exact("bigint"), widened("numeric(20,0)", wider)),
  decimal,
  numeric: decimal,
  float: () => exact("real"),
  double: () => exact("double precision"),
  bit: ([bits = 1]) => exact(`bit(${bits})`),
  char: characters,
  varchar: characters,
  tinytext: text,
  text,
  mediumtext: text,
  longtext: text,
  binary: bytes,
  varbinary: bytes,
  tinyblob: bytes,
  blob: bytes,
  mediumblob: bytes,
  longblob: bytes,
  vector: () => widened("bytea", "its numbers in 4 bytes each, little endian"),
  date: () => exact("date"),
  datetime: ([fraction = 0]) => exact(`timestamp(${fraction}) without time zone`),
  timestamp: ([fraction = 0]) => exact(`timestamp(${fraction}) with time zone`),
  time: ([fraction = 0]) => widened(`interval(${fraction})`, "it may be negative, and longer than a day"),
  year: () => widened("smallint", wider),
  enum: () => widened("text", "the label"),
  set: () => widened("text", "the labels, separated by commas"),
  json: () => exact("json"),
  uuid: () => exact("uuid"),
  inet4: address,
  inet6: address,
  geometry,
  point: geometry,
  linestring: geometry,
  polygon: geometry,
  multipoint: geometry,
  multilinestring: geometry,
  multipolygon: geometry,
  geometrycollection: geometry,
  geomcollection: geometry,
};
