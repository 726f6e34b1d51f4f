import { canonicalContract, readContract as readStored } from "../../engine/config/contract-text.ts";
import type { TableMapping } from "../../engine/model/share.ts";
import type { ContractReader } from "../../engine/snapshot/load-plan.ts";

/** Canonical text of what the rows of a copy obey. */
export function contractText(table: TableMapping): string {
  return canonicalContract(table.columns, table.filter, table.catalog);
}

/** A contract that this build cannot read equals no other, so its copy is loaded again, whole. */
export const readContract: ContractReader = (text) => {
  const stored = readStored(text);
  return { columns: stored === null ? [text] : stored.columns.map((column) => JSON.stringify(column)), filter: stored?.filter ?? null };
};
