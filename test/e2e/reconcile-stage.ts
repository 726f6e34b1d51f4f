// An installation whose copies are reconciled: a population of 2,000, of which two provinces have each its own part and columns,
// a whole table in the same share, and another share.
import type { Cluster } from "../support/cluster.ts";
import { onlyTable, reconcile, type ReconciledTable } from "./reconciling.ts";
import { type Side, Stage, type StageOptions } from "./stage.ts";

export const citizen: Side = {
  source: "public.citizen",
  target: "population.citizen",
  key: ["id"],
  columns: ["id", "full_name", "born", "balance", "seen", "alive", "note"],
};
const visit: Side = { source: "public.visit", target: "population.visit", key: ["id"], columns: ["id", "citizen_id", "note"] };
const office: Side = { source: "public.office", target: "office.office", key: ["code"], columns: ["code", "name"] };

/**
 * Of ten citizens those with numbers ending in 0 to 5 are of province 79, 6 to 8 of 46, 9 of 01, which has no copy. Of seven one has
 * no note, of eleven one an empty one.
 */
const master = [
  `CREATE TABLE public.citizen (id bigint PRIMARY KEY, province text NOT NULL, full_name text NOT NULL, born date, balance numeric(12,2),
     seen timestamptz, alive boolean, note text, tax_code text)`,
  "CREATE TABLE public.visit (id int PRIMARY KEY, citizen_id bigint, note text)",
  "CREATE TABLE public.office (code text PRIMARY KEY, name text)",
  `INSERT INTO public.citizen SELECT i, CASE WHEN i % 10 < 6 THEN '79' WHEN i % 10 < 9 THEN '46' ELSE '01' END, 'Nguyễn Thị ' || i,
     date '1950-01-01' + i::int, i + 0.5, timestamptz '2026-01-01 00:00:00.123456+07' + i * interval '1 second', i % 3 = 0,
     CASE WHEN i % 7 = 0 THEN NULL WHEN i % 11 = 0 THEN '' ELSE 'ghi chú ' || i END, 'MST' || i FROM generate_series(1, 2000) AS i`,
  "INSERT INTO public.visit SELECT i, i, 'khám ' || i FROM generate_series(1, 300) AS i",
  "INSERT INTO public.office SELECT 'VP-' || i, 'Văn phòng ' || i FROM generate_series(1, 20) AS i",
];

export const inHcm = "province = '79'";
export const inHue = "province = '46'";
/** Rows of the two copies of citizens, of each copy of visits, and of offices. */
export const rowsHcm = 1200;
export const rowsHue = 600;
export const rowsVisit = 300;
export const rowsOffice = 20;

export function populationStage(cluster: Cluster, name: string, changes: Partial<StageOptions> = {}): Promise<Stage> {
  const [people, visits, offices] = [citizen, visit, office].map(({ source, target, key, columns }) => ({ source, target, key, columns }));
  if (people === undefined || visits === undefined || offices === undefined) throw new Error("three tables are shared");
  return Stage.create(cluster, {
    name,
    master,
    shares: { population: [{ ...people, where: { province: { in: "$provinces" } } }, visits], offices: [offices] },
    copies: [
      { target: "hcm", share: "population", parameters: { provinces: ["79"] } },
      { target: "hue", share: "population", parameters: { provinces: ["46"] } },
      { target: "hcm", share: "offices" },
    ],
    ...changes,
  });
}

/** Starts the engine and waits until all copies are loaded. */
export async function startLoaded(stage: Stage): Promise<void> {
  stage.start();
  await stage.shows("hcm", "SELECT count(*) FROM population.citizen", [[String(rowsHcm)]]);
  await stage.shows("hue", "SELECT count(*) FROM population.citizen", [[String(rowsHue)]]);
  for (const target of ["hcm", "hue"]) await stage.shows(target, "SELECT count(*) FROM population.visit", [[String(rowsVisit)]]);
  await stage.shows("hcm", "SELECT count(*) FROM office.office", [[String(rowsOffice)]]);
}

/** The one table that most of the tests damage. */
export const citizensOfHcm = ["--subscription", "population/hcm", "--table", "population.citizen"];

/** Reconciles that one; throws unless the command leaves with the code. */
export async function reconcileCitizens(stage: Stage, code: number, ...options: readonly string[]): Promise<ReconciledTable> {
  const report = await reconcile(stage.home, [...citizensOfHcm, ...options]);
  const table = onlyTable(report);
  if (report.code !== code) throw new Error(`left with ${report.code}, not ${code}: ${JSON.stringify(table)}\n${report.stderr}`);
  return table;
}

/** What differs by the tests' own checker. */
export async function differencesOfHcm(stage: Stage): Promise<string[]> {
  return stage.differences("hcm", { ...citizen, where: inHcm });
}
