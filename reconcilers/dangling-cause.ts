// Why something refers to a row that the copy does not have. Pure.
import type { DanglingCause } from "../engine/model/copy-reference.ts";
import { systemTypeName } from "../engine/model/type-declaration.ts";
import type { ColumnType } from "../engine/model/table.ts";
import type { MasterRow } from "../engine/ports/compared-table.ts";

export interface DanglingFacts {
  /** The master's row under this key; null: it has none. */
  readonly master: Pick<MasterRow, "passes"> | null;
  /** The row is set aside. */
  readonly quarantined: boolean;
}

/** Null: the master was not asked. */
export function danglingCause(facts: DanglingFacts | null): DanglingCause {
  if (facts === null) return "no row of the copy has it";
  if (facts.master === null) return "not in the master";
  if (!facts.master.passes) return "outside the share's filter";
  return facts.quarantined ? "in quarantine" : "missing in the copy";
}

const integerRanges: Readonly<Record<string, bigint>> = { int2: 1n << 15n, int4: 1n << 31n, int8: 1n << 63n };

/**
 * Whether a text can be a value of a key column of this type at the master, which would refuse to look for another one. The copy's
 * column, and the one that refers to it, may hold more than the master's does.
 */
export function canHold(type: ColumnType, text: string): boolean {
  switch (type.category) {
    case "integer": {
      const bound = integerRanges[systemTypeName(type) ?? ""];
      return /^-?\d+$/.test(text) && (bound === undefined || (BigInt(text) >= -bound && BigInt(text) < bound));
    }
    case "decimal":
      return /^-?\d+(\.\d+)?$/.test(text);
    case "boolean":
      return /^[01tf]$/.test(text);
    case "uuid":
      return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text);
    case "enum":
      return (
        type.family === "mysql" || type.definitions.some((definition) => definition.kind === "enum" && definition.labels.includes(text))
      );
    default:
      return true;
  }
}
