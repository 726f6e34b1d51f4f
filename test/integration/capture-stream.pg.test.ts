// The stream of a real server: what the wire, the server's shutdown and other databases do to it.
import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { pause, waitUntil } from "../support/wait-until.ts";
import { CaptureLab } from "../support/capture-lab.ts";
import { runSql } from "../support/cluster.ts";
import { serverAddress } from "../support/server-address.ts";
import { certificates, serveTls } from "../support/server-tls.ts";

test("an idle source with busy neighbours confirms its position and lets the log go (reliability 32)", async () => {
  await using lab = await CaptureLab.start();
  await lab.sql("CREATE DATABASE neighbour");
  const source = lab.source();
  const reader = await lab.open(source, await source.reserve());
  await runSql(lab.server.url("neighbour"), "CREATE TABLE busy AS SELECT repeat('x', 1000) FROM generate_series(1, 20000)");
  const { position: end } = await source.endOfLog();
  const before = (await source.reservation())?.retainedBytes ?? 0;
  await waitUntil(
    async () => {
      reader.stream.requestProgress();
      return source.positions.covers((await reader.progress()).position, end);
    },
    { describe: "the stream to pass the neighbour's log" },
  );
  reader.stream.acknowledge(end);
  await waitUntil(async () => (await source.reservation())?.position === end, { describe: "the slot to advance" });
  // restart_lsn follows with a running-transactions record, which a checkpoint writes.
  await waitUntil(
    async () => {
      await lab.sql("CHECKPOINT");
      reader.stream.requestProgress();
      reader.stream.acknowledge((await reader.progress()).position);
      return ((await source.reservation())?.retainedBytes ?? 0) < before / 4;
    },
    { describe: "the log to be let go" },
  );
});

test("at the start of a log page an idle server still confirms the end of its log", async () => {
  await using lab = await CaptureLab.start();
  const source = lab.source();
  const reader = await lab.open(source, await source.reserve());
  const insertLsn = "SELECT pg_current_wal_insert_lsn() AS lsn, (pg_current_wal_insert_lsn() - '0/0') % 8192 AS in_page";
  await waitUntil(
    async () => {
      const [before] = await lab.sql("SELECT pg_switch_wal()", insertLsn);
      expect(Number(before?.["in_page"])).toBeLessThanOrEqual(40);
      const { position } = await source.endOfLog();
      for (;;) {
        reader.stream.requestProgress();
        const progress = await reader.progress();
        const [now] = await lab.sql(insertLsn);
        // Whatever the server writes by itself meanwhile would help it over the page's header: then it was not idle.
        if (now?.["lsn"] !== before?.["lsn"]) return false;
        if (source.positions.covers(progress.position, position)) return true;
      }
    },
    { describe: "an idle server to confirm the end of its log", deadlineMs: 60_000 },
  );
});

describe.each([15, 18] as const)("PostgreSQL %i shutting down", (major) => {
  test("waits for the last acknowledgement and gets it", async () => {
    await using lab = await CaptureLab.start({ major });
    const source = lab.source();
    const reader = await lab.open(source, await source.reserve());
    await lab.change(1);
    await reader.transactions(2);
    const consumed = (async () => {
      for (;;) {
        await reader.take();
        const last = reader.messages.at(-1);
        if (last?.tag === "progress") reader.stream.acknowledge(last.position);
      }
    })();
    const failed = expect(consumed).rejects.toMatchObject({
      code: "DB-PG-009",
      explanation: expect.not.stringContaining("has waited") as string,
    });
    const stopped = lab.server.stop("fast");
    // The server waits meanwhile.
    await pause(500);
    const last = reader.commits().at(-1)?.position;
    if (last === undefined) throw new Error("a transaction was read");
    reader.stream.acknowledge(last);
    await failed;
    await stopped;
    await lab.server.restart();
    const again = await lab.open(source, last);
    await lab.change(2);
    expect(await again.transactions(2)).toEqual([["insert 2 x"], ["delete 2"]]);
  });

  test("is let go after a few seconds when the last acknowledgement cannot be given, and nothing is confirmed", async () => {
    await using lab = await CaptureLab.start({ major });
    const source = lab.source();
    const from = await source.reserve();
    const reader = await lab.open(source, from);
    await lab.change(1);
    await reader.transactions(2);
    const ended = reader.untilEnd();
    const failed = expect(ended).rejects.toMatchObject({ code: "DB-PG-009" });
    await lab.server.stop("fast");
    await failed;
    await lab.server.restart();
    expect((await source.reservation())?.position).toBe(from);
    const again = await lab.open(source, from);
    expect(await again.transactions(2)).toEqual([["insert 1 x"], ["delete 1"]]);
  });

  test("is let go also while the consumer holds up the stream, once another session was told", async () => {
    await using lab = await CaptureLab.start({ major });
    const source = lab.source();
    const from = await source.reserve();
    await lab.sql("INSERT INTO public.item SELECT n, repeat(md5(n::text), 200) FROM generate_series(1, 4000) n");
    const reader = await lab.open(source, from);
    await reader.take();
    const heartbeat = setInterval(() => void source.endOfLog().catch(() => {}), 200);
    try {
      await lab.server.stop("fast");
    } finally {
      clearInterval(heartbeat);
    }
    await expect(reader.untilEnd()).rejects.toMatchObject({ code: expect.stringMatching(/^DB-PG-0(09|15)$/) as string });
  });
});

