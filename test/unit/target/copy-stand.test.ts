import { expect, test } from "vitest";
import { lsnOrder } from "../../../connectors/postgres/lsn.ts";
import { type PartStand, standOf } from "../../../engine/target/copy-stand.ts";

const part = (changes: Partial<PartStand> = {}): PartStand => ({
  of: 1,
  shareState: "ACTIVE",
  position: "0/10",
  sourceTime: 1_000,
  epoch: 1,
  sourceIdentity: "one/1",
  copyState: "VALID",
  contract: "agreed",
  loading: false,
  stopped: null,
  ...changes,
});

test("one part stands for itself", () => {
  expect(standOf([part()], lsnOrder)).toEqual({
    position: "0/10",
    sourceTime: 1_000,
    epoch: 1,
    sourceIdentity: "one/1",
    contract: "agreed",
    loading: false,
    stopped: null,
  });
});

test("slices have applied what the furthest has, once each has applied something", () => {
  const slices = [part({ of: 2, position: "0/9" }), part({ of: 2, position: "0/A0", epoch: 5 })];
  expect(standOf(slices, lsnOrder)).toMatchObject({ position: "0/A0", epoch: 6 });
  expect(standOf([part({ of: 2 }), part({ of: 2, position: null })], lsnOrder).position).toBeNull();
  expect(standOf([part({ of: 2 })], lsnOrder)).toMatchObject({ position: null, contract: null });
});

test("slices stand at the oldest of their times, once all are known", () => {
  expect(standOf([part({ of: 2 }), part({ of: 2, sourceTime: 500 })], lsnOrder).sourceTime).toBe(500);
  expect(standOf([part({ of: 2 }), part({ of: 2, sourceTime: null })], lsnOrder).sourceTime).toBeNull();
});

test("parts that were retired count for nothing but for the epoch", () => {
  const retired = part({ shareState: "TERMINATED", position: null, contract: null, epoch: 7, copyState: "NEVER_SYNCED" });
  expect(standOf([retired, part({ of: 2 }), part({ of: 2 })], lsnOrder)).toMatchObject({
    position: "0/10",
    contract: "agreed",
    epoch: 9,
    loading: false,
  });
  expect(standOf([retired], lsnOrder)).toMatchObject({ position: null, contract: null, epoch: 7 });
});

test("what the slices do not agree on is not known", () => {
  const slices = [part({ of: 2 }), part({ of: 2, contract: "other", sourceIdentity: "two/1" })];
  expect(standOf(slices, lsnOrder)).toMatchObject({ contract: null, sourceIdentity: null });
});

test.each<Partial<PartStand>>([{ loading: true }, { copyState: "RESYNCING" }, { copyState: "NEVER_SYNCED" }])("%j is loading", (change) => {
  expect(standOf([part({ of: 2 }), part({ of: 2, ...change })], lsnOrder).loading).toBe(true);
});

test("one slice that stopped stops the copy", () => {
  const stopped = { code: "DB-MAP-010", message: "gone" };
  expect(standOf([part({ of: 2 }), part({ of: 2, stopped })], lsnOrder).stopped).toEqual(stopped);
});

test("nothing on record is nothing applied", () => {
  expect(standOf([], lsnOrder)).toEqual({
    position: null,
    sourceTime: null,
    epoch: 0,
    sourceIdentity: null,
    contract: null,
    loading: false,
    stopped: null,
  });
});
