// What every SnapshotSource promises (engine/ports/snapshot-source.ts), as tests that a connector runs with its own server.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Predicate } from "../../engine/model/predicate.ts";
import type { Key, Row } from "../../engine/model/row.ts";
import type { CatalogTable } from "../../engine/model/table.ts";
import type { ChunkRequest, SnapshotSource } from "../../engine/ports/snapshot-source.ts";
import { Random, runSeed } from "../workload/random.ts";
import { readChunk, type ReadChunk } from "../support/read-chunk.ts";

/** Kinds of columns that every server has; the harness knows their names there. */
export type ColumnKind = "integer" | "decimal" | "uuid" | "timestamp" | "text" | "vietnamese" | "long" | "bytes";

export interface TableSpec {
  readonly name: string;
  readonly columns: Readonly<Record<string, ColumnKind>>;
  readonly key: readonly string[];
  readonly rows: readonly (readonly (string | null)[])[];
}

/** A server with one source of snapshots on it. */
export interface SnapshotHarness extends AsyncDisposable {
  readonly snapshot: SnapshotSource;
  /** How the source answers when a table is gone. */
  readonly missingTableCode: string;
  /** Makes the table in a schema of the harness's own, fills it, brings statistics up to date, and describes it. */
  create(spec: TableSpec): Promise<CatalogTable>;
}

const seed = runSeed();
const random = new Random(seed);
const vietnamese = [
  "Ánh",
  "An",
  "Ân",
  "Ăn",
  "anh",
  "Đức",
  "Dũng",
  "duy",
  "Ếch",
  "Ênh",
  "Hạ",
  "hà",
  "Hả",
  "Hã",
  "há",
  "Nguyễn",
  "Nguyễn",
  "Ơn",
  "Ước",
  "Ư",
];

