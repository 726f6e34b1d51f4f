// What both sides of a comparison promise (engine/ports/compared-table.ts), as tests for each pair of families.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { PostgresMajor } from "../../deploy/embedded/postgres-binaries.ts";
import type { Position } from "../../engine/model/position.ts";
import { inSlice } from "../../engine/model/slice.ts";
import type { CanonicalKey, KeyRange } from "../../engine/ports/compared-table.ts";
import { comparedCopy } from "../../mappings/compared-columns.ts";
import { CompareLab, type ComparedPair, type CompareFamily, type CopyOptions, sumOf } from "../support/compare-lab.ts";
import { bytewiseCollation } from "../support/mysql-server.ts";
import { row } from "../support/table-builders.ts";
import { key, progress, subscriptionOf, Writer } from "../support/target-lab.ts";

const whole: KeyRange = { after: null, until: null };
const all = { groups: 1, wanted: [0] };

/** Text that compares byte by byte, as each family declares it. */
const bytewise = { postgres: 'text COLLATE "C"', mysql: `varchar(50) COLLATE ${bytewiseCollation}` } as const;

export interface ComparedServers {
  readonly from: CompareFamily;
  readonly to: CompareFamily;
  readonly major?: PostgresMajor;
  /** Rows are hashed by QuickHash. */
  readonly quick?: boolean;
}

