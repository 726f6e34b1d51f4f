// The pairs of source and target with MariaDB in them. MariaDB to MariaDB is held against MariaDB's own replication, a pair across
// families, which has no native one, against dongbo itself from PostgreSQL to PostgreSQL.
import { writeBacklog } from "../stands/backlog.ts";
import { type Pair, PairInstallation } from "../stands/pair-installation.ts";
import type { PostgresStand } from "../stands/postgres-stand.ts";
import { type Goal, type PreparedWorkload, type Sample, type Side, type Size, wallTime, type Workload } from "../suite/workload.ts";
import { measureAnchor, measureEngine } from "./measure-sides.ts";

interface PairWorkload extends Workload {
  readonly pair: Pair;
  readonly work: "snapshot" | "catchup";
}

const goal: Goal = { must: 0.8, aim: 1.2 };
const reference: Pair = { source: "postgres", target: "postgres" };

function both(suffix: string, title: string, pair: Pair, anchor: { readonly name: string; readonly goal: Goal | null }): PairWorkload[] {
  const named = (work: "snapshot" | "catchup"): string => (suffix === "mariadb" ? `mariadb-${work}` : `${work}-${suffix}`);
  return [
    { work: "snapshot" as const, what: "first load", unit: "rows" as const },
    { work: "catchup" as const, what: "catching up with transactions of 10 changes", unit: "changes" as const },
  ].map(({ work, what, unit }) => {
    const name = named(work);
    return {
      name,
      title: `${what}, ${title}`,
      anchor: anchor.name,
      unit,
      scores: [wallTime(name, anchor.goal)],
      ownAnchor: anchor === dongboItself,
      pair,
      work,
    };
  });
}

const dongboItself = { name: "dongbo, PostgreSQL → PostgreSQL", goal: null };

export const pairWorkloads: readonly PairWorkload[] = [
  ...both("mariadb", "MariaDB → MariaDB", { source: "mysql", target: "mysql" }, { name: "mariadb-native", goal }),
  ...both("postgres-mariadb", "PostgreSQL → MariaDB", { source: "postgres", target: "mysql" }, dongboItself),
  ...both("mariadb-postgres", "MariaDB → PostgreSQL", { source: "mysql", target: "postgres" }, dongboItself),
];

export function preparePair(stand: PostgresStand, size: Size, workload: PairWorkload): Promise<PreparedWorkload> {
  return workload.work === "snapshot" ? prepareLoad(stand, workload) : prepareCatchUp(stand, size, workload);
}

function isNative({ anchor }: Workload): boolean {
  return anchor === "mariadb-native";
}

async function prepareLoad(stand: PostgresStand, workload: PairWorkload): Promise<PreparedWorkload> {
  const { pair, name } = workload;
  const { native, ...mariaDb } = await nativeSide(stand);
  let round = 0;
  const load = async (from: Pair, side: Side): Promise<Sample> => {
    await using installation = await PairInstallation.create(stand, from, `${name.replaceAll("-", "_")}_${side}_${round}`);
    return await measureEngine(stand, stand.rows, { run: () => installation.catchUp(), isEqual: () => installation.isEqual() });
  };
  return {
    before: (number) => {
      round = number;
      return Promise.resolve();
    },
    measure: (side) => {
      if (side === "dongbo") return load(pair, side);
      if (!isNative(workload)) return load(reference, side);
      return measureAnchor(stand, stand.rows, { run: () => native.snapshot(), isEqual: mariaDb.isEqual });
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

async function prepareCatchUp(stand: PostgresStand, { changes }: Size, workload: PairWorkload): Promise<PreparedWorkload> {
  const { pair, name } = workload;
  const { native, isEqual, change } = await nativeSide(stand);
  const identifier = name.replaceAll("-", "_");
  const own = await PairInstallation.create(stand, pair, identifier);
  await own.catchUp();
  const other = isNative(workload) ? null : await PairInstallation.create(stand, reference, `${identifier}_anchor`);
  if (other === null) await native.snapshot();
  else await other.catchUp();
  const measureOne = (installation: PairInstallation): Promise<Sample> =>
    measureEngine(stand, changes, { run: () => installation.catchUp(), isEqual: () => installation.isEqual() });
  return {
    before: async () => {
      // Where the two sides have different sources, each gets its own.
      if (pair.source === "mysql") await change(changes);
      if (pair.source === "postgres" || other !== null)
        await writeBacklog(stand, { kind: "mixed", changes, perTransaction: 10, movesPerThousand: 0 });
    },
    measure: (side) => {
      if (side === "dongbo") return measureOne(own);
      if (other !== null) return measureOne(other);
      return measureAnchor(stand, changes, { run: () => native.catchUp(), isEqual });
    },
    [Symbol.asyncDispose]: async () => {
      await own[Symbol.asyncDispose]();
      await other?.[Symbol.asyncDispose]();
    },
  };
}

async function nativeSide(stand: PostgresStand) {
  const mariaDb = await stand.mariaDb();
  return {
    native: mariaDb.native,
    change: (changes: number) => mariaDb.change(changes),
    isEqual: async () =>
      (await mariaDb.digest(mariaDb.replica, "register.citizen")) === (await mariaDb.digest(mariaDb.source, "register.citizen")),
  };
}
