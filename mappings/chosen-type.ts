// What a type that the configuration gives to a column of another family does to the values. Only the common cases are
// known; of all others the administrator is told that nothing is known.
import type { ColumnType } from "../engine/model/table.ts";
import { readDeclaration, type TypeDeclaration } from "../engine/model/type-declaration.ts";
import type { Family, Fidelity } from "./like-type.ts";

export interface ChosenType {
  readonly fidelity: Exclude<Fidelity, "none"> | "unknown";
  readonly note: string | null;
}

/** What of a type decides whether another one can hold its values. */
type Nature =
  /** `digits`: decimal digits in all, `scale`: of them after the point. */
  | { readonly kind: "number"; readonly digits: number; readonly scale: number }
  | { readonly kind: "float"; readonly digits: number }
  /** `fraction`: digits of a second. */
  | { readonly kind: "moment" | "clock"; readonly fraction: number }
  /** `verbatim`: the server keeps the text as it was given. */
  | { readonly kind: "json"; readonly verbatim: boolean }
  | { readonly kind: "date" | "text" | "bytes" | "flag" | "uuid" };

/** Judges a type of `family` for values of a type of the other one. */
export function judgeChosen(source: ColumnType, declaration: string, family: Family): ChosenType {
  const from = sourceNature(source);
  const to = natureOf(readDeclaration(declaration), family);
  const loss = from === null || to === null ? null : lossOf(from, to);
  if (loss !== null) return { fidelity: "lossy", note: loss };
  if (to?.kind === "text") return { fidelity: "widened", note: "as text; what is too long is refused" };
  if (from === null || to === null || !alike(from, to)) return { fidelity: "unknown", note: null };
  return { fidelity: "exact", note: "what does not fit is refused" };
}

/** What is lost, null when nothing is. */
function lossOf(from: Nature, to: Nature): string | null {
  if (to.kind === "number" && from.kind === "number" && from.scale > to.scale) return `digits after the point beyond ${to.scale}`;
  if (to.kind === "number" && from.kind === "float") return "digits that the number has in binary";
  if (to.kind === "float" && (from.kind === "number" || from.kind === "float") && from.digits > to.digits) {
    return `digits beyond ${to.digits}`;
  }
  if ((to.kind === "moment" || to.kind === "clock") && to.kind === from.kind && from.fraction > to.fraction) {
    return `digits of a second beyond ${to.fraction}`;
  }
  if (to.kind === "date" && from.kind === "moment") return "the time of day";
  if (to.kind === "json" && !to.verbatim && (from.kind === "json" || from.kind === "text")) {
    return "order of keys, repeated keys, blanks, and digits of numbers";
  }
  return null;
}

/** Values of the one are values of the other, or are refused. */
function alike(from: Nature, to: Nature): boolean {
  if (to.kind === "float") return from.kind === "number" || from.kind === "float";
  if (to.kind === "flag") return from.kind === "flag" || (from.kind === "number" && from.scale === 0);
  if (from.kind === "flag") return to.kind === "number";
  if (to.kind === "moment") return from.kind === "moment" || from.kind === "date";
  return from.kind === to.kind;
}

function sourceNature(source: ColumnType): Nature | null {
  if (source.kind === "enum" || source.category === "enum") return { kind: "text" };
  if (source.bare.endsWith("]")) return null;
  if (source.family === "mysql") {
    return source.bare === "json" ? { kind: "json", verbatim: false } : natureOf(readDeclaration(source.declaration), "mysql");
  }
  const name = /^pg_catalog\."?(\w+)"?$/.exec(source.bare)?.[1];
  if (name === undefined) return null;
  const { numbers } = readDeclaration(source.declaration);
  return natureOf({ name, numbers: source.kind === "domain" ? [] : numbers }, "postgres");
}

function natureOf({ name, numbers }: TypeDeclaration, family: Family): Nature | null {
  const nature = family === "postgres" ? postgresNatures[name] : mysqlNatures[name.split(" ")[0] ?? ""];
  return nature === undefined ? null : nature(numbers);
}

type NatureOf = (numbers: readonly number[]) => Nature;

const whole =
  (digits: number): NatureOf =>
  () => ({ kind: "number", digits, scale: 0 });
const floating =
  (digits: number): NatureOf =>
  () => ({ kind: "float", digits });
const moment =
  (standard: number): NatureOf =>
  ([fraction = standard]) => ({ kind: "moment", fraction });
const clock =
  (standard: number): NatureOf =>
  ([fraction = standard]) => ({ kind: "clock", fraction });
const plain =
  (kind: "date" | "text" | "bytes" | "flag" | "uuid"): NatureOf =>
  () => ({ kind });
const unlimited: NatureOf = ([digits = Number.POSITIVE_INFINITY, scale]) => ({
  kind: "number",
  digits,
  scale: scale ?? (digits === Number.POSITIVE_INFINITY ? digits : 0),
});
const json =
  (verbatim: boolean): NatureOf =>
  () => ({ kind: "json", verbatim });

/** Digits that survive a single and a double. */
const single = floating(6);
const double = floating(15);

const postgresNatures: Readonly<Record<string, NatureOf>> = {
  smallint: whole(5),
  int2: whole(5),
  int: whole(10),
  integer: whole(10),
  int4: whole(10),
  bigint: whole(19),
  int8: whole(19),
  numeric: unlimited,
  decimal: unlimited,
  real: single,
  float4: single,
  "double precision": double,
  float8: double,
  boolean: plain("flag"),
  bool: plain("flag"),
  text: plain("text"),
  varchar: plain("text"),
  "character varying": plain("text"),
  char: plain("text"),
  character: plain("text"),
  bpchar: plain("text"),
  bytea: plain("bytes"),
  date: plain("date"),
  timestamp: moment(6),
  "timestamp without time zone": moment(6),
  timestamptz: moment(6),
  "timestamp with time zone": moment(6),
  interval: clock(6),
  time: clock(6),
  "time without time zone": clock(6),
  uuid: plain("uuid"),
  json: json(true),
  jsonb: json(false),
};

const mysqlText = ["char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set"];
const mysqlBytes = ["binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"];

const mysqlNatures: Readonly<Record<string, NatureOf>> = {
  tinyint: ([width]) => (width === 1 ? { kind: "flag" } : { kind: "number", digits: 3, scale: 0 }),
  bool: plain("flag"),
  boolean: plain("flag"),
  smallint: whole(5),
  mediumint: whole(8),
  int: whole(10),
  integer: whole(10),
  bigint: whole(20),
  decimal: ([digits = 10, scale = 0]) => ({ kind: "number", digits, scale }),
  numeric: ([digits = 10, scale = 0]) => ({ kind: "number", digits, scale }),
  float: single,
  double,
  real: double,
  date: plain("date"),
  datetime: moment(0),
  timestamp: moment(0),
  time: clock(0),
  year: whole(4),
  uuid: plain("uuid"),
  json: json(false),
  ...Object.fromEntries(mysqlText.map((name) => [name, plain("text")])),
  ...Object.fromEntries(mysqlBytes.map((name) => [name, plain("bytes")])),
};
