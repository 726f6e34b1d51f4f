// PostgreSQL's types in MySQL and MariaDB. The values are put into MySQL's form by connectors/mysql/apply/encode-value.ts.
import type { ColumnType } from "../engine/model/table.ts";
import { modifiersOf } from "../engine/model/type-declaration.ts";
import { characterBytes, insideBytesMax } from "./innodb-row.ts";
import { type ColumnRole, exact, type LikeType, none, widened } from "./like-type.ts";

/**
 * The like type. A value that MySQL does not know is refused there: infinity, NaN, dates before Christ and after 9999,
 * numbers and keys that are too long, arrays whose numbering does not begin with 1.
 */
export function toMysql(source: ColumnType, role: ColumnRole): LikeType {
  const name = builtInName(source);
  if (name !== null && local.test(name)) return none(`values of type ${source.declaration} mean nothing outside their own database`);
  if (source.bare.endsWith("]")) return unbounded("a JSON array", role);
  if (source.category === "enum") return bounded(enumCharacters, "the label", role);
  const like = name === null ? undefined : table[name];
  return like === undefined ? unbounded("as PostgreSQL prints it", role) : like(modifiersOf(source), role);
}

type Like = (numbers: readonly number[], role: ColumnRole) => LikeType;

/** The fewest characters that a text must be allowed to have for it to lie outside of its row. */
const outsideCharacters = Math.floor(insideBytesMax / characterBytes) + 1;
/** Of one label: NAMEDATALEN - 1 bytes. */
const enumCharacters = 63;
const charMax = 255;
const bitsMax = 64;
/** DECIMAL(65,30). */
const digitsMax = 65;
const scaleMax = 30;
const microseconds = 6;

const asPrinted =
  (characters: number): Like =>
  (_, role) =>
    bounded(characters, "as PostgreSQL prints it", role);

const table: Readonly<Record<string, Like>> = {
  int2: () => exact("smallint"),
  int4: () => exact("int"),
  int8: () => exact("bigint"),
  oid: () => widened("int unsigned", "the number"),
  xid: () => widened("int unsigned", "the number"),
  xid8: () => widened("bigint unsigned", "the number"),
  numeric,
  float4: () => exact("float"),
  float8: () => exact("double"),
  bool: () => exact("tinyint(1)"),
  text: (_, role) => (role.key ? keyText(role) : exact("longtext")),
  varchar: ([length], role) => {
    if (length === undefined) return role.key ? keyText(role) : exact("longtext");
    if (length * characterBytes <= role.bytesMax) return short(`varchar(${length})`, length, role);
    return role.key ? keyText(role) : widened("longtext", "longer than a row of MySQL may be");
  },
  bpchar: ([length = charMax + 1], role) => {
    if (length > charMax || length * characterBytes > role.bytesMax) return bounded(length, "without its padding", role);
    return short(`char(${length})`, length, role);
  },
  name: (_, role) => bounded(63, "as PostgreSQL prints it", role),
  char: asPrinted(4),
  bytea: (_, { key, bytesMax }) => (key ? widened(`varbinary(${bytesMax})`, "longer keys are refused") : exact("longblob")),
  date: () => exact("date"),
  time: ([fraction = microseconds]) => exact(`time(${fraction})`),
  timestamp: ([fraction = microseconds]) => exact(`datetime(${fraction})`),
  timestamptz: ([fraction = microseconds]) => widened(`datetime(${fraction})`, "the instant in UTC, without its zone"),
  timetz: asPrinted(32),
  interval: asPrinted(128),
  money: asPrinted(32),
  uuid: (_, role) => {
    const like = short("char(36)", 36, role);
    return like.fidelity === "exact" ? widened("char(36)", "as PostgreSQL prints it") : like;
  },
  inet: asPrinted(64),
  cidr: asPrinted(64),
  macaddr: asPrinted(17),
  macaddr8: asPrinted(23),
  pg_lsn: asPrinted(17),
  bit: ([bits = 1], role) => (bits <= bitsMax ? exact(`bit(${bits})`) : unbounded("its binary digits", role)),
  varbit: (_, role) => unbounded("its binary digits", role),
  json: (_, role) => unbounded("its text, so that numbers, order and repeated keys stay as they are", role),
  jsonb: (_, role) => unbounded("its text, so that numbers stay as they are", role),
};

/** Values refer to other things in their own database, by names or numbers that mean nothing elsewhere. */
const local = /^(?:reg\w+|aclitem|pg_node_tree|pg_ndistinct|pg_dependencies|pg_mcv_list|pg_brin_\w+)$/;

/** The type's name in pg_catalog; null: no built-in one. */
function builtInName({ bare }: ColumnType): string | null {
  return /^pg_catalog\."?(\w+)"?/.exec(bare)?.[1] ?? null;
}

/** numeric(3,5) and numeric(3,-2) are types too: three digits, wherever the point is. */
function numeric([precision, scale = 0]: readonly number[]): LikeType {
  if (precision === undefined)
    return widened(`decimal(${digitsMax},${scaleMax})`, "with 30 digits after the point; what needs more is refused");
  const fraction = Math.max(scale, 0);
  const digits = Math.max(precision - Math.min(scale, 0), fraction);
  if (digits <= digitsMax && fraction <= scaleMax) {
    const declaration = `decimal(${digits},${fraction})`;
    return scale === fraction && precision === digits ? exact(declaration) : widened(declaration, "the type there is wider");
  }
  const kept = Math.min(fraction, scaleMax);
  return widened(
    `decimal(${digitsMax},${kept})`,
    `what needs more than ${digitsMax - kept} digits before the point or ${kept} after it is refused`,
  );
}

/** Text of at most this length, where a column of bounded length has room. */
function bounded(characters: number, note: string, role: ColumnRole): LikeType {
  if (characters * characterBytes > role.bytesMax) return unbounded(note, role);
  return widened(`varchar(${role.key ? characters : Math.max(characters, outsideCharacters)})`, note);
}

/** Text as declared, where the row has room for it. */
function short(declaration: string, characters: number, role: ColumnRole): LikeType {
  const bytes = characters * characterBytes;
  if (role.key || bytes <= role.insideMax || bytes > insideBytesMax) return exact(declaration);
  return bounded(outsideCharacters, "longer, so that it may lie outside of its row", role);
}

function unbounded(note: string, role: ColumnRole): LikeType {
  return role.key ? keyText(role) : widened("longtext", note);
}

/** A key has an index, whose entries are bounded. */
function keyText({ bytesMax }: ColumnRole): LikeType {
  return widened(`varchar(${Math.floor(bytesMax / characterBytes)})`, "longer keys are refused");
}
