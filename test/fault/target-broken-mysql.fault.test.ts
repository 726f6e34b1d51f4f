// A MariaDB target that dies, goes silent, turns read-only or fights over locks: a coded failure, nothing half written, and back again.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { ApplySession } from "../../connectors/mysql/apply/apply-session.ts";
import type { EmbeddedMariaDb } from "../../deploy/embedded/mariadb-server.ts";
import { errorCodes, type ErrorCode } from "../../engine/model/error-codes.ts";
import { ReplicationError } from "../../engine/model/replication-error.ts";
import { type Row, UNCHANGED } from "../../engine/model/row.ts";
import type { TableMapping } from "../../engine/model/share.ts";
import { mysqlClient } from "../support/mysql-session.ts";
import { MysqlTargetLab } from "../support/mysql-target-lab.ts";
import { serverAddress } from "../support/server-address.ts";
import { row } from "../support/table-builders.ts";
import { key, subscriptionOf, Writer } from "../support/target-lab.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { waitUntil } from "../support/wait-until.ts";

describe("a MariaDB target", () => {
  let lab: MysqlTargetLab<EmbeddedMariaDb>;
  let table: TableMapping;
  let writer: Writer;

  beforeAll(async () => {
    lab = await MysqlTargetLab.openPrivate({ max_allowed_packet: "256M", innodb_flush_log_at_trx_commit: 1 });
    table = lab.mapping("citizen", [
      ["id", "int", "integer"],
      ["name", "varchar(40)"],
      ["note", "longtext"],
    ]);
  });
  afterAll(async () => {
    await writer?.target.close();
    await lab?.[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    await writer?.target.close();
    await lab.reset([table]);
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
      // A crash of the server, a little later each time.
      for (let steps = 0; steps < 3 * round; steps += 1) await new Promise((resolve) => setImmediate(resolve));
      await lab.server.kill();
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
    for (const { ID: id } of await lab.sql("SELECT ID FROM information_schema.PROCESSLIST WHERE USER = 'dongbo_target'"))
      await lab.sql(`KILL ${id ?? ""}`);
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
    await lab.sql("SET GLOBAL read_only = 1");
    const batch = (): Promise<unknown> => writer.apply([{ upserts: [row("2", "Bình", null)], deletes: [key("1")] }]);
    expect(await timedFailure(batch())).toBe("DB-MY-008");
    expect(await timedFailure(writer.begin().then((transaction) => writer.commit(transaction)))).toBe("DB-MY-008");
    await lab.sql("SET GLOBAL read_only = 0");
    await batch();
    expect((await lab.rows(table)).map(([id]) => id)).toEqual(["2"]);
    await exact();
  });

  test("that lets us lose a deadlock has nothing of the batch, and takes it the next time", async () => {
    await writer.apply([{ upserts: [row("1", "An", null), row("2", "Bình", null)] }]);
    const other = await mysqlClient(lab.server.url("public_copy"));
    await other.query("START TRANSACTION");
    await other.query("UPDATE public_copy.citizen SET note = 'khóa' WHERE id = 2");
    // The server lets the transaction go that has changed less: ours.
    await other.query("INSERT INTO public_copy.citizen SELECT seq, 'x', NULL, 0 FROM seq_1000_to_3000");
    const transaction = await writer.begin();
    await transaction.write([writer.change({ upserts: [row("1", "Ân", null)] })]);
    const waiting = other.query("UPDATE public_copy.citizen SET note = 'khóa' WHERE id = 1");
    expect(await timedFailure(transaction.write([writer.change({ deletes: [key("2")] })]))).toBe("DB-MY-010");
    await transaction.rollback();
    await waiting;
    await other.query("ROLLBACK");
    await other.end();
    expect(await writer.target.quarantined()).toEqual([]);
    await writer.apply([{ upserts: [row("1", "Ân", null)], deletes: [key("2")] }]);
    expect(await lab.rows(table)).toEqual([["1", "Ân", null]]);
    await exact();
  });

  test("behind a dead network is given up, so that the subscription can try again", async () => {
    const proxy = await TcpProxy.start({ host: "127.0.0.1", port: lab.server.port });
    const address = serverAddress(lab.url.replace(`:${lab.server.port}/`, `:${proxy.port}/`));
    const session = await ApplySession.open(address, "population/hcm");
    proxy.blackhole();
    await expect(session.run("DELETE FROM dongbo.batch WHERE id < 0")).rejects.toMatchObject({ code: "DB-MY-015" });
    expect(session.lost).toBe(true);
    proxy.heal();
    const next = await ApplySession.open(address, "population/hcm");
    expect(next.lost).toBe(false);
    await next.close();
    await proxy.close();
  });

  test("behind a network that swallowed a statement and works again is given up too", async () => {
    await using proxy = await TcpProxy.start({ host: "127.0.0.1", port: lab.server.port });
    const address = serverAddress(lab.url.replace(`:${lab.server.port}/`, `:${proxy.port}/`));
    const session = await ApplySession.open(address, "population/hcm");
    proxy.blackhole();
    const answer = session.run("DELETE FROM dongbo.batch WHERE id < 0");
    proxy.heal();
    await expect(answer).rejects.toMatchObject({ code: "DB-MY-015" });
    expect(session.lost).toBe(true);
  });

  test("takes a value of 50 MB by every way, exactly", async () => {
    const big = Buffer.from("Đồng\tbộ\\n'\n".repeat(Math.ceil((50 * 1024 * 1024) / 17)), "utf8");
    const [sum] = await lab.sql("SELECT MD5(?) AS md5", [big.toString("utf8")]);
    const same = async (id: string): Promise<void> => {
      const [found] = await lab.sql("SELECT MD5(note) AS md5, LENGTH(note) AS size FROM public_copy.citizen WHERE id = ?", [id]);
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
    const [counts] = await lab.sql("SELECT COUNT(*) AS number FROM public_copy.citizen");
    expect((await lab.copy(table))["rows"]).toBe(counts?.["number"]);
  });
});