/** `nativeForm`: see ChunkRequest; the rows that come are the same. */
export function describeSnapshotSource(name: string, start: () => Promise<SnapshotHarness>, nativeForm = false): void {
  describe(`a snapshot source: ${name} (DONGBO_TEST_SEED=${seed})`, () => {
    let harness: SnapshotHarness;
    let snapshot: SnapshotSource;
    beforeAll(async () => {
      harness = await start();
      snapshot = harness.snapshot;
    });
    afterAll(() => harness?.[Symbol.asyncDispose]());

    const request = (table: CatalogTable, options: Partial<ChunkRequest> = {}): ChunkRequest => ({
      table,
      key: table.primaryKey,
      columns: table.columns.map((column) => column.name),
      filter: null,
      after: null,
      until: null,
      rowsMax: 10_000,
      bytesMax: 64_000_000,
      nativeForm,
      ...options,
    });

    /** All chunks of a table, one after the other. */
    async function scan(table: CatalogTable, options: Partial<ChunkRequest> = {}): Promise<ReadChunk[]> {
      const chunks: ReadChunk[] = [];
      let after = options.after ?? null;
      for (let complete = false; !complete;) {
        const chunk = await readChunk(snapshot, request(table, { ...options, after }), unending());
        chunks.push(chunk);
        complete = chunk.complete;
        if (!complete) expect(chunk.lastKey).not.toEqual(after);
        after = chunk.lastKey ?? after;
      }
      return chunks;
    }

    describe("reads each row exactly once, whatever the key and the size of chunks", () => {
      const keys: Readonly<Record<string, { kinds: readonly ColumnKind[]; values: () => string[][] }>> = {
        integer: { kinds: ["integer"], values: () => unique(200, () => [String(random.between(-1_000_000, 1_000_000))]) },
        decimal: { kinds: ["decimal"], values: () => unique(200, () => [(random.fraction() * 2e4 - 1e4).toFixed(3)]) },
        uuid: { kinds: ["uuid"], values: () => unique(200, () => [randomUuid()]) },
        timestamp: { kinds: ["timestamp"], values: () => unique(200, () => [randomTimestamp()]) },
        text: { kinds: ["text"], values: () => unique(200, () => [randomText()]) },
        "text in a Vietnamese collation": { kinds: ["vietnamese"], values: () => unique(300, () => [randomVietnamese()]) },
        composite: {
          kinds: ["vietnamese", "integer", "uuid"],
          values: () => unique(300, () => [randomVietnamese().slice(0, 4), String(random.between(0, 2)), randomUuid()]),
        },
      };
      for (const [kind, { kinds, values }] of Object.entries(keys)) {
        test(`${kind} key`, async () => {
          const columns = Object.fromEntries(kinds.map((column, index) => [`k${index}`, column]));
          const rows = values();
          const table = await harness.create({
            name: `covered ${kind}`,
            columns: { ...columns, note: "text" },
            key: Object.keys(columns),
            rows: rows.map((key) => [...key, "x"]),
          });
          const whole = texts((await scan(table)).flatMap((chunk) => chunk.rows));
          expect(new Set(whole.map(String))).toEqual(new Set(rows.map((key) => String([...key, "x"]))));
          expect(whole).toHaveLength(rows.length);
          for (const rowsMax of [1, 7, 299, 300, 1000]) {
            const chunks = await scan(table, { rowsMax });
            expect(chunks.every((chunk) => chunk.rows.length <= rowsMax)).toBe(true);
            // The order is the server's own and always the same.
            expect(texts(chunks.flatMap((chunk) => chunk.rows))).toEqual(whole);
          }
          for (const place of [0, 1, Math.floor(rows.length / 2), rows.length - 1]) {
            const key = (whole[place] ?? []).slice(0, kinds.length).map((value) => Buffer.from(String(value)));
            expect(texts((await scan(table, { after: key })).flatMap((chunk) => chunk.rows))).toEqual(whole.slice(place + 1));
            expect(texts((await scan(table, { until: key, rowsMax: 50 })).flatMap((chunk) => chunk.rows))).toEqual(
              whole.slice(0, place + 1),
            );
          }
        });
      }
    });

    test("resumes after a key whose row is gone", async () => {
      const table = await harness.create({ name: "holes", columns: { id: "integer" }, key: ["id"], rows: [["1"], ["3"], ["5"]] });
      const chunks = await scan(table, { after: [Buffer.from("2")] });
      expect(texts(chunks.flatMap((chunk) => chunk.rows))).toEqual([["3"], ["5"]]);
    });

    test("says of an empty table and of an empty range that they are complete", async () => {
      const table = await harness.create({ name: "empty", columns: { id: "integer" }, key: ["id"], rows: [] });
      expect(await readChunk(snapshot, request(table), unending())).toMatchObject({ rows: [], lastKey: null, complete: true });
      const after = [Buffer.from("10")];
      expect(await readChunk(snapshot, request(table, { after, until: after }), unending())).toMatchObject({ rows: [], complete: true });
    });

    test("gives the columns asked for, in the order asked, also without the key's", async () => {
      const table = await harness.create({
        name: "columns",
        columns: { a: "integer", b: "text", c: "integer" },
        key: ["a"],
        rows: [["1", "x", "7"]],
      });
      const chunk = await readChunk(snapshot, request(table, { columns: ["c", "b"] }), unending());
      expect(texts(chunk.rows)).toEqual([["7", "x"]]);
      expect(chunk.lastKey?.map(String)).toEqual(["1"]);
      expect(texts((await readChunk(snapshot, request(table, { columns: ["b", "a", "c"] }), unending())).rows)).toEqual([["x", "1", "7"]]);
    });

    test("passes on every value as it is: NULL, empty, escapes, line ends, zero-width and composed characters", async () => {
      const values = [
        "",
        null,
        "\\",
        "\\N",
        "\\.",
        "\\\\t",
        "a\tb",
        "\t",
        "a\nb",
        "\n",
        "a\r\nb",
        "\b\f\v",
        "\u{feff}x",
        "Nguyễn".normalize("NFD"),
        "Nguyễn".normalize("NFC"),
        "👩‍👩‍👧",
        "'\"`$$",
        " padded ",
        "NULL",
        "x\\",
      ];
      const rows = values.map((value, index) => [String(index), value, values[(index + 1) % values.length] ?? null]);
      const table = await harness.create({ name: "values", columns: { id: "integer", v: "text", w: "text" }, key: ["id"], rows });
      expect(texts((await scan(table, { rowsMax: 3 })).flatMap((chunk) => chunk.rows))).toEqual(rows);
      const found = await snapshot.readRows({
        table,
        key: ["id"],
        columns: ["id", "v", "w"],
        filter: null,
        keys: rows.map((row) => [Buffer.from(String(row[0]))]),
      });
      expect(sorted(texts(found.rows))).toEqual(sorted(rows));
    });

    test("keeps rows apart that share pieces of what came from the network", async () => {
      const rows = Array.from({ length: 5000 }, (_, index) => [String(index), random.hex(index % 97)]);
      const table = await harness.create({ name: "pieces", columns: { id: "integer", v: "text" }, key: ["id"], rows });
      const chunk = await readChunk(snapshot, request(table, { rowsMax: 5000, bytesMax: 100_000_000 }), unending());
      expect(texts(chunk.rows)).toEqual(rows);
    });

    describe("reads only rows that pass the filter", () => {
      let table: CatalogTable;
      beforeAll(async () => {
        const rows = Array.from({ length: 3000 }, (_, index) => [
          String(index),
          index % 7 === 0 ? null : String(index % 34).padStart(2, "0"),
        ]);
        table = await harness.create({ name: "filtered", columns: { id: "integer", province: "text" }, key: ["id"], rows });
      });
      const filters: Readonly<Record<string, { filter: Predicate; expected: (id: number) => boolean }>> = {
        "a province": { filter: { op: "eq", column: "province", value: "05" }, expected: (id) => id % 7 !== 0 && id % 34 === 5 },
        "a list or nothing": {
          filter: {
            op: "any",
            of: [
              { op: "in", column: "province", values: ["01", "33"] },
              { op: "is_null", column: "province", value: true },
            ],
          },
          expected: (id) => id % 7 === 0 || [1, 33].includes(id % 34),
        },
        "one row in thousands": { filter: { op: "eq", column: "id", value: "2999" }, expected: (id) => id === 2999 },
        nobody: { filter: { op: "eq", column: "province", value: "it's \\" }, expected: () => false },
        "NOT of what is unknown": {
          filter: { op: "not", of: { op: "eq", column: "province", value: "01" } },
          expected: (id) => id % 7 !== 0 && id % 34 !== 1,
        },
      };
      for (const [what, { filter, expected }] of Object.entries(filters)) {
        test(what, async () => {
          const wanted = Array.from({ length: 3000 }, (_, index) => index)
            .filter(expected)
            .map((id) => [String(id)]);
          for (const rowsMax of [10, 250, 5000]) {
            const chunks = await scan(table, { filter, rowsMax, columns: ["id"] });
            expect(texts(chunks.flatMap((chunk) => chunk.rows))).toEqual(wanted);
            // Looking for few rows among many must not take a chunk for each few rows looked at.
            expect(chunks.length).toBeLessThan(3000 / rowsMax + 20);
          }
          expect(await snapshot.countRows(table.table, filter)).toBe(wanted.length);
        });
      }
      test("counts all rows when there is no filter", async () => {
        expect(await snapshot.countRows(table.table, null)).toBe(3000);
      });
    });

    describe("stops reading after the row that passes the bytes allowed", () => {
      test("and goes on after that row", async () => {
        const rows = Array.from({ length: 60 }, (_, index) => [String(index), random.hex(100_000)]);
        const table = await harness.create({ name: "wide rows", columns: { id: "integer", v: "long" }, key: ["id"], rows });
        for (const bytesMax of [1, 150_000, 1_000_000, 5_000_000]) {
          const chunks = await scan(table, { bytesMax });
          expect(texts(chunks.flatMap((chunk) => chunk.rows))).toEqual(rows);
          for (const chunk of chunks) expect(chunk.rows.length).toBeLessThanOrEqual(Math.floor(bytesMax / 100_000) + 1);
        }
      });

      test("also when giant rows come where small ones were expected", async () => {
        const giant = "x".repeat(3_000_000);
        const rows = Array.from({ length: 2030 }, (_, index) => [String(index), index < 2000 ? "s" : giant]);
        const table = await harness.create({ name: "surprise", columns: { id: "integer", v: "long" }, key: ["id"], rows });
        const chunks = await scan(table, { bytesMax: 2_000_000, rowsMax: 1900 });
        expect(chunks.flatMap((chunk) => chunk.rows.map((row) => String(row[0])))).toEqual(rows.map((row) => row[0]));
        for (const chunk of chunks) expect(chunk.rows.filter((row) => (row[1] as Buffer).length > 1).length).toBeLessThanOrEqual(1);
      });
    });

    test("reads a row of 50 MB, as text and as bytes", async () => {
      const text = "Nguyễn\t\\\n".repeat(50_000_000 / 12);
      const table = await harness.create({
        name: "giant",
        columns: { id: "integer", t: "long", b: "bytes" },
        key: ["id"],
        rows: [
          ["1", text, random.hex(8)],
          ["2", null, "00ff".repeat(12_500_000)],
        ],
      });
      const [first, second] = (await scan(table)).flatMap((chunk) => chunk.rows);
      expect(Buffer.from(text).equals(bytesOf(first?.[1]))).toBe(true);
      expect(second?.[1]).toBeNull();
      expect(bytesOf(second?.[2]).length).toBeGreaterThanOrEqual(25_000_000);
      expect((await scan(table, { bytesMax: 1_000_000 })).flatMap((chunk) => chunk.rows)).toHaveLength(2);
    });

    describe("reads rows by key", () => {
      test("finds those that exist and pass the filter, however many are asked for and however often", async () => {
        const rows = Array.from({ length: 1500 }, (_, index) => [vietnamese[index % 20] ?? "", String(index), String(index % 3)]);
        const table = await harness.create({
          name: "by key",
          columns: { name: "vietnamese", n: "integer", third: "integer" },
          key: ["name", "n"],
          rows,
        });
        const wanted = rows.map((row): Key => row.slice(0, 2).map((value) => Buffer.from(value)));
        const keys = [...wanted, ...wanted.slice(0, 10), [Buffer.from("không có"), Buffer.from("1")]];
        const all = await snapshot.readRows({ table, key: ["name", "n"], columns: ["name", "n", "third"], filter: null, keys });
        expect(
          sorted(texts(all.rows).filter((row, index, every) => every.findIndex((other) => String(other) === String(row)) === index)),
        ).toEqual(sorted(rows));
        const some = await snapshot.readRows({
          table,
          key: ["name", "n"],
          columns: ["n"],
          filter: { op: "eq", column: "third", value: "1" },
          keys: keys.slice(0, 1500),
        });
        expect(sorted(texts(some.rows))).toEqual(sorted(rows.filter((row) => row[2] === "1").map((row) => [row[1] ?? null])));
      });

      test("takes an empty list of keys", async () => {
        const table = await harness.create({ name: "no keys", columns: { id: "integer" }, key: ["id"], rows: [["1"]] });
        const answer = await snapshot.readRows({ table, key: ["id"], columns: ["id"], filter: null, keys: [] });
        expect(answer.rows).toEqual([]);
        expect(answer.position).not.toBe("");
      });
    });

    test("cuts a table into ranges that are disjoint, complete and of similar size", async () => {
      const rows = unique(20_000, () => [randomVietnamese(), randomUuid()]).map((key) => [...key, "y".repeat(200)]);
      const table = await harness.create({
        name: "cut",
        columns: { name: "vietnamese", id: "uuid", fill: "text" },
        key: ["name", "id"],
        rows,
      });
      const cuts = await snapshot.splitKeys(table, ["name", "id"], 4);
      expect(cuts).toHaveLength(3);
      const bounds = [null, ...cuts, null];
      const sizes: number[] = [];
      const seen = new Set<string>();
      for (const [index, after] of bounds.slice(0, -1).entries()) {
        const chunks = await scan(table, { after, until: bounds[index + 1] ?? null, columns: ["id"] });
        const ids = chunks.flatMap((chunk) => chunk.rows.map(String));
        sizes.push(ids.length);
        for (const id of ids) seen.add(id);
      }
      expect(seen.size).toBe(20_000);
      expect(sizes.reduce((a, b) => a + b)).toBe(20_000);
      for (const size of sizes) expect(size).toBeGreaterThan(2500);
      expect(await snapshot.splitKeys(table, ["name", "id"], 1)).toEqual([]);
    });

    test("cuts a small table in no or few ranges", async () => {
      const table = await harness.create({ name: "small", columns: { id: "integer" }, key: ["id"], rows: [["1"], ["2"]] });
      expect((await snapshot.splitKeys(table, ["id"], 8)).length).toBeLessThan(3);
    });

    test("describes the tables that exist, in the order asked", async () => {
      const one = await harness.create({ name: "Mô tả 1", columns: { id: "integer" }, key: ["id"], rows: [] });
      const two = await harness.create({ name: "Mô tả 2", columns: { id: "integer" }, key: ["id"], rows: [] });
      const found = await snapshot.describe([two.table, { schema: two.table.schema, name: "không có" }, one.table]);
      expect(found.map((table) => table.table)).toEqual([two.table, one.table]);
      expect(found[1]).toMatchObject({ primaryKey: ["id"], id: one.id });
    });

    test("throws a coded error for a table that is gone, and goes on working", async () => {
      const table = await harness.create({ name: "here", columns: { id: "integer" }, key: ["id"], rows: [["1"]] });
      const gone = { ...table, table: { schema: table.table.schema, name: "gone" } };
      await expect(readChunk(snapshot, request(gone), unending())).rejects.toMatchObject({ code: harness.missingTableCode });
      expect(await scan(table)).toHaveLength(1);
    });

    test("gives many readers their turn", async () => {
      const rows = Array.from({ length: 500 }, (_, index) => [String(index)]);
      const table = await harness.create({ name: "busy", columns: { id: "integer" }, key: ["id"], rows });
      const all = await Promise.all(
        Array.from({ length: 40 }, (_, index) => readChunk(snapshot, request(table, { rowsMax: index + 1 }), unending())),
      );
      expect(all.map((chunk) => chunk.rows.length)).toEqual(Array.from({ length: 40 }, (_, index) => index + 1));
    });

    test("ends at once when the signal aborts, and goes on working", async () => {
      const rows = Array.from({ length: 500 }, (_, index) => [String(index)]);
      const table = await harness.create({ name: "aborted", columns: { id: "integer" }, key: ["id"], rows });
      const controller = new AbortController();
      const reads = Array.from({ length: 8 }, () => readChunk(snapshot, request(table), controller.signal));
      const outcome = Promise.allSettled(reads);
      controller.abort(new Error("enough"));
      for (const read of await outcome) if (read.status === "rejected") expect(String(read.reason)).toContain("enough");
      await expect(readChunk(snapshot, request(table), controller.signal)).rejects.toThrow("enough");
      expect(await scan(table)).toHaveLength(1);
    });
  });
}

