// First load of one whole copy: a new dongbo against a new native subscription, each into an empty database.
import { Installation } from "../stands/installation.ts";
import { NativeCopies } from "../stands/native-copies.ts";
import type { PostgresStand } from "../stands/postgres-stand.ts";
import { type PreparedWorkload, type Sample, type Side, wallTime, type Workload } from "../suite/workload.ts";
import { measureAnchor, measureEngine } from "./measure-sides.ts";

export const snapshot: Workload = {
  name: "snapshot",
  title: "first load of one whole copy",
  anchor: "postgres-native",
  unit: "rows",
  scores: [wallTime("snapshot", { must: 1, aim: 1.3 })],
};

export async function prepareSnapshot(stand: PostgresStand): Promise<PreparedWorkload> {
  let round = 0;
  const dongbo = async (): Promise<Sample> => {
    await using installation = await Installation.create(stand, `load${round}`, [{}]);
    const work = { run: () => installation.catchUp(), isEqual: () => installation.isEqual() };
    return await measureEngine(stand, stand.rows, work);
  };
  const anchor = async (): Promise<Sample> => {
    await using copies = await NativeCopies.create(stand, `native${round}`, [{}]);
    return await measureAnchor(stand, stand.rows, { run: () => copies.load(), isEqual: () => copies.isEqual() });
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
