// A target that dies, fills up, turns read-only or fights over locks: a coded failure, nothing half written, and back again.
import { execFileSync } from "node:child_process";
import { mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { quoteLiteral } from "../../connectors/postgres/quote.ts";
import { errorCodes, type ErrorCode } from "../../engine/model/error-codes.ts";
import { ReplicationError } from "../../engine/model/replication-error.ts";
import { type Row, UNCHANGED } from "../../engine/model/row.ts";
import type { TableMapping } from "../../engine/model/share.ts";
import { runSql, textClient } from "../support/cluster.ts";
import { testFolder } from "../support/test-run.ts";
import { row } from "../support/table-builders.ts";
import { key, subscriptionOf, TargetLab, Writer } from "../support/target-lab.ts";
import { waitUntil } from "../support/wait-until.ts";

describe.each([15, 18] as const)("a target on PostgreSQL %i", (major) => {
  let lab: TargetLab;
  let table: TableMapping;
  let writer: Writer;

  beforeAll(async () => {
    lab = await TargetLab.open({ major, master: ["CREATE TABLE citizen (id int PRIMARY KEY, name text, note text)"] });
    [table] = (await lab.mappings({ schema: "public", name: "citizen" })) as [TableMapping];
  });
  afterAll(async () => {
    await writer?.target.close();
    await lab?.[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    await writer?.target.close();
    await lab.sql("DROP SCHEMA IF EXISTS dongbo, public_copy CASCADE");
    await lab.sql("DROP VIEW IF EXISTS public.citizen");
    writer = await Writer.loaded(lab, subscriptionOf([table]));
  });

  async function exact(): Promise<number> {
    const rows = await lab.rows(table);
    expect((await lab.copy(table))["rows"]).toBe(String(rows.length));
    return rows.length;
  }

  /** The failure's code, which must be one that is tried again. */
  async function timedFailure(work: Promise<unknown>): Promise<ErrorCode> {
    const error = await work.then(
      () => null,
      (caught: unknown) => caught,
    );
    if (!(error instanceof ReplicationError)) throw new Error("the work did not fail with a coded error", { cause: error });
    expect([error.code, errorCodes[error.code].retry]).toEqual([error.code, "timed"]);
    return error.code;
  }

  test("killed in the middle of commits has the whole of each batch or nothing, as its checkpoint says", async () => {
    let committed = 0;
    for (let round = 0; round < 8; round += 1) {
      const transaction = await writer.begin();
      const rows = Array.from({ length: 50 }, (_, index) => row(String(round * 50 + index), "An", null));
      await transaction.write([writer.change({ upserts: rows })]);
      const commit = writer.commit(transaction).then(
        () => true,
        () => false,
      );
      // A crash of all server processes, a little later each time.
      for (let steps = 0; steps < round; steps += 1) await new Promise((resolve) => setImmediate(resolve));
      await lab.server.stop("immediate");
      const answered = await commit;
      await transaction.rollback().catch(() => {});
      await lab.server.restart();
      await lab.reconnect();
      const tookPlace = (await writer.target.checkpoint()).nextBatch > transaction.batchId;
      if (answered) expect(tookPlace).toBe(true);
      committed += tookPlace ? 50 : 0;
      expect(await exact()).toBe(committed);
    }
  });

  test("that ends our session is written again over a new one", async () => {
    await writer.apply([{ upserts: [row("1", "An", null)] }]);
    await lab.sql("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name LIKE 'dongbo apply%'");
    await waitUntil(
      () =>
        writer.apply([{ upserts: [row("2", "Bình", null)] }]).then(
          () => true,
          () => false,
        ),
      { describe: "a batch after the session was ended" },
    );
    expect(await exact()).toBe(2);
  });

  test("that turns read-only says so, holds nothing, and goes on when it can be written again", async () => {
    await writer.apply([{ upserts: [row("1", "An", null)] }]);
    await lab.sql("ALTER SYSTEM SET default_transaction_read_only = on");
    await lab.sql("SELECT pg_reload_conf()");
    const refused = async (): Promise<ErrorCode | null> =>
      writer.apply([{ upserts: [row("2", "Bình", null)], deletes: [key("1")] }]).then(
        () => null,
        (error: unknown) => (error as ReplicationError).code,
      );
    expect(await waitUntil(async () => refused(), { describe: "the target to refuse writes" })).toBe("DB-PG-008");
    expect(await timedFailure(writer.begin().then((transaction) => writer.commit(transaction)))).toBe("DB-PG-008");
    await lab.sql("BEGIN READ WRITE");
    await lab.sql("COMMIT");
    await runSql(
      lab.server.url(),
      "SET default_transaction_read_only = off",
      "ALTER SYSTEM RESET default_transaction_read_only",
      "SELECT pg_reload_conf()",
    );
    await waitUntil(async () => (await refused()) === null, { describe: "the target to take writes again" });
    expect((await lab.rows(table)).map(([id]) => id)).toEqual(["2"]);
    await exact();
  });

  test("that lets us lose a deadlock has nothing of the batch, and takes it the next time", async () => {
    await writer.apply([{ upserts: [row("1", "An", null), row("2", "Bình", null)] }]);
    const other = textClient(lab.server.url("copies"));
    await other.connect();
    // Ours waits first and longest, so ours is the one that finds the deadlock.
    await other.query("SET deadlock_timeout = '60s'");
    await other.query("BEGIN");
    await other.query("UPDATE public_copy.citizen SET note = 'khóa' WHERE id = 2");
    const transaction = await writer.begin();
    await transaction.write([writer.change({ upserts: [row("1", "Ân", null)] })]);
    const waiting = other.query("UPDATE public_copy.citizen SET note = 'khóa' WHERE id = 1");
    expect(await timedFailure(transaction.write([writer.change({ deletes: [key("2")] })]))).toBe("DB-PG-010");
    await transaction.rollback();
    await waiting;
    await other.query("ROLLBACK");
    await other.end();
    expect(await writer.target.quarantined()).toEqual([]);
    await writer.apply([{ upserts: [row("1", "Ân", null)], deletes: [key("2")] }]);
    expect(await lab.rows(table)).toEqual([["1", "Ân", null]]);
    await exact();
  });

  const isRoot = process.getuid?.() === 0;
  if (!isRoot) console.warn("SKIPPED: a target's full disk needs root, for a small file system of its own");
  test.skipIf(!isRoot)("whose tablespace is full says so, sets no row aside, and takes the batch once there is room", async () => {
    const folder = join(testFolder("disk"), "small");
    mkdirSync(folder);
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=8m,mode=0777", "tmpfs", folder]);
    try {
      const place = join(folder, "space");
      mkdirSync(place);
      const owner = statSync(lab.server.dataDir);
      execFileSync("chown", [`${owner.uid}:${owner.gid}`, place]);
      await lab.sql(`CREATE TABLESPACE small LOCATION ${quoteLiteral(place)}`);
      await lab.sql("ALTER TABLE public_copy.citizen SET TABLESPACE small");
      const noise = (): string => Array.from({ length: 100 }, () => Math.random().toString(36)).join("");
      const rows = Array.from({ length: 12_000 }, (_, index) => row(String(index), noise().slice(0, 1500), null));
      expect(await timedFailure(writer.apply([{ upserts: rows }]))).toBe("DB-PG-007");
      const load = async (): Promise<void> => {
        const transaction = await writer.begin();
        try {
          await transaction.load(table, rows);
          await writer.commit(transaction);
        } finally {
          await transaction.rollback();
        }
      };
      expect(await timedFailure(load())).toBe("DB-PG-007");
      expect(await exact()).toBe(0);
      expect(await writer.target.quarantined()).toEqual([]);
      execFileSync("mount", ["-o", "remount,size=200m", folder]);
      await writer.apply([{ upserts: rows }]);
      expect(await exact()).toBe(12_000);
      await lab.sql("ALTER TABLE public_copy.citizen SET TABLESPACE pg_default");
      await lab.sql("DROP TABLESPACE small");
    } finally {
      execFileSync("umount", ["-l", folder]);
    }
  });

  test("takes a value of 50 MB by every way, exactly", async () => {
    // Tabs and backslashes all over, so that COPY has to escape; ordinary text between.
    const big = Buffer.from("Đồng\tbộ\\n\n".repeat(Math.ceil((50 * 1024 * 1024) / 16)), "utf8");
    const [sum] = await lab.sql("SELECT md5($1::text) AS md5", [big.toString("utf8")]);
    const same = async (id: string): Promise<void> => {
      const [found] = await lab.sql("SELECT md5(note) AS md5, octet_length(note) AS size FROM public_copy.citizen WHERE id = $1", [id]);
      expect([id, found]).toEqual([id, { md5: sum?.["md5"], size: String(big.length) }]);
    };
    const image = (id: string): Row => [Buffer.from(id), Buffer.from("An"), big];
    await writer.apply([{ upserts: [image("1"), row("2", "nhỏ", null)] }]);
    await same("1");
    const transaction = await writer.begin();
    await transaction.load(table, [image("3")]);
    await writer.commit(transaction);
    await same("3");
    await writer.apply([
      {
        updates: [
          { key: key("1"), row: row("1", "Ân", UNCHANGED) },
          { key: key("3"), row: row("4", "Tư", UNCHANGED) },
        ],
      },
    ]);
    await same("1");
    await same("4");
    // The slow way, with a poison row beside it.
    await lab.sql("ALTER TABLE public_copy.citizen ADD CHECK (name <> 'xấu')");
    await writer.apply([{ upserts: [image("5"), row("6", "xấu", null)] }]);
    await same("5");
    expect(await writer.target.quarantined()).toHaveLength(1);
    await exact();
  });
});
