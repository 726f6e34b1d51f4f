// What is wrong with the publication → findings. Pure.
import type { Finding } from "../../../engine/model/finding.ts";
import { printTable } from "../../../engine/model/table.ts";
import type { PublicationPlan } from "../capture/publication-plan.ts";
import { newFinding } from "../../../engine/model/new-finding.ts";

/** Tables named in one sentence. */
const namedMax = 5;

/** `self`: dongbo's role may carry the plan out, and will when it starts. */
export function judgePublication(plan: PublicationPlan, publication: string, self: boolean): Finding[] {
  const harmed = plan.harmed.map(({ table }) => newFinding("DB-PG-034", "error", printTable(table), { sql: plan.statements }));
  const lacking = plan.lacking.map(({ table, cause }) => `${printTable(table.table)}: ${cause}`);
  // Where no statement follows, it is a table's replica identity that must be mended first, and a finding says so.
  if (plan.statements.length === 0 || harmed.length > 0 || (plan.cause === null && lacking.length === 0)) return harmed;
  const named = plan.exists ? lacking.slice(0, namedMax) : [];
  const more = plan.exists && lacking.length > namedMax ? [`${lacking.length - namedMax} more tables`] : [];
  const cause = [...(plan.cause === null ? [] : [plan.cause]), ...named, ...more].join("; ");
  if (!self) return [newFinding("DB-PG-032", "error", publication, { cause, sql: plan.statements })];
  return [
    newFinding("DB-PG-032", "info", publication, {
      cause,
      remedy: "None needed: dongbo makes the change itself when it starts",
      sql: plan.statements,
    }),
  ];
}
