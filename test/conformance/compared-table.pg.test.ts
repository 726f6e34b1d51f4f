import { describeComparedTable } from "./compared-table.ts";

for (const major of [15, 18] as const)
  for (const quick of [false, true])
    describeComparedTable(`PostgreSQL ${major} with PostgreSQL ${major}`, { from: "postgres", to: "postgres", major, quick });
