import { describe, expect, test } from "vitest";
import { DirectCopy } from "../../../connectors/postgres/apply/direct-copy.ts";
import { refusalOf } from "../../../connectors/postgres/apply/refusal.ts";
import { PostponedRows } from "../../../connectors/postgres/apply/postponed-rows.ts";
import { type HeldRows, keyDigest, QuarantineBook } from "../../../engine/target/quarantine-book.ts";
import type { TableShape } from "../../../connectors/postgres/apply/target-catalog.ts";
import type { Subscription } from "../../../engine/model/share.ts";
import { catalogTable, column, row, tableMapping } from "../../support/table-builders.ts";

const citizen = tableMapping(catalogTable([column("id", "text"), column("name", "text")]), ["id", "name"]);
const household = { ...citizen, target: { schema: "public", name: "household" } };
const key = (...parts: string[]): Buffer[] => parts.map((part) => Buffer.from(part));

function subscription(quarantineMax = 2): Subscription {
  return {
    id: "population/hcm",
    share: "population",
    source: "national",
    target: "hcm",
    agreement: { id: "TT", from: new Date(0), to: null },
    regulation: { id: "QC", validityPeriodSeconds: 60, onExpiry: "refuse", logRetentionSeconds: 60 },
    tables: [citizen, household],
    stopped: [],
    quarantineMax,
  };
}

describe("digests of keys", () => {
  test("differ by subscription, table and key, also where parts only move their border", () => {
    const digests = [
      keyDigest("a", citizen, key("1", "23")),
      keyDigest("a", citizen, key("12", "3")),
      keyDigest("a", household, key("1", "23")),
      keyDigest("b", citizen, key("1", "23")),
    ];
    expect(new Set(digests).size).toBe(4);
    expect(keyDigest("a", citizen, key("1", "23"))).toBe(digests[0]);
  });
});

describe("the book of what one transaction sets aside", () => {
  const bySqlState: readonly (readonly [string, string])[] = [
    ["22001", "DB-ROW-001"],
    ["42804", "DB-ROW-001"],
    ["23502", "DB-ROW-002"],
    ["23505", "DB-ROW-003"],
    ["23P01", "DB-ROW-003"],
    ["23503", "DB-ROW-004"],
    ["23514", "DB-ROW-005"],
    ["P0001", "DB-ROW-006"],
    ["54000", "DB-ROW-007"],
  ];

  test.each(bySqlState)("SQLSTATE %s is %s, and the server's words are not kept", (state, code) => {
    const book = new QuarantineBook(subscription(), new Map(), refusalOf);
    book.add(citizen, key("1"), {
      code: state,
      constraint: "citizen_check",
      detail: "Failing row contains (1, Nguyễn)",
      message: "Nguyễn",
    });
    expect(book.added[0]).toMatchObject({ code, sqlstate: state, detail: "constraint citizen_check" });
    expect(JSON.stringify({ ...book.added[0], table: null, key: null })).not.toContain("Nguyễn");
  });

  test("becomes true with the commit only", () => {
    const held: HeldRows = new Map();
    const lost = new QuarantineBook(subscription(), held, refusalOf);
    lost.add(citizen, key("1"), {});
    const kept = new QuarantineBook(subscription(), held, refusalOf);
    expect(kept.count(citizen)).toBe(0);
    kept.add(citizen, key("2"), {});
    kept.settle();
    const next = new QuarantineBook(subscription(), held, refusalOf);
    expect([next.count(citizen), next.count(household), next.total]).toEqual([1, 0, 1]);
    next.clear(citizen, [key("1"), key("2")]);
    expect(next.cleared).toEqual([{ table: "public.citizen", digest: keyDigest("population/hcm", citizen, key("2")) }]);
    next.settle();
    expect(new QuarantineBook(subscription(), held, refusalOf).total).toBe(0);
  });

  test("counts a row that comes back once, and does not clear it", () => {
    const held: HeldRows = new Map([["6:public.citizen", new Set([keyDigest("population/hcm", citizen, key("1"))])]]);
    const book = new QuarantineBook(subscription(), held, refusalOf);
    book.clear(citizen, [key("1")]);
    book.add(citizen, key("1"), {});
    expect([book.count(citizen), book.added.length, book.cleared.length]).toEqual([1, 1, 0]);
  });

  test("stops a table at one row more than is allowed, and tells it once", () => {
    const book = new QuarantineBook(subscription(2), new Map(), refusalOf);
    for (const id of ["1", "2"]) book.add(citizen, key(id), {});
    expect(book.news()).toEqual({ stops: [], quarantined: 2 });
    book.add(citizen, key("3"), {});
    book.add(citizen, key("4"), {});
    expect(book.news()).toMatchObject({ stops: [{ table: citizen, code: "DB-ROW-008" }], quarantined: 2 });
    expect(book.news()).toEqual({ stops: [], quarantined: 0 });
    expect([book.isStopped(citizen), book.isStopped(household)]).toEqual([true, false]);
  });

  test("knows when nothing changes", () => {
    const held: HeldRows = new Map([["6:public.citizen", new Set(["x"])]]);
    const book = new QuarantineBook(subscription(), held, refusalOf);
    book.clear(citizen, [key("9")]);
    expect([book.changed, book.touches(citizen)]).toEqual([false, false]);
    book.clearAll(citizen);
    expect([book.changed, book.touches(citizen), book.touches(household)]).toEqual([true, true, false]);
  });
});

describe("rows that wait for others", () => {
  const shape: TableShape = { mapping: citizen, physical: '"public_copy"."citizen"', columns: [], key: [0], own: null };

  test("are given back when something newer takes their place", () => {
    const waiting = new PostponedRows();
    waiting.add(shape, key("1"), row("1", "An"));
    waiting.add(shape, key("2"), null);
    expect(waiting.supersede(shape, key("1"))).toEqual(row("1", "An"));
    expect(waiting.supersede(shape, key("1"))).toBeNull();
    expect(waiting.take(shape)).toEqual({ deletes: [key("2")], rows: [] });
    expect(waiting.empty).toBe(true);
  });

  test("are bounded in number and in bytes", () => {
    const many = new PostponedRows();
    for (let number = 0; number < 1000; number += 1) expect(many.add(shape, key(String(number)), null)).toBe(true);
    expect(many.add(shape, key("one too many"), null)).toBe(false);
    const large = new PostponedRows();
    expect(large.add(shape, key("1"), [Buffer.alloc(9 * 1024 * 1024)])).toBe(false);
    expect(large.add(shape, key("2"), [Buffer.alloc(7 * 1024 * 1024)])).toBe(true);
    expect(large.add(shape, key("3"), [Buffer.alloc(7 * 1024 * 1024)])).toBe(false);
    large.supersede(shape, key("2"));
    expect(large.add(shape, key("3"), [Buffer.alloc(7 * 1024 * 1024)])).toBe(true);
  });
});

describe("the short way for snapshot chunks", () => {
  test("is left for longer and longer while chunks collide, and taken again after a success", () => {
    const copy = new DirectCopy();
    const pause = (): number => {
      let skipped = 0;
      while (!copy.worthTrying(citizen)) skipped += 1;
      return skipped;
    };
    const pauses: number[] = [];
    for (let round = 0; round < 9; round += 1) {
      pauses.push(pause());
      copy.collided(citizen);
    }
    expect(pauses).toEqual([0, 1, 2, 4, 8, 16, 32, 64, 64]);
    expect(copy.worthTrying(household)).toBe(true);
    pause();
    copy.succeeded(citizen);
    expect(pause()).toBe(0);
  });
});
