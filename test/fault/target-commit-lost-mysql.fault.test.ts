// The answer to a commit that never comes: the target's checkpoint tells whether it took place, and it never takes place twice.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { EmbeddedMariaDb } from "../../deploy/embedded/mariadb-server.ts";
import type { TableMapping } from "../../engine/model/share.ts";
import { row } from "../support/table-builders.ts";
import { MysqlTargetLab } from "../support/mysql-target-lab.ts";
import { nowMicros, subscriptionOf, Writer } from "../support/target-lab.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { waitUntil } from "../support/wait-until.ts";

describe("a MariaDB target's commit", () => {
  let lab: MysqlTargetLab<EmbeddedMariaDb>;
  let proxy: TcpProxy;
  let table: TableMapping;
  let writer: Writer;

  beforeAll(async () => {
    lab = await MysqlTargetLab.openPrivate();
    proxy = await TcpProxy.start({ host: "127.0.0.1", port: lab.server.port });
    table = lab.mapping("citizen", [
      ["id", "int", "integer"],
      ["name", "varchar(40)"],
    ]);
  });
  afterAll(async () => {
    await writer?.target.close();
    await proxy?.close();
    await lab?.[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    await writer?.target.close();
    const url = lab.url.replace(`:${lab.server.port}/`, `:${proxy.port}/`);
    writer = await Writer.prepared(lab, subscriptionOf([table]), url);
    const open = await writer.begin();
    await open.write([writer.change({ truncate: true })]);
    await writer.commit(open, {
      loads: [{ table, progress: { contract: "all", filter: null, sweepBefore: null, ranges: [], fence: null, rows: 0 }, complete: true }],
    });
  });

  async function exact(rows: number): Promise<void> {
    expect(await lab.rows(table)).toHaveLength(rows);
    expect((await lab.copy(table))["rows"]).toBe(String(rows));
  }

  /** Holds up every COMMIT on the server, and nothing else, until `released`. */
  async function holdCommits(): Promise<void> {
    for (const stage of ["START", "FLUSH", "BLOCK_DDL", "BLOCK_COMMIT"]) await lab.sql(`BACKUP STAGE ${stage}`);
  }

  const commitWaits = async (): Promise<void> => {
    await waitUntil(
      async () =>
        (await lab.sql("SELECT ID FROM information_schema.PROCESSLIST WHERE USER = 'dongbo_target' AND INFO = 'COMMIT'")).length > 0,
      { describe: "the commit to wait", everyMs: 5 },
    );
  };

  test("whose answer is cut off has taken place, and the checkpoint says so", async () => {
    const transaction = await writer.begin();
    await transaction.write([writer.change({ upserts: [row("1", "An")] })]);
    await holdCommits();
    const refused = expect(writer.commit(transaction)).rejects.toMatchObject({ code: "DB-RUN-011" });
    await commitWaits();
    const cut = proxy.cutAfterBytes(1, "to-client");
    await lab.sql("BACKUP STAGE END");
    await Promise.all([cut, refused]);
    await transaction.rollback();
    expect((await writer.target.checkpoint()).nextBatch).toBeGreaterThan(transaction.batchId);
    await exact(1);
    const next = await writer.apply([{ upserts: [row("2", "Bình")] }]);
    expect(next.batchId).toBe(transaction.batchId + 1);
    await exact(2);
  });

  test("that is still under way when the question is asked does not take place later", async () => {
    const transaction = await writer.begin();
    await transaction.write([writer.change({ upserts: [row("1", "An")] })]);
    await holdCommits();
    const refused = expect(writer.commit(transaction)).rejects.toMatchObject({ code: "DB-RUN-011" });
    await commitWaits();
    proxy.cutAll();
    await refused;
    const stored = await writer.target.checkpoint();
    await lab.sql("BACKUP STAGE END");
    expect(stored.nextBatch).toBe(transaction.batchId);
    await exact(0);
    await writer.apply([{ upserts: [row("1", "An")] }]);
    await exact(1);
  });

  test("that waits for a lock when the connection breaks does not take place", async () => {
    const transaction = await writer.begin();
    await transaction.write([writer.change({ upserts: [row("1", "An")] })]);
    // Another session holds the record, so the checkpoint waits on the server while its connection is cut.
    await lab.sql("BEGIN");
    await lab.sql("SELECT * FROM dongbo.subscription FOR UPDATE");
    const refused = expect(writer.commit(transaction)).rejects.toMatchObject({ code: "DB-MY-015" });
    await waitUntil(
      async () =>
        (await lab.sql("SELECT ID FROM information_schema.PROCESSLIST WHERE USER = 'dongbo_target' AND INFO LIKE '%FOR UPDATE'")).length >
        0,
      { describe: "the checkpoint to wait", everyMs: 5 },
    );
    proxy.cutAll();
    await refused;
    const stored = await writer.target.checkpoint();
    await lab.sql("ROLLBACK");
    expect(stored.nextBatch).toBe(transaction.batchId);
    await exact(0);
    await writer.apply([{ upserts: [row("1", "An")] }]);
    await exact(1);
  });

  test("of a heartbeat that is lost leaves a checkpoint that fits its clock", async () => {
    const at = nowMicros() + 60_000_000;
    const beat = await writer.begin();
    await holdCommits();
    const checkpoint = { firstPosition: null, sourceTime: at, position: "0/ABCDEF" as never };
    const refused = expect(writer.commit(beat, checkpoint)).rejects.toMatchObject({ code: "DB-RUN-011" });
    await commitWaits();
    const cut = proxy.cutAfterBytes(1, "to-client");
    await lab.sql("BACKUP STAGE END");
    await Promise.all([cut, refused]);
    expect((await writer.target.checkpoint()).position).toBe("0/ABCDEF");
  });

  test("is not asked for when the connection breaks before it: the batch is simply done again", async () => {
    const transaction = await writer.begin();
    await transaction.write([writer.change({ upserts: [row("1", "An")] })]);
    proxy.cutAll();
    await expect(transaction.write([writer.change({ upserts: [row("2", "Bình")] })])).rejects.toMatchObject({ code: "DB-MY-015" });
    await transaction.rollback();
    await writer.apply([{ upserts: [row("1", "An")] }]);
    await exact(1);
  });
});
