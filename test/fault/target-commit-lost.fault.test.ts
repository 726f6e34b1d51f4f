// The answer to a commit that never comes: the target's checkpoint tells whether it took place, and it never takes place twice.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { TableMapping } from "../../engine/model/share.ts";
import { row } from "../support/table-builders.ts";
import { nowMicros, subscriptionOf, TargetLab, Writer } from "../support/target-lab.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";

describe("a target's commit", () => {
  let lab: TargetLab;
  let proxy: TcpProxy;
  let table: TableMapping;
  let writer: Writer;

  beforeAll(async () => {
    lab = await TargetLab.open({ master: ["CREATE TABLE citizen (id int PRIMARY KEY, name text)"] });
    proxy = await TcpProxy.start({ host: "127.0.0.1", port: lab.server.port });
    [table] = (await lab.mappings({ schema: "public", name: "citizen" })) as [TableMapping];
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

  test("whose answer is cut off has taken place, and the checkpoint says so", async () => {
    const transaction = await writer.begin();
    await transaction.write([writer.change({ upserts: [row("1", "An")] })]);
    const cut = proxy.cutAfterBytes(1, "to-client");
    await expect(writer.commit(transaction)).rejects.toMatchObject({ code: "DB-RUN-011" });
    await cut;
    await transaction.rollback();
    expect((await writer.target.checkpoint()).nextBatch).toBeGreaterThan(transaction.batchId);
    await exact(1);
    const next = await writer.apply([{ upserts: [row("2", "Bình")] }]);
    expect(next.batchId).toBe(transaction.batchId + 1);
    await exact(2);
  });

  test("that never reached the server has not, and is done again", async () => {
    const transaction = await writer.begin();
    await transaction.write([writer.change({ upserts: [row("1", "An")] })]);
    const cut = proxy.cutAfterBytes(10, "to-server");
    await expect(writer.commit(transaction)).rejects.toMatchObject({ code: "DB-RUN-011" });
    await cut;
    expect((await writer.target.checkpoint()).nextBatch).toBe(transaction.batchId);
    await exact(0);
    await writer.apply([{ upserts: [row("1", "An")] }]);
    await exact(1);
  });

  test("that is still under way when the question is asked does not take place later", async () => {
    const transaction = await writer.begin();
    await transaction.write([writer.change({ upserts: [row("1", "An")] })]);
    // Another session holds the record, so the checkpoint statement waits on the server while its connection is cut.
    await lab.sql("BEGIN");
    await lab.sql("SELECT FROM dongbo.subscription FOR UPDATE");
    const commit = writer.commit(transaction);
    const refused = expect(commit).rejects.toMatchObject({ code: "DB-RUN-011" });
    await waitsForLock();
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
    void proxy.cutAfterBytes(1, "to-client");
    await expect(writer.commit(beat, { firstPosition: null, sourceTime: at, position: "0/ABCDEF" as never })).rejects.toMatchObject({
      code: "DB-RUN-011",
    });
    expect((await writer.target.checkpoint()).position).toBe("0/ABCDEF");
  });

  test("is not asked for when the connection breaks before it: the batch is simply done again", async () => {
    const transaction = await writer.begin();
    await transaction.write([writer.change({ upserts: [row("1", "An")] })]);
    proxy.cutAll();
    await expect(transaction.write([writer.change({ upserts: [row("2", "Bình")] })])).rejects.toMatchObject({ code: "DB-PG-015" });
    await transaction.rollback();
    await writer.apply([{ upserts: [row("1", "An")] }]);
    await exact(1);
  });

  async function waitsForLock(): Promise<void> {
    for (let tries = 0; tries < 400; tries += 1) {
      const [waiting] = await lab.sql(
        "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name LIKE 'dongbo apply%'",
      );
      if (waiting !== undefined) return;
    }
    throw new Error("the commit does not wait for the lock");
  }
});
