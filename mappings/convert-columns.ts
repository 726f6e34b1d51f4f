// The columns of a copy in a target of another family: each gets a type there, and what that does to the values is told.
import type { ColumnMapping } from "../engine/model/share.ts";
import { boundedBytes, insideBytesMax, pageBytes, pageBytesMax, rowBytes, rowBytesMax } from "./innodb-row.ts";
import { judgeChosen } from "./chosen-type.ts";
import type { ColumnRole, Family, Fidelity, LikeType } from "./like-type.ts";
import { typeInFamily } from "./type-families.ts";

/** What becomes of one column. */
export interface Conversion {
  /** Column of the source. */
  readonly column: string;
  readonly from: string;
  /** Null: there is no such type. */
  readonly to: string | null;
  /** unknown: the configuration chose the type, and nothing is known of the pair. */
  readonly fidelity: Fidelity | "unknown";
  readonly note: string | null;
  /** The configuration accepts a loss; that of a key is never accepted, since two rows could become one. */
  readonly lossAccepted: boolean;
  readonly key: boolean;
}

/** A column of the share before it has a type in the target. */
export interface PlainColumn extends Omit<ColumnMapping, "conversion"> {
  readonly lossAccepted: boolean;
}

export interface ConvertedColumns {
  readonly columns: readonly ColumnMapping[];
  /** One a column, in the same order; empty within a family. */
  readonly conversions: readonly Conversion[];
  /** A row of the target could not hold all of them. */
  readonly tooLong: boolean;
}

/** `key`: names of the source's columns. */
export function convertColumns(shared: readonly PlainColumn[], key: readonly string[], family: Family): ConvertedColumns {
  const columns = shared.map((column) => ({ ...column, lossAccepted: column.lossAccepted && !key.includes(column.source) }));
  const across = columns.some(({ sourceType }) => sourceType.family !== family);
  if (!across) return { columns: columns.map((column) => mapped(column, null)), conversions: [], tooLong: false };
  const { likes, tooLong } = likeTypes(columns, key, family);
  const conversions = columns.map((column, index) => ({
    ...conversionOf(column, likes[index] as LikeType, family),
    key: key.includes(column.source),
  }));
  return { columns: columns.map((column, index) => mapped(column, likes[index] as LikeType)), conversions, tooLong };
}

function mapped({ lossAccepted, ...column }: PlainColumn, like: LikeType | null): ColumnMapping {
  if (column.targetType !== null) return lossAccepted ? { ...column, conversion: "lossy" } : column;
  if (like === null || like.declaration === null) return column;
  return { ...column, targetType: like.declaration, conversion: "like" };
}

function conversionOf(
  { source, sourceType, targetType, lossAccepted }: PlainColumn,
  like: LikeType,
  family: Family,
): Omit<Conversion, "key"> {
  const from = sourceType.declaration.replace(/ CHARACTER SET .*$/s, "");
  if (targetType === null) return { column: source, from, to: like.declaration, fidelity: like.fidelity, note: like.note, lossAccepted };
  const known = targetType === like.declaration ? like : judgeChosen(sourceType, targetType, family);
  return { column: source, from, to: targetType, fidelity: known.fidelity, note: known.note, lossAccepted };
}

/** Bytes that an index of InnoDB may have, and the longest varchar. */
const keyBytesMax = 3072;
const varcharBytesMax = 65_532;

interface Likes {
  /** In the order of the columns. */
  readonly likes: readonly LikeType[];
  readonly tooLong: boolean;
}

/** In MySQL the widest texts make way, the longest first, until a row can be declared. */
function likeTypes(columns: readonly PlainColumn[], key: readonly string[], family: Family): Likes {
  const keyBytes = Math.floor(keyBytesMax / Math.max(key.length, 1));
  let bytesMax = varcharBytesMax;
  let insideMax = insideBytesMax;
  for (;;) {
    const value: ColumnRole = { key: false, bytesMax, insideMax };
    const likes = columns.map(({ source, sourceType }) =>
      typeInFamily(sourceType, family, key.includes(source) ? { key: true, bytesMax: keyBytes, insideMax } : value),
    );
    if (family === "postgres") return { likes, tooLong: false };
    const declared = columns.map(({ source, targetType }, index) => ({
      declaration: targetType ?? likes[index]?.declaration ?? "",
      fixed: targetType !== null || key.includes(source),
    }));
    const texts = declared.flatMap(({ declaration, fixed }) => (fixed ? [] : [boundedBytes(declaration)]));
    const longest = Math.max(0, ...texts.filter((bytes) => bytes > insideBytesMax));
    const longestInside = Math.max(0, ...texts.filter((bytes) => bytes <= insideBytesMax));
    const rowTooLong = sum(declared.map(({ declaration }) => rowBytes(declaration))) > rowBytesMax;
    const pageTooLong = sum(declared.map(({ declaration }) => pageBytes(declaration))) > pageBytesMax;
    if (rowTooLong && longest > 0) bytesMax = longest - 1;
    else if (pageTooLong && longestInside > 0) insideMax = longestInside - 1;
    else return { likes, tooLong: rowTooLong || pageTooLong };
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
