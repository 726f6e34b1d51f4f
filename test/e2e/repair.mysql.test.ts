// Rows of a copy on MariaDB that somebody changed behind the engine's back are made what they are at the master by an order.
import { expect, test } from "vitest";
import { MysqlTargetRecords } from "../../connectors/mysql/records/mysql-target-records.ts";
import { roles } from "../support/cluster.ts";
import { keyOf } from "../support/reconcile-report.ts";
import { orderRepair, ordersClosed } from "../support/repair-order.ts";
import { serverAddress } from "../support/server-address.ts";
import { PairStage } from "./pair-stage.ts";

const forms = { id: "integer", full_name: "text" } as const;
const table = "population.citizen";

test.each(["mysql", "postgres"] as const)(
  "RC-05, RC-07: damaged rows of a copy of a master on %s are repaired; a quarantine outlives that, and ends with a re-sync",
  async (master) => {
    const schema = master === "mysql" ? "national" : "public";
    await using stage = await PairStage.create({
      master,
      tables: [
        "CREATE TABLE citizen (id int PRIMARY KEY, full_name varchar(60))",
        ...Array.from({ length: 20 }, (_, index) => `INSERT INTO citizen VALUES (${index + 1}, 'Nguyễn ${index + 1}')`),
      ],
      shares: { population: [{ source: `${schema}.citizen`, target: table, key: ["id"], columns: Object.keys(forms) }] },
      copies: [{ target: "hcm", share: "population", connector: "mysql" }],
    });
    const differences = (): Promise<string[]> => stage.differences("hcm", "citizen", table, { key: ["id"], forms });
    stage.start();
    await stage.shows("hcm", `SELECT count(*) AS n FROM ${table}`, [["20"]]);
    await stage.onTarget(
      "hcm",
      "UPDATE population_copy.citizen SET full_name = 'sai' WHERE id = 7",
      "DELETE FROM population_copy.citizen WHERE id = 11",
      "INSERT INTO population_copy.citizen (id, full_name, dongbo_batch) VALUES (500, 'không ai', 1)",
    );
    const control = stage.servers.controlUrl();
    await orderRepair(control, "population/hcm", table, [keyOf("7"), keyOf("11"), keyOf("500")]);
    expect(await ordersClosed(control, "population/hcm")).toBe(`repair of ${table}: carried out`);
    expect(await differences()).toEqual([]);
    expect(
      await stage.onTarget("hcm", "SELECT SUM(rows_written) AS w, SUM(rows_deleted) AS d FROM dongbo.batch WHERE kind = 'repair'"),
    ).toEqual([{ w: "2", d: "1" }]);

    await stage.onTarget("hcm", "UPDATE population_copy.citizen SET full_name = 'sai' WHERE id = 8");
    const records = new MysqlTargetRecords(serverAddress(stage.servers.targetUrl("hcm", roles.target)));
    await records.recordReconcile("population/hcm", table, { verdict: "different", quarantine: true });
    await records.close();
    await stage.onMaster("UPDATE citizen SET full_name = 'mới' WHERE id = 9");
    await orderRepair(control, "population/hcm", table, [keyOf("8")]);
    expect(await ordersClosed(control, "population/hcm")).toBe(`repair of ${table}: carried out`);
    expect(await stage.read("hcm", `SELECT * FROM ${table}`)).toBe("DB001");
    expect(await stage.record("hcm", table)).toMatchObject({ copy_state: "QUARANTINED", verdict: "different" });
    await stage.command("resync", "population/hcm", "--table", table);
    await stage.shows("hcm", `SELECT full_name FROM ${table} WHERE id = 9`, [["mới"]]);
    await stage.stop();
    expect(await differences()).toEqual([]);
    expect(await stage.record("hcm", table)).toMatchObject({ copy_state: "VALID", verdict: null });
  },
);
