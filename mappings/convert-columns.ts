// The columns of a copy in a target of another family: each gets a type there, and what that does to the values is told.
import type { ColumnMapping } from "../engine/model/share.ts";
import { readDeclaration } from "../engine/model/type-declaration.ts";
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
}

/** `key`: names of the source's columns. */
export function convertColumns(shared: readonly PlainColumn[], key: readonly string[], family: Family): ConvertedColumns {
  const columns = shared.map((column) => ({ ...column, lossAccepted: column.lossAccepted && !key.includes(column.source) }));
  const across = columns.some(({ sourceType }) => sourceType.family !== family);
  if (!across) return { columns: columns.map((column) => mapped(column, null)), conversions: [] };
  const likes = likeTypes(columns, key, family);
  const conversions = columns.map((column, index) => ({
    ...conversionOf(column, likes[index] as LikeType, family),
    key: key.includes(column.source),
  }));
  return { columns: columns.map((column, index) => mapped(column, likes[index] as LikeType)), conversions };
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

/** Bytes that an index of InnoDB may have, and a row of MySQL without what lies outside of it. */
const keyBytesMax = 3072;
const rowBytesMax = 65_000;
const varcharBytesMax = 65_532;

/** The widest texts make way until a row can be declared. */
function likeTypes(columns: readonly PlainColumn[], key: readonly string[], family: Family): LikeType[] {
  const keyBytes = Math.floor(keyBytesMax / Math.max(key.length, 1));
  const typed = (bytesMax: number): LikeType[] =>
    columns.map(({ source, sourceType }) => {
      const role: ColumnRole = key.includes(source) ? { key: true, bytesMax: keyBytes } : { key: false, bytesMax };
      return typeInFamily(sourceType, family, role);
    });
  let bytesMax = varcharBytesMax;
  let likes = typed(bytesMax);
  if (family === "postgres") return likes;
  while (bytesMax > 0 && sum(likes.map(rowBytes)) > rowBytesMax) {
    bytesMax = Math.max(...likes.map(({ declaration }) => textBytes(declaration)).filter((bytes) => bytes <= bytesMax)) - 1;
    likes = typed(bytesMax);
  }
  return likes;
}

/** Bytes of a text of bounded length in a row of MySQL; 0 for other types. */
function textBytes(declaration: string | null): number {
  const { name, numbers } = readDeclaration(declaration ?? "");
  return name === "varchar" || name === "char" ? (numbers[0] ?? 1) * 4 : 0;
}

/** Bytes at most that a column takes in a row, without what lies outside of it. */
function rowBytes({ declaration }: LikeType): number {
  const { name, numbers } = readDeclaration(declaration ?? "");
  if (name === "varbinary") return numbers[0] ?? 1;
  return name === "varchar" || name === "char" ? textBytes(declaration) + 2 : 32;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
