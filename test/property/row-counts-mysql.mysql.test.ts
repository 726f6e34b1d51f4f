import { MysqlTargetLab } from "../support/mysql-target-lab.ts";
import { describeRowCounts } from "./row-counts.ts";

describeRowCounts("MariaDB", async () => {
  const lab = await MysqlTargetLab.open();
  const table = lab.mapping("t", [
    ["id", "int", "integer"],
    ["v", "varchar(3)"],
    ["w", "text"],
  ]);
  return Object.assign(lab, { table });
});
