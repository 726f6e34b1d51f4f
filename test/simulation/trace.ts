// What happens in a world, in words for whoever looks for the cause of a violation. Its people are invented.
import type { Committed } from "./copy-database.ts";
import type { MasterChange, MasterRow } from "./master.ts";

export function describeChanges(changes: readonly MasterChange[]): string {
  return changes.map((change) => `   ${change.table}: ${describeRow(change.before)} → ${describeRow(change.after)}`).join("\n");
}

export function describeCopies({ copies, rows }: Committed): string {
  const lines = [...copies].map(([table, { copyState, load, stopped }]) => {
    const loading = load === null ? "" : ` loading, ${load.ranges.filter(({ done }) => done).length} of ${load.ranges.length} ranges`;
    const fence = load?.fence === undefined || load.fence === null ? "" : `, opens at ${load.fence}`;
    return `   ${table} ${copyState}, ${rows.get(table)?.size ?? 0} rows${loading}${fence}${stopped === null ? "" : ` stopped by ${stopped.code}`}`;
  });
  return lines.join("\n");
}

function describeRow(row: MasterRow | null): string {
  return row === null ? "∅" : `(${row.map((value) => value?.slice(0, 12) ?? "NULL").join(", ")})`;
}