export function describeComparedTable(name: string, { from, to, major, quick = false }: ComparedServers): void {
  describe(`a comparison of ${name}${quick ? " that hashes quickly" : ""}`, () => {
    let lab: CompareLab;
    const opened: ComparedPair[] = [];
    beforeAll(async () => {
      lab = await CompareLab.open([...new Set([from, to])], major);
      lab.quick = quick;
      await lab.onMaster(
        from,
        "CREATE TABLE person (id int PRIMARY KEY, name varchar(40), province varchar(2), note varchar(40))",
        `INSERT INTO person VALUES ${Array.from({ length: 100 }, (_, at) => `(${(at + 1) * 10}, 'người ${at}', '${String(at % 4).padStart(2, "0")}', ${at % 3 === 0 ? "NULL" : "'x'"})`).join(", ")}`,
      );
    });
    afterAll(async () => {
      for (const pair of opened) await pair.close();
      await lab?.[Symbol.asyncDispose]();
    });

    async function pairOf(table: string, options: CopyOptions = {}): Promise<ComparedPair> {
      const pair = await lab.pair(from, to, table, options);
      opened.push(pair);
      return pair;
    }

    const physical = (pair: ComparedPair): string => `public_copy.${pair.mapping.physical.name}`;
    const keysOf = (rows: readonly { key: CanonicalKey }[]): string[] => rows.map((each) => each.key.join("|")).toSorted();

    test("finds a master and its copy equal, as a whole, by groups and row by row (RC-01)", async () => {
      const { master, copy } = await pairOf("person", { as: "equal" });
      const [theirs, ours] = [await master.digest(whole, 1), await copy.digest(whole, 1)];
      expect(ours.answer).toEqual(theirs.answer);
      expect(ours.answer).toMatchObject([{ group: 0, count: 100 }]);
      const [listed, held] = [await master.list(whole, all), await copy.list(whole, all)];
      expect(new Map(held.answer.map((each) => [each.key.join(), each.digest]))).toEqual(
        new Map(listed.answer.map((each) => [each.key.join(), each.digest])),
      );
      expect({ group: 0, ...sumOf(listed.answer) }).toEqual(theirs.answer[0]);
      const found = await master.find(listed.answer.map((each) => each.key));
      expect(new Set(found.answer.map((each) => each.digest))).toEqual(new Set(held.answer.map((each) => each.digest)));
      expect(theirs.position.length).toBeGreaterThan(0);
    });

    test("counts each row in exactly one of adjoining ranges", async () => {
      const { master, copy } = await pairOf("person", { as: "ranges" });
      const borders = ["0", "10", "255", "500", "1000", "2000"];
      for (const side of [master, copy]) {
        const sums = { count: 0, high: 0n, low: 0n };
        for (let at = 0; at <= borders.length; at++) {
          const range = { after: at === 0 ? null : [borders[at - 1]!], until: at === borders.length ? null : [borders[at]!] };
          const { answer } = await side.digest(range, 1);
          const { answer: rows } = await side.list(range, all);
          for (const { key: found } of rows) {
            if (range.after !== null) expect(Number(found[0])).toBeGreaterThan(Number(range.after[0]));
            if (range.until !== null) expect(Number(found[0])).toBeLessThanOrEqual(Number(range.until[0]));
          }
          expect(answer).toEqual(rows.length === 0 ? [] : [{ group: 0, ...sumOf(rows) }]);
          for (const { count, high, low } of answer) {
            sums.count += count;
            sums.high = BigInt.asUintN(64, sums.high + high);
            sums.low = BigInt.asUintN(64, sums.low + low);
          }
        }
        expect([{ group: 0, ...sums }]).toEqual((await side.digest(whole, 1)).answer);
      }
    });

    test("groups are parts of a range, and each is listed alone", async () => {
      const { master, copy } = await pairOf("person", { as: "grouped" });
      const range = { after: ["100"], until: ["900"] };
      for (const side of [master, copy]) {
        const { answer: rows } = await side.list(range, all);
        const { answer: groups } = await side.digest(range, 16);
        expect(groups.reduce((sum, { count }) => sum + count, 0)).toBe(80);
        for (const { group, ...sums } of groups) {
          const expected = rows.filter(({ digest }) => Number.parseInt(digest.slice(0, 4), 16) % 16 === group);
          expect(sums).toEqual(sumOf(expected));
          const { answer: listed } = await side.list(range, { groups: 16, wanted: [group] });
          expect(keysOf(listed)).toEqual(keysOf(expected));
        }
        const two = groups.slice(0, 2).map(({ group }) => group);
        const { answer: some } = await side.list(range, { groups: 16, wanted: two });
        expect(some).toHaveLength(groups.slice(0, 2).reduce((sum, { count }) => sum + count, 0));
        expect((await side.list(range, { groups: 16, wanted: [] })).answer).toEqual([]);
        expect((await side.digest(range, 65_536)).answer.every(({ group }) => group < 65_536)).toBe(true);
      }
      expect((await master.digest(range, 256)).answer.toSorted((a, b) => a.group - b.group)).toEqual(
        (await copy.digest(range, 256)).answer.toSorted((a, b) => a.group - b.group),
      );
    });

    test("names borders by walking the key, also past rows that are not shared", async () => {
      const { master } = await pairOf("person", { as: "borders", filter: { op: "eq", column: "province", value: "03" } });
      const after = (key: string) => ({ after: [key], until: null });
      expect(await master.border(whole, 1)).toEqual(["10"]);
      expect(await master.border(whole, 30)).toEqual(["300"]);
      expect(await master.border(after("300"), 30)).toEqual(["600"]);
      expect(await master.border(after("305"), 1)).toEqual(["310"]);
      expect(await master.border(after("900"), 10)).toEqual(["1000"]);
      expect(await master.border(after("900"), 11)).toBeNull();
      expect(await master.border({ after: ["300"], until: ["600"] }, 30)).toEqual(["600"]);
      expect(await master.border({ after: ["300"], until: ["595"] }, 30)).toBeNull();
    });

    test("compares what the filter lets pass with all that the copy has (RC-08)", async () => {
      const pair = await pairOf("person", { as: "shared", filter: { op: "eq", column: "province", value: "03" } });
      const { master, copy } = pair;
      expect((await copy.digest(whole, 1)).answer).toEqual((await master.digest(whole, 1)).answer);
      expect((await master.digest(whole, 1)).answer).toMatchObject([{ count: 25 }]);
      await lab.onCopy(to, `INSERT INTO ${physical(pair)} (id, name, province, note, dongbo_batch) VALUES (20, 'người 1', '01', 'x', 1)`);
      expect((await copy.digest(whole, 1)).answer).toMatchObject([{ count: 26 }]);
      const extra = (await copy.list(whole, all)).answer.find((each) => each.key[0] === "20")!;
      const { answer } = await master.find([["20"], ["40"], ["7"]]);
      expect(answer.toSorted((a, b) => Number(a.key[0]) - Number(b.key[0]))).toMatchObject([
        { key: ["20"], digest: extra.digest, passes: false },
        { key: ["40"], passes: true },
      ]);
    });

    test("looks rows up by key, however many, and leaves out what is not there", async () => {
      const { master, copy } = await pairOf("person", { as: "sought" });
      const keys = Array.from({ length: 1200 }, (_, at) => [String(at)]);
      for (const side of [master, copy]) {
        const { answer } = await side.find(keys);
        expect(keysOf(answer)).toEqual(keysOf(Array.from({ length: 100 }, (_, at) => ({ key: [String((at + 1) * 10)] }))));
        expect((await side.find([])).answer).toEqual([]);
        expect((await side.find([["11"]])).answer).toEqual([]);
      }
    });

    test("tells a row's batch in the copy, and every write of it in a master that knows", async () => {
      const pair = await pairOf("person", { as: "written" });
      const { master, copy, writer } = pair;
      const [first] = (await copy.find([["10"]])).answer;
      const { batchId } = await writer.apply([{ upserts: [row("10", "người 0", "00", null)] }]);
      const [second] = (await copy.find([["10"]])).answer;
      expect(second).toEqual({ ...first, version: String(batchId) });
      const [before] = (await master.find([["10"]])).answer;
      await lab.onMaster(from, "UPDATE person SET name = name WHERE id = 10");
      const [after] = (await master.find([["10"]])).answer;
      expect(after?.digest).toBe(before?.digest);
      expect(after?.version === before?.version).toBe(!master.versioned);
      expect(master.versioned).toBe(from === "postgres");
      if (!master.versioned) expect(after).toMatchObject({ version: "", untouched: false });
    });

    test("tells which column differs, and what it holds", async () => {
      const pair = await pairOf("person", { as: "columns" });
      const { master, copy } = pair;
      await lab.onCopy(to, `UPDATE ${physical(pair)} SET name = 'khác', note = '' WHERE id = 10`);
      const keys = [["10"], ["20"], ["5"]];
      const [theirs, ours] = [(await master.columns(keys)).answer, (await copy.columns(keys)).answer];
      const of = (rows: typeof theirs, id: string) => rows.find((each) => each.key[0] === id)!.digests;
      expect(theirs).toHaveLength(2);
      expect(of(ours, "20")).toEqual(of(theirs, "20"));
      const differing = of(ours, "10").map((digest, place) => digest !== of(theirs, "10")[place]);
      expect(differing).toEqual([false, true, false, true]);
      expect(of(theirs, "10")[3]).toBeNull();
      expect(of(ours, "10")[3]).not.toBeNull();
      expect(await master.values([["10"]], 1)).toEqual([{ key: ["10"], value: "người 0" }]);
      expect(await copy.values([["10"]], 1)).toEqual([{ key: ["10"], value: "khác" }]);
      expect(await master.values([["10"]], 3)).toEqual([{ key: ["10"], value: null }]);
      expect(await copy.values([["10"]], 3)).toEqual([{ key: ["10"], value: "" }]);
    });

    test("compares keys of several columns", async () => {
      await lab.onMaster(
        from,
        `CREATE TABLE house (street ${bytewise[from]} NOT NULL, number int NOT NULL, door ${bytewise[from]} NOT NULL, owner varchar(40), PRIMARY KEY (street, number, door))`,
      );
      const streets = ["Lê Lợi", "Lê Lai", "lê lợi", "a|b", "", "Đinh"];
      const rows = streets.flatMap((street) =>
        [1, 2, 10].flatMap((number) => ["A", "B", ""].map((door) => [street, number, door] as const)),
      );
      await lab.onMaster(
        from,
        `INSERT INTO house VALUES ${rows.map(([street, number, door], at) => `('${street}', ${number}, '${door}', 'chủ ${at}')`).join(", ")}`,
      );
      const { master, copy } = await pairOf("house");
      const ordered = rows
        .map((each) => each.map(String))
        .toSorted((a, b) => compare(a[0]!, b[0]!) || Number(a[1]) - Number(b[1]) || compare(a[2]!, b[2]!));
      expect(await master.keyOrder()).toBe("bytes,plain,bytes");
      // What a target makes of text is up to the database's collation where the master's type is the target's own.
      if (to === "mysql") expect(await copy.keyOrder()).toBe("bytes,plain,bytes");
      for (const side of (await copy.keyOrder()) === "bytes,plain,bytes" ? [master, copy] : [master]) {
        for (const [first, last] of [
          [0, 5],
          [5, 6],
          [17, 40],
          [40, 53],
        ] as const) {
          const { answer } = await side.list({ after: ordered[first]!, until: ordered[last]! }, all);
          expect(keysOf(answer)).toEqual(keysOf(ordered.slice(first + 1, last + 1).map((each) => ({ key: each }))));
        }
        expect(keysOf((await side.find([ordered[3]!, ordered[50]!, ["Lê Lợi", "3", "A"]])).answer)).toEqual(
          keysOf([{ key: ordered[3]! }, { key: ordered[50]! }]),
        );
      }
      expect(await master.border({ after: ordered[9]!, until: null }, 5)).toEqual(ordered[14]);
      expect((await copy.digest(whole, 4)).answer).toEqual(expect.arrayContaining([...(await master.digest(whole, 4)).answer]));
    });

    test("says how keys are ordered where another server may order them alike", async () => {
      const { master, copy } = await pairOf("person", { as: "ordered" });
      expect(await master.keyOrder()).toBe("plain");
      expect(await copy.keyOrder()).toBe("plain");
      await lab.onCopy(to, `ALTER TABLE public_copy.ordered DROP ${to === "postgres" ? "CONSTRAINT ordered_pkey" : "PRIMARY KEY"}`);
      await copy.close();
      // No index: each range would be a walk through the whole table.
      expect(await copy.keyOrder()).toBeNull();
    });

    test("hashes quickly only where both servers can, and alike", async () => {
      const { master, copy } = await pairOf("person", { as: "hashed" });
      const [theirs, ours] = [await master.quickHash?.word(), await copy.quickHash?.word()];
      if (from !== to || from === "mysql") expect([theirs, ours]).toContain(undefined);
      else {
        expect(theirs).toMatch(/^-?\d+ -?\d+$/);
        expect(ours).toBe(theirs);
        const before = (await master.digest(whole, 1)).answer;
        for (const side of [master, copy]) side.quickHash?.use();
        const after = (await master.digest(whole, 1)).answer;
        expect((await copy.digest(whole, 1)).answer).toEqual(after);
        if (quick) expect(after).toEqual(before);
        else expect(after).not.toEqual(before);
      }
    });

    test("gives the keys of rows that were set aside", async () => {
      const pair = await pairOf("person", { as: "refusing" });
      await lab.onCopy(to, "ALTER TABLE public_copy.refusing ADD CONSTRAINT no_poison CHECK (name <> 'poison')");
      expect(await pair.copy.quarantined()).toEqual([]);
      await pair.writer.apply([{ upserts: [row("10", "poison", "00", null), row("20", "người", "00", null)] }]);
      expect(await pair.copy.quarantined()).toEqual([key("10")]);
    });

    test("says how the copy stood when its rows were read", async () => {
      const mapping = await lab.mapping(from, to, "person", { as: "standing" });
      const subscription = subscriptionOf([mapping], { id: "standing" });
      const target = to === "postgres" ? lab.postgres : lab.mysql;
      const writer = await Writer.prepared(target, subscription);
      const pair = lab.compare(from, to, { mapping, writer });
      opened.push(pair);
      const { copy } = pair;
      expect(await copy.stand()).toEqual({
        position: null,
        sourceTime: null,
        epoch: writer.epoch,
        sourceIdentity: null,
        contract: null,
        loading: true,
        stopped: null,
      });
      const transaction = await writer.begin();
      await transaction.load(mapping, [row("10", "An", "00", null)]);
      const first = writer.checkpoint({ loads: [{ table: mapping, progress: progress(), complete: false }] });
      await transaction.commit(first);
      expect((await copy.digest(whole, 1)).stand).toMatchObject({ position: first.position, loading: true, contract: null });
      const second = writer.checkpoint({ loads: [{ table: mapping, progress: progress({ contract: "agreed" }), complete: true }] });
      await (await writer.begin()).commit(second);
      const { answer, stand } = await copy.find([["10"]]);
      expect(answer).toHaveLength(1);
      expect(stand).toEqual({
        position: second.position,
        sourceTime: second.sourceTime,
        epoch: writer.epoch,
        sourceIdentity: second.sourceIdentity,
        contract: "agreed",
        loading: false,
        stopped: null,
      });
      const third = writer.checkpoint({ stops: [{ table: mapping, code: "DB-MAP-010", message: "a column is gone" }] });
      await (await writer.begin()).commit(third);
      expect(await copy.stand()).toMatchObject({ position: third.position, stopped: { code: "DB-MAP-010", message: "a column is gone" } });
      expect((await writer.target.takeEpoch()).checkpoint.epoch).toBe(writer.epoch + 1);
      expect(await copy.stand()).toMatchObject({ epoch: writer.epoch + 1 });
    });

    test("a copy in slices stands where all of them have come to", async () => {
      const mapping = await lab.mapping(from, to, "person", { as: "sliced" });
      const subscription = subscriptionOf([mapping], { id: "sliced" });
      const target = to === "postgres" ? lab.postgres : lab.mysql;
      const writers = [];
      for (const index of [0, 1]) writers.push(await Writer.prepared(target, inSlice(subscription, { index, of: 2 })));
      const [first, second] = writers as [Writer, Writer];
      const copy = lab.copyTable(to, comparedCopy(mapping, to), subscription);
      const loads = [{ table: mapping, progress: progress({ contract: "agreed" }), complete: true }];
      await (await first.begin()).commit(first.checkpoint({ loads, position: "0/2000" as Position }));
      expect(await copy.stand()).toMatchObject({ position: null, contract: null, loading: true });
      await (await second.begin()).commit(second.checkpoint({ loads, position: "0/3000" as Position }));
      // Each has raised its own; the second one's preparation changed nothing of the first's.
      expect(await copy.stand()).toMatchObject({ position: "0/3000", contract: "agreed", loading: false });
      const { epoch } = await copy.stand();
      writers.push(await Writer.prepared(target, inSlice(subscription, { index: 1, of: 2 })));
      expect(await copy.stand()).toMatchObject({ epoch: epoch + 1 });
      for (const { target: own } of writers) await own.close();
      await copy.close();
    });

    test("shows what the log held at a mark", async () => {
      const { master } = await pairOf("person", { as: "marked" });
      await lab.onMaster(from, "UPDATE person SET note = 'y' WHERE id = 30");
      const mark = await master.mark();
      expect((await master.digest(whole, 1)).shows(mark)).toBe(true);
    });

    test("fails with a code where the copy's table has changed, and goes on with another session", async () => {
      const pair = await pairOf("person", { as: "changed" });
      const { copy } = pair;
      await copy.digest(whole, 1);
      await lab.onCopy(to, "ALTER TABLE public_copy.changed RENAME COLUMN note TO remark");
      const code = to === "postgres" ? "DB-PG-020" : "DB-MY-020";
      await expect(copy.digest(whole, 1)).rejects.toMatchObject({ code });
      await expect(copy.digest(whole, 1)).rejects.toMatchObject({ code });
      await lab.onCopy(to, "ALTER TABLE public_copy.changed RENAME COLUMN remark TO note");
      expect((await copy.digest(whole, 1)).answer).toMatchObject([{ count: 100 }]);
    });
  });
}

function compare(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
