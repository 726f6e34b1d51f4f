// The checker of rows' order is judged by copies made up by hand: what may be seen must pass, each seeded fault must not.
import { expect, test } from "vitest";
import type { Answer, CopySession } from "./copy-session.ts";
import { KeyOrderChecker } from "./key-order-checker.ts";
import { type Effect, MasterModel, type TrackedTable } from "./master-model.ts";

const citizen: TrackedTable = {
  name: "citizen",
  key: ["id"],
  bucket: ["province_code"],
  forms: { id: "integer", body: "text" },
  projections: { all: ["id", "body"] },
};

const put = (key: string, hash: bigint, bucket = "79", from: string | null = key): Effect => {
  return { kind: "put", table: "citizen", from, row: { key, bucket, hashes: [hash] } };
};

/** A row that is born, changed, leaves the province, comes back as it first was, and goes; and one that takes another key. */
function lifeOfTwo(): MasterModel {
  const model = new MasterModel([citizen]);
  const transactions: Effect[][] = [
    [put("a", 1n, "79", null), put("b", 7n, "79", null)],
    [put("a", 2n)],
    [put("a", 3n, "46")],
    [put("a", 1n)],
    [{ kind: "remove", table: "citizen", key: "a" }, put("c", 7n, "79", "b")],
  ];
  for (const [index, effects] of transactions.entries()) model.commit(index + 1, effects);
  return model;
}

type Shown = Readonly<Record<string, bigint>>;

/** A copy that shows one thing after the other. */
function checkerOf(model: MasterModel) {
  const watched = { table: citizen, view: "population.citizen", projection: "all" };
  const copy = {
    name: "copy",
    url: "",
    ledger: "ledger",
    journal: "journal",
    tables: [watched],
    accepts: (bucket: string) => bucket === "79",
  };
  const checker = new KeyOrderChecker(copy, model, () => Promise.resolve(model.head));
  const look = (shown: Shown | "refused", sequence = model.head) => {
    const answer = (sql: string): readonly Answer[] | "refused" => {
      if (shown === "refused") return shown;
      if (sql.includes("ledger")) return [{ seq: String(sequence) }];
      if (sql.includes("journal")) return [{ held: String(sequence) }];
      return Object.entries(shown).map(([key, hash]) => ({ row_key: key, hash: String(hash) }));
    };
    const session: CopySession = {
      family: "postgres",
      beginSnapshot: () => Promise.resolve(),
      endSnapshot: () => Promise.resolve(),
      ask: (sql) => Promise.resolve(answer(sql)),
      end: () => Promise.resolve(),
    };
    return checker.look(session);
  };
  return { checker, look };
}

test("rows that go forward, each at its own pace, are fine, and the end is told", async () => {
  const { checker, look } = checkerOf(lifeOfTwo());
  for (const shown of [{}, { a: 1n }, { a: 1n, b: 7n }, { a: 2n, b: 7n }, { b: 7n }, { a: 1n, b: 7n }, { a: 1n, b: 7n, c: 7n }]) {
    await look(shown);
    expect(checker.arrived).toBe(false);
  }
  await look("refused");
  await look({ c: 7n });
  expect(checker.violations).toEqual([]);
  expect(checker).toMatchObject({ arrived: true, looks: { total: 9, read: 8, refused: 1, absent: 0 } });
});

const faults: readonly { fault: string; shown: readonly Shown[]; told: RegExp }[] = [
  { fault: "a row that is set back", shown: [{ a: 2n }, {}, { a: 2n }], told: /shows a as it was in state 2, after state 3 of 5/ },
  { fault: "a row that comes back from the dead", shown: [{ b: 7n }, { c: 7n }, { b: 7n, c: 7n }], told: /shows b/ },
  { fault: "a row outside of the filter", shown: [{ a: 3n }], told: /shows a which it never was for this copy/ },
  { fault: "a distorted row", shown: [{ a: 9n }], told: /shows a which it never was/ },
  { fault: "a row of nobody", shown: [{ x: 1n }], told: /shows x, which the master never had/ },
];

test.each(faults)("$fault is found", async ({ shown, told }) => {
  const { checker, look } = checkerOf(lifeOfTwo());
  for (const rows of shown) await look(rows);
  expect(checker.violations.join("\n")).toMatch(told);
});

test("a ledger that goes back is found", async () => {
  const { checker, look } = checkerOf(lifeOfTwo());
  await look({}, 3);
  await look({}, 2);
  expect(checker.violations).toHaveLength(2);
});
