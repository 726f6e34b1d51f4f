// First load of one whole copy: a new dongbo against a new native subscription or one pipe of COPY, each into an empty database.
import { CopyPipe } from "../stands/copy-pipe.ts";
import { Installation } from "../stands/installation.ts";
import { NativeCopies } from "../stands/native-copies.ts";
import type { PostgresStand } from "../stands/postgres-stand.ts";
import { type Goal, type PreparedWorkload, type Sample, type Side, wallTime, type Workload } from "../suite/workload.ts";
import { measureAnchor, measureEngine } from "./measure-sides.ts";

/** What the anchor makes anew in each round. */
interface EmptyCopy extends AsyncDisposable {
  load(): Promise<void>;
  isEqual(): Promise<boolean>;
}

interface Snapshot extends Workload {
  readonly emptyCopy: (stand: PostgresStand, name: string) => Promise<EmptyCopy>;
}

function snapshot(name: string, anchor: string, goal: Goal | null, emptyCopy: Snapshot["emptyCopy"]): Snapshot {
  return { name, title: "first load of one whole copy", anchor, unit: "rows", scores: [wallTime(name, goal)], emptyCopy };
}

export const snapshots: readonly [Snapshot, Snapshot] = [
  snapshot("snapshot", "postgres-native", { must: 1, aim: 1.3 }, (stand, name) => NativeCopies.create(stand, name, [{}])),
  snapshot("snapshot-copy", "COPY pipe", null, (stand, name) => CopyPipe.create(stand, name)),
];

export async function prepareSnapshot(stand: PostgresStand, { name, emptyCopy }: Snapshot): Promise<PreparedWorkload> {
  const identifier = name.replaceAll("-", "_");
  let round = 0;
  const dongbo = async (): Promise<Sample> => {
    await using installation = await Installation.create(stand, `${identifier}${round}`, [{}]);
    const work = { run: () => installation.catchUp(), isEqual: () => installation.isEqual() };
    return await measureEngine(stand, stand.rows, work);
  };
  const anchor = async (): Promise<Sample> => {
    await using copy = await emptyCopy(stand, `${identifier}_anchor${round}`);
    return await measureAnchor(stand, stand.rows, { run: () => copy.load(), isEqual: () => copy.isEqual() });
  };
  return Promise.resolve({
    before: (number) => {
      round = number;
      return Promise.resolve();
    },
    measure: (side: Side) => (side === "dongbo" ? dongbo() : anchor()),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });
}
