// What a comparison sends to the engine: digests, and rows of the few groups that differ; never the table.
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Cluster, startCluster } from "../support/cluster.ts";
import { onlyTable, reconcile } from "./reconciling.ts";
import { Stage } from "./stage.ts";

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster({ targets: [] });
});
afterAll(async () => cluster?.[Symbol.asyncDispose]());

const columns = ["id", "full_name", "note"];

/** Two tables in one share, of which one is eight times as large. */
const sizes = { small: 12_500, large: 100_000 };

test("RC-09: traffic grows with the number of differences, and hardly with the number of rows", async () => {
  const names = Object.keys(sizes) as (keyof typeof sizes)[];
  await using stage = await Stage.create(cluster, {
    name: "traffic",
    master: names.flatMap((name) => [
      `CREATE TABLE public.${name} (id bigint PRIMARY KEY, full_name text NOT NULL, note text)`,
      `INSERT INTO public.${name} SELECT i, 'Nguyễn Thị ' || i, repeat('ghi chú ', 20) FROM generate_series(1, ${sizes[name]}) AS i`,
    ]),
    shares: { all: names.map((name) => ({ source: `public.${name}`, target: `all.${name}`, key: ["id"], columns })) },
    copies: [{ target: "hcm", share: "all" }],
  });
  await stage.catchUp();
  stage.start();

  /** Bytes that are sent where so many rows, evenly spread, are damaged. */
  const sent = async (name: keyof typeof sizes, damaged: number): Promise<number> => {
    const step = Math.floor(sizes[name] / Math.max(1, damaged));
    const chosen = `WHERE id IN (SELECT 1 + i * ${step} FROM generate_series(0, ${damaged - 1}) AS i)`;
    const damage = (note: string) => stage.onTarget("hcm", `UPDATE all_copy.${name} SET note = ${note} ${chosen}`);
    if (damaged > 0) await damage("note || ' '");
    const report = await reconcile(stage.home, ["--fast", "--subscription", "all/hcm", "--table", `all.${name}`]);
    if (damaged > 0) await damage("rtrim(note) || ' '");
    const table = onlyTable(report);
    expect(table).toMatchObject({ different_count: damaged, missing_count: 0, extra_count: 0, unsettled: 0 });
    return table.bytes_sent;
  };

  const wholeTable = sizes.large * Buffer.byteLength("Nguyễn Thị 100000" + "ghi chú ".repeat(20));
  for (const name of names) {
    const equal = await sent(name, 0);
    expect(equal).toBeLessThan(10 * 1024);
    for (const damaged of [1, 16]) {
      const found = (await sent(name, damaged)) - equal;
      console.log(`${name}: ${damaged} of ${sizes[name]} rows differ: ${found} bytes more than the ${equal} of equal copies`);
      expect(found / (damaged * Math.log2(sizes[name]))).toBeLessThan(10 * 1024);
      expect(found).toBeLessThan(wholeTable / 8);
    }
  }
});