function unending(): AbortSignal {
  return new AbortController().signal;
}

function texts(rows: readonly Row[]): (string | null)[][] {
  return rows.map((row) => row.map((value) => (value === null ? null : (value as Buffer).toString("utf8"))));
}

function bytesOf(value: Row[number] | undefined): Buffer {
  if (value instanceof Buffer) return value;
  throw new Error("not a value");
}

function sorted(rows: readonly (readonly (string | null)[])[]): string[] {
  return rows.map((row) => JSON.stringify(row)).toSorted();
}

function unique(count: number, make: () => string[]): string[][] {
  const made = new Map<string, string[]>();
  while (made.size < count) {
    const value = make();
    made.set(value.map(coarse).join("\0"), value);
  }
  return [...made.values()];
}

/** Equal whenever a collation of one of the servers finds two texts equal: some see neither tone marks nor case. */
function coarse(text: string): string {
  return text
    .normalize("NFD")
    .replace(/[\u0300\u0301\u0303\u0309\u0323]/g, "")
    .normalize("NFC")
    .toLowerCase();
}

function randomVietnamese(): string {
  return `${random.pick(vietnamese)} ${random.pick(vietnamese)} ${random.pick(vietnamese)} ${random.between(0, 99)}`;
}

function randomText(): string {
  return Array.from({ length: 6 }, () => "aAbB zZ\\'\"%_~đĐ\t\n0".charAt(random.between(0, 17))).join("");
}

/** Of the versions that order differently; with bits of another standard MariaDB would refuse it. */
function randomUuid(): string {
  return random.hex(32).replace(/^(.{8})(.{4}).(.{3}).(.{3})/, `$1-$2-${random.pick([1, 4, 7])}$3-${random.pick(["8", "b"])}$4-`);
}

function randomTimestamp(): string {
  const day = new Date(Date.UTC(1900, 0, 1) + random.between(0, 80_000) * 86_400_000).toISOString().slice(0, 10);
  return `${day} ${random.pick(["00:00:00", "23:59:59.999999", "12:00:00.5"])}`;
}