test("a row of 50 MB comes whole", async () => {
  await using lab = await CaptureLab.start({ settings: { logical_decoding_work_mem: "64MB" } });
  const source = lab.source();
  const reader = await lab.open(source, await source.reserve());
  const [row] = await lab.sql(
    "INSERT INTO public.item SELECT 1, string_agg(md5(n::text), '') FROM generate_series(1, 1600000) n",
    "SELECT md5(text) AS digest, octet_length(text) AS bytes FROM public.item",
  );
  await lab.sql("UPDATE public.item SET id = 2");
  await reader.transactions(2);
  const insert = reader.messages.find((message) => message.tag === "insert");
  const text = insert?.tag === "insert" ? insert.after?.[1] : null;
  if (!(text instanceof Buffer)) throw new Error("the text is a value");
  expect(text.length).toBe(Number(row?.["bytes"]));
  expect(createHash("md5").update(text).digest("hex")).toBe(row?.["digest"]);
});

test("the session that asks for the end of the log survives a restart of the server between two questions", async () => {
  await using lab = await CaptureLab.start();
  const source = lab.source();
  const before = await source.endOfLog();
  await lab.server.stop("fast");
  await expect(source.endOfLog()).rejects.toMatchObject({ code: expect.stringMatching(/^DB-PG-0(01|15)$/) as string });
  await lab.server.restart();
  const after = await source.endOfLog();
  expect(after.at).toBeGreaterThan(before.at);
});

test("the stream works over TLS as it does without, held up and resumed, acknowledged and closed", async () => {
  await using lab = await CaptureLab.start({ settings: { wal_sender_timeout: "2s" } });
  await serveTls(lab.server, "good");
  const tls = { mode: "verify-full", rootCertificate: `${certificates}/ca.pem`, certificate: null, key: null } as const;
  const address = { ...serverAddress(lab.server.url("postgres", "dongbo_source")), port: lab.proxy.port, tls };
  const source = lab.source({ address });
  const reader = await lab.open(source, await source.reserve());
  for (let round = 0; round < 40; round++) {
    await lab.sql(`INSERT INTO public.item SELECT ${round * 100} + n, repeat(md5(n::text), 300) FROM generate_series(1, 100) n`);
  }
  await reader.take();
  const [row] = await lab.sql("SELECT pg_sleep(5)", "SELECT ssl::text FROM pg_stat_ssl JOIN pg_stat_replication USING (pid)");
  expect(row).toEqual({ ssl: "true" });
  const transactions = await reader.transactions(40);
  expect(transactions.flat()).toHaveLength(4000);
  const last = reader.commits().at(-1)?.position;
  if (last === undefined) throw new Error("transactions were read");
  reader.stream.acknowledge(last);
  await reader.stream.close();
  expect((await source.reservation())?.position).toBe(last);
});

test("a prepared transaction comes when it is committed and not when it is prepared or rolled back (reliability 35)", async () => {
  await using lab = await CaptureLab.start({ settings: { max_prepared_transactions: 4 } });
  const source = lab.source();
  const reader = await lab.open(source, await source.reserve());
  for (const id of [1, 2]) await lab.sql("BEGIN", `INSERT INTO public.item VALUES (${id}, 'prepared')`, `PREPARE TRANSACTION 'p${id}'`);
  await lab.sql("INSERT INTO public.item VALUES (3, 'x')");
  await lab.sql("ROLLBACK PREPARED 'p1'");
  await lab.sql("COMMIT PREPARED 'p2'");
  await lab.sql("INSERT INTO public.item VALUES (4, 'x')");
  expect(await reader.transactions(3)).toEqual([["insert 3 x"], ["insert 2 prepared"], ["insert 4 x"]]);
});

test("a name of a publication is quoted, whatever it holds", async () => {
  await using lab = await CaptureLab.start();
  const publication = `Dữ "liệu", o'x\\`;
  await lab.sql(`CREATE PUBLICATION "${publication.replaceAll('"', '""')}" FOR TABLE public.item`);
  const source = lab.source({ publication });
  const reader = await lab.open(source, await source.reserve());
  await lab.change(1);
  expect(await reader.transactions(2)).toEqual([["insert 1 x"], ["delete 1"]]);
});

test("logical messages and transactions of other tables pass without a trace", async () => {
  await using lab = await CaptureLab.start();
  const source = lab.source();
  const reader = await lab.open(source, await source.reserve());
  await lab.sql(
    "SELECT pg_logical_emit_message(true, 'x', 'y'), pg_logical_emit_message(false, 'x', 'y')",
    "CREATE TABLE public.other AS SELECT 1",
  );
  await lab.change(1);
  await reader.transactions(2);
  const tags = reader.messages.map((message) => message.tag).filter((tag) => tag !== "progress");
  expect(tags).toEqual(["begin", "insert", "commit", "begin", "delete", "commit"]);
});
