// The session in which a copy is written: its settings, its round trips, its plans, and names of every kind.
import { connect, createServer, type Server } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { applyRole } from "../../connectors/postgres/apply/apply-session.ts";
import type { Position } from "../../engine/model/position.ts";
import { UNCHANGED } from "../../engine/model/row.ts";
import type { TableMapping } from "../../engine/model/share.ts";
import { row } from "../support/table-builders.ts";
import { key, nowMicros, start, subscriptionOf, TargetLab, Writer } from "../support/target-lab.ts";

describe.each([15, 18] as const)("the session of a copy on PostgreSQL %i", (major) => {
  let lab: TargetLab;
  let citizen: TableMapping;

  beforeAll(async () => {
    const wide = Array.from({ length: 1500 }, (_, index) => `"cột ${index}" text`);
    lab = await TargetLab.open({
      major,
      master: [
        "CREATE TABLE citizen (id int PRIMARY KEY, name text, note text)",
        'CREATE SCHEMA "Dân cư; DROP"',
        // 63 bytes in UTF-8, some of them in pairs; a quote, a backslash, a semicolon.
        `CREATE TABLE "Dân cư; DROP"."Bảng ""một"" \\ tên dài sáu mươi ba byte; --xxxxxxxxxxxxx" ("Mã số" text, "select" text, "Họ ""và"" tên" text, PRIMARY KEY ("Mã số", "select"))`,
        `CREATE TABLE wide (id int PRIMARY KEY, ${wide.join(", ")})`,
      ],
    });
    [citizen] = (await lab.mappings({ schema: "public", name: "citizen" })) as [TableMapping];
  });
  afterAll(async () => {
    await lab?.[Symbol.asyncDispose]();
  });

  /** The citizen table under another name, for a test of its own. */
  function own(name: string): TableMapping {
    return { ...citizen, target: { schema: "public", name }, physical: { schema: "public_copy", name } };
  }

  test("commits durably whatever the database's default, and tells what it is for", async () => {
    await lab.sql("ALTER DATABASE copies SET synchronous_commit = off");
    await lab.sql("ALTER DATABASE copies SET default_transaction_isolation = 'serializable'");
    await lab.sql("ALTER DATABASE copies SET statement_timeout = '1ms'");
    if (major >= 17) await lab.sql("ALTER DATABASE copies SET transaction_timeout = '1s'");
    const table = own("settings");
    const writer = await Writer.loaded(lab, subscriptionOf([table], { id: "settings/hcm" }));
    await lab.sql("ALTER DATABASE copies RESET ALL");
    await lab.sql("CREATE TABLE public.seen (setting text)");
    await lab.sql(`CREATE FUNCTION public.look() RETURNS trigger SECURITY DEFINER LANGUAGE plpgsql AS
      $$ BEGIN INSERT INTO public.seen VALUES (concat_ws(', ', current_setting('synchronous_commit'), current_setting('transaction_isolation'),
        nullif(current_setting('transaction_timeout', true), '0'))); RETURN NULL; END $$`);
    await lab.sql("CREATE TRIGGER look AFTER INSERT ON public_copy.settings EXECUTE FUNCTION public.look()");
    await writer.apply([{ table, upserts: [row("1", "An", null)] }]);
    expect(await lab.sql("SELECT setting FROM public.seen")).toEqual([{ setting: "on, read committed" }]);
    const transaction = await writer.begin();
    await transaction.write([writer.change({ table, deletes: [key("1")] })]);
    const [session] = await lab.sql("SELECT application_name, state FROM pg_stat_activity WHERE application_name LIKE 'dongbo apply%'");
    expect(session).toEqual({ application_name: "dongbo apply settings/hcm", state: "idle in transaction" });
    await transaction.rollback();
    await writer.target.close();
  });

  test("is the connection in which it was prepared and taken over: a target is asked for one backend at a start", async () => {
    const table = own("one_backend");
    const sessions =
      "SELECT pid, application_name FROM pg_stat_activity WHERE application_name LIKE 'dongbo %' AND pid <> pg_backend_pid()";
    const writer = await Writer.prepared(lab, subscriptionOf([table], { id: "one-backend/hcm" }));
    const [prepared, ...others] = await lab.sql(sessions);
    expect(others).toEqual([]);
    await (await writer.begin()).rollback();
    expect(await lab.sql(sessions)).toEqual([{ pid: prepared?.["pid"], application_name: "dongbo apply one-backend/hcm" }]);
    await writer.target.close();
  });

  test("of a frozen worker is ended when another takes over, and its locks with it", async () => {
    const table = own("frozen");
    const subscription = subscriptionOf([table], { id: "frozen/hcm" });
    const old = await Writer.loaded(lab, subscription);
    await old.apply([{ table, upserts: [row("1", "An", null)] }]);
    const open = await old.begin();
    await open.write([old.change({ table, upserts: [row("1", "khác", null)] })]);
    const next = await Writer.prepared(lab, subscription);
    await next.apply([{ table, upserts: [row("1", "mới", null)] }]);
    await expect(old.commit(open)).rejects.toMatchObject({ name: "ReplicationError" });
    await open.rollback();
    await expect(old.begin()).rejects.toMatchObject({ code: "DB-RUN-010" });
    expect(await lab.rows(table)).toEqual([["1", "mới", null]]);
    for (const writer of [old, next]) await writer.target.close();
  });

  test("finds that the target was set back, and does not go on from what it remembers (reliability 24)", async () => {
    const table = own("restored");
    const subscription = subscriptionOf([table], { id: "restored/hcm" });
    const writer = await Writer.loaded(lab, subscription);
    await writer.apply([{ table, upserts: [row("1", "An", null)] }], { position: "0/3000" as Position });
    await lab.sql("UPDATE dongbo.subscription SET position = '0/2000' WHERE id = 'restored/hcm'");
    await lab.sql("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'dongbo apply restored/hcm'");
    await expect(writer.begin().then((transaction) => writer.commit(transaction))).rejects.toMatchObject({ name: "ReplicationError" });
    await expect(writer.begin()).rejects.toMatchObject({ code: "DB-RUN-012", subject: "restored/hcm" });
    const state = await writer.target.takeEpoch();
    expect(state.checkpoint.position).toBe("0/2000");
    // A backup from before this worker came is of an older epoch, and no reason to believe that another has taken over.
    await lab.sql("UPDATE dongbo.subscription SET epoch = epoch - 1 WHERE id = 'restored/hcm'");
    await expect(writer.target.begin(state.checkpoint.epoch)).rejects.toMatchObject({ code: "DB-RUN-012" });
    await expect(writer.target.setSuspension(state.checkpoint.epoch, "breach")).rejects.toMatchObject({ code: "DB-RUN-012" });
    await lab.sql("UPDATE dongbo.subscription SET epoch = epoch + 1 WHERE id = 'restored/hcm'");
    writer.epoch = state.checkpoint.epoch;
    await writer.commit(await writer.begin(), { position: "0/4000" as Position });
    await writer.target.close();
  });

  test("needs one round trip for a heartbeat, and two for a batch", async () => {
    const counted = await countingRelay(lab.server.port);
    const table = own("trips");
    const url = lab.url.replace(`:${lab.server.port}/`, `:${counted.port}/`);
    const subscription = subscriptionOf([table], { id: "trips/hcm" });
    const writer = new Writer(lab.target(subscription, url), subscription);
    await writer.target.prepare(subscription);
    writer.epoch = (await writer.target.takeEpoch()).checkpoint.epoch;
    await writer.commit(await writer.begin(), { firstPosition: null });
    let before = counted.trips();
    await writer.commit(await writer.begin(), { firstPosition: null });
    expect(counted.trips() - before).toBe(1);
    before = counted.trips();
    await writer.apply([{ table, upserts: [row("1", "An", null)], deletes: [key("2")] }]);
    expect(counted.trips() - before).toBe(2);
    await writer.target.close();
    counted.server.close();
  });

  test("finds rows by index, however large the table", async () => {
    const table = own("indexed");
    const writer = await Writer.loaded(lab, subscriptionOf([table], { id: "indexed/hcm" }));
    const load = await writer.begin();
    await load.load(
      table,
      Array.from({ length: 30_000 }, (_, index) => row(String(index), "An", "x")),
    );
    await writer.commit(load);
    const scans = async (): Promise<unknown> =>
      lab.sql(
        "SELECT pg_stat_force_next_flush(), seq_scan FROM pg_stat_user_tables WHERE schemaname = 'public_copy' AND relname = 'indexed'",
      );
    const before = await scans();
    for (const size of [1, 50, 3000]) {
      const numbers = Array.from({ length: size }, (_, index) => String(index));
      await writer.apply([{ table, upserts: numbers.map((id) => row(id, "Bình", "y")) }]);
      await writer.apply([{ table, updates: numbers.map((id) => ({ key: key(id), row: row(id, "Chi", UNCHANGED) })) }]);
      await writer.apply([
        { table, updates: numbers.map((id) => ({ key: key(id), row: row(`${Number(id) + 100_000}`, "Chi", UNCHANGED) })) },
      ]);
      await writer.apply([{ table, deletes: numbers.map((id) => key(`${Number(id) + 100_000}`)) }]);
    }
    expect(await scans()).toEqual(before);
    await writer.target.close();
  });

  test("writes what a batch was: positions, times, counts, agreement", async () => {
    const table = own("provenance");
    const writer = await Writer.loaded(lab, subscriptionOf([table], { id: "provenance/hcm" }));
    const sourceTime = nowMicros();
    const { batchId } = await writer.apply([{ table, upserts: [row("1", "An", null), row("2", "Bình", null)], deletes: [key("9")] }], {
      sourceTime,
      transactions: 7,
      agreementId: "TT-08",
    });
    const [batch] = await lab.sql("SELECT * FROM dongbo.batch WHERE subscription = 'provenance/hcm' AND id = $1", [batchId]);
    expect(batch).toMatchObject({ kind: "stream", transactions: "7", rows_written: "2", rows_deleted: "0", agreement_id: "TT-08" });
    const [times] = await lab.sql(
      `SELECT extract(epoch FROM source_time_first) * 1000000 = ${start} AND extract(epoch FROM source_time_last) * 1000000 = ${sourceTime}
         AND first_position = last_position AS right FROM dongbo.batch WHERE subscription = 'provenance/hcm' AND id = $1`,
      [batchId],
    );
    expect(times).toEqual({ right: "t" });
    expect(await lab.sql("SELECT DISTINCT dongbo_batch FROM public_copy.provenance")).toEqual([{ dongbo_batch: String(batchId) }]);
    await writer.target.close();
  });

  test("writes tables and columns of any name", async () => {
    const [table] = await lab.mappings({ schema: "Dân cư; DROP", name: 'Bảng "một" \\ tên dài sáu mươi ba byte; --xxxxxxxxxxxxx' });
    expect(Buffer.byteLength(table!.target.name)).toBe(63);
    const writer = await Writer.loaded(lab, subscriptionOf([table!], { id: "Chia sẻ/hcm" }));
    await writer.apply([{ upserts: [row("1", "a", "Nguyễn"), row("1", "b", "Trần"), row("2", "a", null)] }]);
    await writer.apply([{ updates: [{ key: key("1", "b"), row: row("1", "c", UNCHANGED) }], deletes: [key("2", "a")] }]);
    await lab.sql(
      'ALTER TABLE "Dân cư; DROP_copy"."Bảng ""một"" \\ tên dài sáu mươi ba byte; --xxxxxxxxxxxxx" ADD CHECK ("select" <> \'z\')',
    );
    await writer.apply([{ upserts: [row("3", "z", "không"), row("3", "a", "được")] }]);
    expect(await lab.rows(table!)).toEqual([
      ["1", "a", "Nguyễn"],
      ["1", "c", "Trần"],
      ["3", "a", "được"],
    ]);
    expect(await writer.target.quarantined()).toEqual([{ table, key: key("3", "z") }]);
    await writer.target.close();
  });

  test("writes 1,500 columns", async () => {
    const [table] = await lab.mappings({ schema: "public", name: "wide" });
    const writer = await Writer.loaded(lab, subscriptionOf([table!], { id: "wide/hcm" }));
    const wide = (id: string): (string | null)[] => [
      id,
      ...Array.from({ length: 1500 }, (_, index) => (index % 7 === 0 ? null : `${id}.${index % 10}`)),
    ];
    await writer.apply([{ upserts: [row(...wide("1")), row(...wide("2"))] }]);
    const load = await writer.begin();
    await load.load(table!, [row(...wide("3"))]);
    await writer.commit(load);
    expect(await lab.rows(table!)).toEqual(["1", "2", "3"].map(wide));
    await writer.target.close();
  });

  test("does not open over a table whose column somebody has dropped: DB-TGT-018", async () => {
    const table = own("dropped");
    const writer = await Writer.loaded(lab, subscriptionOf([table], { id: "dropped/hcm" }));
    await writer.target.close();
    await lab.sql("ALTER TABLE public_copy.dropped DROP COLUMN note CASCADE");
    await expect(writer.begin()).rejects.toMatchObject({ code: "DB-TGT-018", subject: "public_copy.dropped" });
  });
});

