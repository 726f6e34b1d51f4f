import type { TableMapping } from "../../engine/model/share.ts";
import { TargetLab } from "../support/target-lab.ts";
import { describeRowCounts } from "./row-counts.ts";

for (const major of [15, 18] as const)
  describeRowCounts(`PostgreSQL ${major}`, async () => {
    const lab = await TargetLab.open({ major, master: ["CREATE TABLE t (id int PRIMARY KEY, v varchar(3), w text)"] });
    const [table] = (await lab.mappings({ schema: "public", name: "t" })) as [TableMapping];
    return Object.assign(lab, { table });
  });
