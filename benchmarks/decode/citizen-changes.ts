// Changes of a citizen register as plain text: what a decoder must make of their encoded form, and what the encoders start from.
import { createHash } from "node:crypto";

/** Values of one column after another as PostgreSQL prints them; null: NULL. */
export type TextRow = readonly (string | null)[];

export interface TextChange {
  readonly tag: "insert" | "update" | "delete";
  /** The row after an insert or an update, the row that was there before a delete. */
  readonly row: TextRow;
}

export interface CitizenColumn {
  readonly name: string;
  /** PostgreSQL's number of the type, and its modifier. */
  readonly typeId: number;
  readonly typeModifier: number;
  readonly inIdentity: boolean;
}

const column = (name: string, typeId: number, typeModifier = -1, inIdentity = false): CitizenColumn => ({
  name,
  typeId,
  typeModifier,
  inIdentity,
});

/** As in the register of the other workloads; the identity tells where a row belongs. */
export const citizenColumns: readonly CitizenColumn[] = [
  column("id", 20, -1, true),
  column("personal_id", 1043, 16),
  column("full_name", 1043, 84),
  column("birth_date", 1082),
  column("gender_code", 21),
  column("province_code", 1043, 6, true),
  column("district_code", 1043, 7, true),
  column("address", 1043, 204),
  column("email", 1043, 84),
  column("balance", 1700, 786_438),
  column("version", 23),
  column("note", 1043, 204),
  column("changed_at", 1184),
  column("portrait", 17),
];

/** Changes of each transaction: of ten, seven updates, two inserts, one delete. */
export const changesPerTransaction = 10;

const tags = ["update", "update", "insert", "update", "update", "delete", "update", "insert", "update", "update"] as const;
const families = ["Nguyễn", "Trần", "Lê", "Phạm", "Hoàng", "Võ", "Đặng"];
const given = ["An", "Bình", "Chi", "Dũng", "Hạnh", "Khánh", "Linh", "Minh"];
const provinces = ["01", "31", "38", "46", "48", "79", "91"];

/** Changes of the stream that decoders are measured with, over and over; encoded they are more than a processor keeps near. */
export const streamChanges = 5_000;

/** The first changes of a stream that is always the same. */
export function citizenChanges(count: number): TextChange[] {
  return Array.from({ length: count }, (_, at) => ({ tag: tags[at % tags.length] ?? "update", row: citizen(at + 1, at) }));
}

function citizen(id: number, version: number): TextRow {
  const pick = (from: readonly string[], step: number): string => from[(id * step) % from.length] ?? "";
  const province = pick(provinces, 5);
  return [
    String(id),
    String(79_000_000_000 + id).padStart(12, "0"),
    `${pick(families, 3)} ${id % 2 === 0 ? "Văn" : "Thị"} ${pick(given, 7)} ${id}`,
    `${1940 + (id % 80)}-${twoDigits(1 + (id % 12))}-${twoDigits(1 + (id % 28))}`,
    String(id % 2),
    province,
    `${province}${id % 6}`,
    `Số ${id % 300}, đường ${id % 97}`,
    `person${id}@example.invalid`,
    `${id % 100_000}.${twoDigits(id % 100)}`,
    String(version % 1_000),
    id % 7 === 0 ? null : `ghi chú ${id % 1_000}`,
    `2026-01-01 00:${twoDigits(id % 60)}:${twoDigits(version % 60)}+00`,
    null,
  ];
}

function twoDigits(number: number): string {
  return String(number).padStart(2, "0");
}

/** What a delete tells of its row: the identity. */
function identityOf(row: TextRow): TextRow {
  return row.filter((_, index) => citizenColumns[index]?.inIdentity);
}

/** Of changes in their order; of a delete the identity counts alone. */
export function digestOf(changes: Iterable<TextChange>): string {
  const hash = createHash("sha256");
  for (const { tag, row } of changes) hash.update(JSON.stringify([tag, tag === "delete" ? identityOf(row) : row]));
  return hash.digest("hex");
}
