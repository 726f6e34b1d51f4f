import { expect, test } from "vitest";
import { Repairs } from "../../../deploy/processes/repairs.ts";
import type { Key } from "../../../engine/model/row.ts";
import type { TableMapping } from "../../../engine/model/share.ts";
import type { Lane } from "../../../engine/pipeline/lane.ts";
import type { Mark } from "../../../engine/pipeline/lane-marks.ts";
import type { Order } from "../../../engine/ports/control-store.ts";

const table = { target: { schema: "population", name: "citizen" } } as TableMapping;
const key: Key = [Buffer.from("1")];
const order: Order = { id: 7, kind: "replay", subscription: "population/hcm", table: null, done: [] };

/** A lane, a target that holds a row aside, and a pipeline that says what is written below. */
function stage() {
  const asked: number[] = [];
  const state: { mark: Mark | null; progress: object | null; held: Key[] } = { mark: null, progress: {}, held: [key] };
  const repairs = new Repairs({
    refetch: (_lane, rows) => {
      asked.push(rows.length);
      return Promise.resolve(state.mark);
    },
  });
  const target = { quarantined: () => Promise.resolve(state.held.map((held) => ({ table, key: held }))) };
  const replay = (given = order): Promise<boolean> => {
    const lane = { progress: state.progress, subscription: { tables: [table] } } as unknown as Lane;
    return repairs.replay(given, { lane, target });
  };
  return { state, asked, replay };
}

test("a replay that is ordered while the engine starts waits for the stream to have a place", async () => {
  const { state, asked, replay } = stage();
  state.progress = null;
  expect([await replay(), asked]).toEqual([false, []]);
  state.progress = {};
  expect([await replay(), asked]).toEqual([false, [1]]);
  state.mark = { state: "waiting" };
  expect([await replay(), asked]).toEqual([false, [1, 1]]);
  expect([await replay(), asked]).toEqual([false, [1, 1]]);
});

test("a replay is carried out once what became of its rows is durable, and asks again for what was forgotten", async () => {
  const { state, asked, replay } = stage();
  const [first, second] = [{ state: "waiting" as Mark["state"] }, { state: "waiting" as Mark["state"] }];
  state.mark = first;
  await replay();
  first.state = "lost";
  state.mark = second;
  expect([await replay(), asked]).toEqual([false, [1, 1]]);
  // The row is set aside again: that is an answer too.
  second.state = "durable";
  expect([await replay(), asked]).toEqual([true, [1, 1]]);
});

test("where nothing is held, or nothing of the table named, a replay is carried out at once", async () => {
  const { state, asked, replay } = stage();
  expect([await replay({ ...order, table: "population.house" }), asked]).toEqual([true, []]);
  state.held = [];
  expect([await replay(), asked]).toEqual([true, []]);
});