test("names of sessions are different for different subscriptions, and fit the server's limit", () => {
  const ids = ["a/b", "a/c", `${"x".repeat(70)}/1`, `${"x".repeat(70)}/2`, "Dân cư/huế", "Dân cú/huế"];
  const names = ids.map(applyRole);
  expect(new Set(names).size).toBe(ids.length);
  for (const name of names) expect(name).toMatch(/^apply [\x20-\x7e]{1,50}$/);
  expect(names[0]).toBe("apply a/b");
});

interface Relay {
  readonly server: Server;
  readonly port: number;
  /** Sync and Query messages that clients have sent: each is waited for. */
  readonly trips: () => number;
}

/** Passes bytes through and counts what asks for an answer. */
function countingRelay(to: number): Promise<Relay> {
  let trips = 0;
  const server = createServer((client) => {
    const upstream = connect(to, "127.0.0.1");
    let rest = Buffer.alloc(0);
    let started = false;
    client.on("data", (data: Buffer) => {
      upstream.write(data);
      rest = Buffer.concat([rest, data]);
      for (;;) {
        const head = started ? 1 : 0;
        if (rest.length < head + 4) return;
        const length = head + rest.readInt32BE(head);
        if (rest.length < length) return;
        if (started && ["S", "Q"].includes(String.fromCharCode(rest[0]!))) trips += 1;
        started = true;
        rest = rest.subarray(length);
      }
    });
    upstream.pipe(client);
    for (const socket of [client, upstream]) socket.on("error", () => {});
    client.on("close", () => upstream.destroy());
  });
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      resolve({ server, port: typeof address === "object" && address !== null ? address.port : 0, trips: () => trips });
    });
  });
}
