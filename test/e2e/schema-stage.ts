// Two subscriptions of one master whose tables change: one takes two tables, the other some columns of one of them.
import { expect } from "vitest";
import type { Cluster } from "../support/cluster.ts";
import { Stage } from "./stage.ts";

export const citizen = { source: "public.citizen", target: "population.citizen", key: ["id"], columns: ["id", "full_name", "born"] };
export const visit = { source: "public.visit", target: "population.visit", key: ["id"], columns: ["id", "note"] };
/** Another subscription of the same master table, without the column that the tests break. */
export const names = { source: "public.citizen", target: "names.citizen", key: ["id"], columns: ["id", "full_name"] };

export async function schemaStage(cluster: Cluster, name: string): Promise<Stage> {
  return Stage.create(cluster, {
    name,
    master: [
      "CREATE TABLE public.citizen (id int PRIMARY KEY, full_name text, born date, secret text)",
      "CREATE TABLE public.visit (id int PRIMARY KEY, note text)",
      "INSERT INTO public.citizen SELECT i, 'Nguyễn ' || i, date '1980-01-01' + i, 's' FROM generate_series(1, 20) AS i",
      "INSERT INTO public.visit SELECT i, 'khám' FROM generate_series(1, 20) AS i",
    ],
    shares: { population: [citizen, visit], names: [names] },
    copies: [
      { target: "hcm", share: "population" },
      { target: "hue", share: "names" },
    ],
  });
}

export async function loaded(stage: Stage): Promise<void> {
  stage.start();
  await stage.shows("hcm", "SELECT count(*) FROM population.citizen", [["20"]]);
  await stage.shows("hcm", "SELECT count(*) FROM population.visit", [["20"]]);
  await stage.shows("hue", "SELECT count(*) FROM names.citizen", [["20"]]);
}

/** The other table of the subscription and the other subscription take changes, and the stopped table's clock stands. */
export async function othersGoOn(stage: Stage, id: number): Promise<void> {
  const before = await stage.record("hcm", "population.citizen");
  await stage.onMaster(
    `INSERT INTO public.visit VALUES (${id}, 'sau')`,
    `INSERT INTO public.citizen (id, full_name) VALUES (${id}, 'Sau')`,
  );
  await stage.shows("hcm", `SELECT note FROM population.visit WHERE id = ${id}`, [["sau"]]);
  await stage.shows("hue", `SELECT full_name FROM names.citizen WHERE id = ${id}`, [["Sau"]]);
  await stage.recorded("hcm", "population.visit", (row) => String(row["last_sync_at"]) > String(before?.["last_sync_at"]));
  expect(await stage.record("hcm", "population.citizen")).toMatchObject({ last_sync_at: before?.["last_sync_at"] });
  expect(await stage.read("hcm", "SELECT * FROM population.citizen")).toBe("DB001");
}
