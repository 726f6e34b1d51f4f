import { expect, it } from "vitest";
import type { Position, PositionOrder } from "../../../engine/model/position.ts";
import { Heartbeat } from "../../../engine/pipeline/heartbeat.ts";
import type { ChangeSource } from "../../../engine/ports/change-source.ts";

const positions = { covers: (reached: Position, position: Position) => Number(reached) >= Number(position) } as PositionOrder;

it("tells how long the stream has owed an answer, by this machine's clock", async () => {
  let end = 10;
  let ms = 1_000;
  const source = { positions, endOfLog: () => Promise.resolve({ position: String(end), at: 5 }) } as unknown as ChangeSource;
  const clock = { now: () => 0, monotonicMs: () => ms, sleep: () => Promise.resolve() };
  const heartbeat = new Heartbeat(source, clock);
  expect(heartbeat.overdueMs).toBe(0);
  await heartbeat.ask();
  ms = 1_300;
  end = 20;
  await heartbeat.ask();
  expect(heartbeat.overdueMs).toBe(300);
  heartbeat.confirmed("15" as Position);
  ms = 1_350;
  expect(heartbeat.overdueMs).toBe(50);
  heartbeat.confirmed("20" as Position);
  expect(heartbeat.overdueMs).toBe(0);
});
