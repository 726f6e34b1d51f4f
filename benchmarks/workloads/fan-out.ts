// Many partial copies of one source, each in a database of its own, catching up with the same backlog: dongbo decodes it once,
// native subscriptions once each.
import { type Backlog, writeBacklog } from "../stands/backlog.ts";
import { type CopyPart, Installation } from "../stands/installation.ts";
import type { PostgresStand } from "../stands/postgres-stand.ts";
import { districtCodes, provinceWeights } from "../stands/provinces.ts";
import { citizenColumns } from "../stands/register-sql.ts";
import { type PreparedWorkload, type Sample, type Score, type Size, wallTime, type Workload } from "../suite/workload.ts";
import { prepareBacklog } from "./catch-up.ts";
import { measureEngine } from "./measure-sides.ts";

function fewMoves(changes: number): Backlog {
  return { kind: "mixed", changes, perTransaction: 10, movesPerThousand: 15 };
}

/** What provinces are given: not how to reach people, nor what is noted about them. */
const columns = citizenColumns.filter((column) => !["email", "note", "portrait"].includes(column));

/** Each of the first provinces gets its own people. */
function provincesPart(count: number): CopyPart[] {
  return provinceWeights.slice(0, count).map(({ code }) => ({ columns, where: { column: "province_code", values: [code] } }));
}

/** All districts, dealt out to that many copies: together they hold what the 34 provinces hold. */
function districtsPart(count: number): CopyPart[] {
  return Array.from({ length: count }, (_, at) => ({
    columns,
    where: { column: "district_code", values: districtCodes.filter((_code, district) => district % count === at) },
  }));
}

interface FanOut extends Workload {
  readonly copies: number;
}

function fanOut(copies: number, scores: readonly Score[]): FanOut {
  const title = `catching up of ${copies} partial ${copies === 1 ? "copy" : "copies"} of one source`;
  return { name: `fanout-${copies}`, title, anchor: "postgres-native", unit: "changes", scores, copies };
}

/** Against native subscriptions with row filters and column lists. */
export const fanOuts: readonly FanOut[] = [
  fanOut(1, [wallTime("fanout-1", null)]),
  fanOut(8, [wallTime("fanout-8", null)]),
  fanOut(34, [
    wallTime("fanout-34", { must: 4, aim: 7 }),
    { name: "fanout-34-master-cpu", unit: "CPU s", goal: { must: 18, aim: 21 }, value: ({ cpu }) => cpu.source },
  ]),
];

export function prepareFanOut(stand: PostgresStand, { changes }: Size, { name, copies }: FanOut): Promise<PreparedWorkload> {
  return prepareBacklog(stand, { name, backlog: fewMoves(changes), parts: provincesPart(copies), units: changes });
}

/** Provinces are merged: nobody stays in the copy where they were. */
export const mergerDay: Workload = {
  name: "merger-day",
  title: "34 partial copies catching up after every person's province has changed",
  anchor: "postgres-native",
  unit: "changes",
  scores: [wallTime("merger-day", null)],
};

export function prepareMergerDay(stand: PostgresStand): Promise<PreparedWorkload> {
  const parts = provincesPart(provinceWeights.length);
  return prepareBacklog(stand, { name: mergerDay.name, backlog: { kind: "everyone", perTransaction: 1_000 }, parts, units: stand.rows });
}

/** Engine and master together: what more copies must not make dear. */
function sharedCost({ cpu }: Sample): number | null {
  return cpu.engine === null || cpu.source === null ? null : cpu.engine + cpu.source;
}

/** Against dongbo itself with 34 copies that hold the same rows. */
export const fanOut200: FanOut = {
  ...fanOut(200, [
    { name: "fanout-200", unit: "CPU s", goal: { must: 1 / 1.5, aim: 1 / 1.2 }, value: sharedCost },
    wallTime("fanout-200-wall", null),
  ]),
  anchor: "dongbo with 34 copies",
  ownAnchor: true,
};

export async function prepareFanOut200(stand: PostgresStand, { changes }: Size): Promise<PreparedWorkload> {
  const many = await Installation.create(stand, "districts", districtsPart(fanOut200.copies));
  const few = await Installation.create(stand, "provinces", provincesPart(provinceWeights.length));
  for (const installation of [many, few]) await installation.catchUp();
  return {
    before: async () => {
      await writeBacklog(stand, fewMoves(changes));
    },
    measure: (side) => {
      const installation = side === "dongbo" ? many : few;
      return measureEngine(stand, changes, { run: () => installation.catchUp(), isEqual: () => installation.isEqual() });
    },
    [Symbol.asyncDispose]: async () => {
      await many[Symbol.asyncDispose]();
      await few[Symbol.asyncDispose]();
    },
  };
}
