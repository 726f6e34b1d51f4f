// The clock of the server that a copy lies on, as each commit leaves it for the gate.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { TableMapping } from "../../engine/model/share.ts";
import { nowMicros, subscriptionOf, TargetLab, Writer } from "../support/target-lab.ts";

const second = 1_000_000;
const day = 86_400 * second;

describe.each([15, 18] as const)("the floor of the clock on PostgreSQL %i", (major) => {
  let lab: TargetLab;
  let citizen: TableMapping;

  beforeAll(async () => {
    lab = await TargetLab.open({ major, master: ["CREATE TABLE citizen (id text PRIMARY KEY)"] });
    [citizen] = (await lab.mappings({ schema: "public", name: "citizen" })) as [TableMapping];
  });
  afterAll(async () => lab?.[Symbol.asyncDispose]());

  const facts = async (): Promise<Record<string, string | null> | undefined> => {
    const [row] = await lab.sql(
      `SELECT s.clock_floor = c.valid_until AS at_expiry, s.clock_floor > c.valid_until AS past_expiry, v.reason,
         s.clock_floor BETWEEN clock_timestamp() - interval '1 minute' AND clock_timestamp() AS now
       FROM dongbo.subscription AS s JOIN dongbo.copy AS c ON c.subscription = s.id JOIN dongbo.verdict AS v ON v.subscription = s.id`,
    );
    return row;
  };

  test("VL-08: is what the server has shown, and of a clock far ahead of the source no more than what closes every copy for good", async () => {
    const subscription = subscriptionOf([citizen]);
    // The server's clock is three days ahead of the source's: a period is one day.
    const ahead = nowMicros() - 3 * day;
    const writer = await Writer.loaded(lab, subscription, ahead);
    expect(await facts()).toEqual({ at_expiry: "t", past_expiry: "f", reason: "expired", now: "f" });
    // Once it is put right, the next sync opens the copy, for what it gives is longer than the floor.
    const [before] = await lab.sql("SELECT clock_floor AS floor FROM dongbo.subscription");
    await writer.commit(await writer.begin(), { sourceTime: ahead + 10 * second, firstPosition: null });
    const [after] = await lab.sql("SELECT valid_until > $1::timestamptz AS opened FROM dongbo.copy", [before?.["floor"]]);
    expect(after).toEqual({ opened: "t" });
    await writer.commit(await writer.begin(), { sourceTime: nowMicros(), firstPosition: null });
    expect(await facts()).toMatchObject({ reason: null, now: "t" });
    await writer.target.close();
  });
});
