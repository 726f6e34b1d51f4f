import type pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parsePgoutput } from "../../connectors/postgres/decode/pgoutput-parser.ts";
import { lsnOrder } from "../../connectors/postgres/lsn.ts";
import { connectPostgres } from "../../connectors/postgres/postgres-client.ts";
import { PostgresSnapshot, readSettings } from "../../connectors/postgres/snapshot/postgres-snapshot.ts";
import { copyPart } from "../../connectors/postgres/snapshot/read-sql.ts";
import { UnpublishedWriters } from "../../connectors/postgres/snapshot/unpublished-writers.ts";
import type { EmbeddedPostgres } from "../../deploy/embedded/postgres-server.ts";
import type { Position } from "../../engine/model/position.ts";
import type { CatalogTable } from "../../engine/model/table.ts";
import type { ChunkRequest } from "../../engine/ports/snapshot-source.ts";
import { typesScenario } from "../golden/pgoutput-types.ts";
import { positionOf } from "../support/chunk-position.ts";
import { runSql, startServer, textClient } from "../support/cluster.ts";
import { serverAddress } from "../support/server-address.ts";
import { waitUntil } from "../support/wait-until.ts";
import { readChunk, type ReadChunk } from "../support/read-chunk.ts";

describe.each([15, 18] as const)("snapshot reads of PostgreSQL %i", (major) => {
  let server: EmbeddedPostgres;
  let snapshot: PostgresSnapshot;

  beforeAll(async () => {
    server = await startServer(major, { wal_level: "logical", max_prepared_transactions: 5 });
    snapshot = new PostgresSnapshot({ address: serverAddress(server.url()), connections: 2, publication: null });
  });
  afterAll(async () => {
    await snapshot?.close();
    await server?.destroy();
  });

  const sql = (...statements: string[]): Promise<Record<string, string | null>[]> => runSql(server.url(), ...statements);

  async function table(name: string, from: PostgresSnapshot = snapshot): Promise<CatalogTable> {
    const [found] = await from.describe([{ schema: "public", name }]);
    if (found === undefined) throw new Error(`no table ${name}`);
    return found;
  }

  function read(found: CatalogTable, options: Partial<ChunkRequest> = {}, from: PostgresSnapshot = snapshot): Promise<ReadChunk> {
    const columns = found.columns.map((column) => column.name);
    const whole = {
      table: found,
      key: found.primaryKey,
      columns,
      filter: null,
      after: null,
      until: null,
      rowsMax: 10_000,
      bytesMax: 64_000_000,
    };
    return readChunk(from, { ...whole, ...options });
  }

  async function keys(found: CatalogTable, options: Partial<ChunkRequest> = {}): Promise<string[]> {
    return (await read(found, options)).rows.map((row) => String(row[0]));
  }

  /** Sessions of the snapshot on the server. */
  async function sessions(): Promise<string[]> {
    const rows = await sql("SELECT pid FROM pg_stat_activity WHERE application_name = 'dongbo snapshot' ORDER BY pid");
    return rows.map((row) => row["pid"] ?? "");
  }

  test("gives every value the text that the change stream gives it", async () => {
    await sql(
      ...typesScenario.setup,
      `CREATE TYPE mood AS ENUM ('vui', 'buồn, \\"lắm'); CREATE DOMAIN code AS char(4); CREATE TYPE pair AS (a int, "B b" text, c timestamptz);
       CREATE TYPE span AS RANGE (subtype = time); CREATE EXTENSION citext; CREATE EXTENSION hstore`,
      "CREATE TABLE own_type (id int PRIMARY KEY, m mood, ms mood[], d code, p pair, ps pair[], s span, c citext, h hstore, n text)",
      "CREATE PUBLICATION all_text FOR TABLE every_type, own_type",
    );
    await sql("SELECT pg_create_logical_replication_slot('text', 'pgoutput')");
    await sql(
      ...typesScenario.sql,
      `INSERT INTO own_type VALUES (1, 'buồn, \\"lắm', '{vui,NULL}', 'ab', ROW(1, E'x\\t"\\\\', now()), ARRAY[ROW(NULL, '', NULL)::pair], '[08:00,09:00)', 'ÁÂ', 'a=>NULL,"b c"=>"\\\\"', NULL),
         (2, NULL, '{}', '', ROW(NULL, NULL, NULL), '{}', 'empty', '', '', '')`,
    );
    const streamed = await streamedRows(server.url());
    for (const name of ["every_type", "own_type"]) {
      const found = await table(name);
      const { rows } = await read(found);
      expect(rows.length).toBeGreaterThan(1);
      expect(rows.map((row) => row.map((value) => (value === null ? null : String(value))))).toEqual(streamed.get(name));
    }
  });

  test.each([
    ["bit(5)", ["B'00000'", "B'10101'", "B'11111'"]],
    ["varbit", ["B''", "B'1'", "B'1010'"]],
    ["interval", ["'-178000000 years'", "'0'", "'1 year -1 day 0.000001 s'"]],
    ["money", ["'-92233720368547758.08'", "'0'", "'1234.5'"]],
    ["inet", ["'10.0.0.1'", "'192.168.0.1/24'", "'::1'"]],
    ["char(5)", ["''", "'ab'", "'Đ'"]],
    ['"char"', ["''", "'c'"]],
    ["name", ["''", "'Đường'", "'pg'"]],
    ["bytea", ["''", "'\\x00ff5c'", "'\\xff'"]],
    ["double precision", ["'-Infinity'", "0.1", "5e-324", "'NaN'"]],
    ["numeric", ["'-Infinity'", "0.0001", "1e40", "'NaN'"]],
    ["date", ["'-infinity'", "'0044-03-15 BC'", "'2026-01-01'", "'infinity'"]],
    ["timestamptz", ["'-infinity'", "'1900-01-01 00:00:00 Asia/Ho_Chi_Minh'", "'2026-01-01 00:00:00.000001'"]],
    ["boolean", ["false", "true"]],
    ["oid", ["0", "4294967295"]],
    ["pg_lsn", ["'0/0'", "'16/B374D848'"]],
    ["tier", ["'cao'", "'thấp'"]],
    ["short", ["'a'", "'abc'"]],
    ["int4range", ["'empty'", "'[1,5)'", "'(,)'"]],
  ])("pages through keys of type %s", async (type, values) => {
    await sql(
      "DROP TABLE IF EXISTS typed_key; DROP TYPE IF EXISTS tier; CREATE TYPE tier AS ENUM ('thấp', 'vừa', 'cao'); DROP DOMAIN IF EXISTS short; CREATE DOMAIN short AS varchar(3) CHECK (VALUE <> 'zzz')",
      `CREATE TABLE typed_key (k ${type} PRIMARY KEY, v int)`,
      `INSERT INTO typed_key VALUES ${values.map((value) => `(${value}, 1)`).join(", ")}`,
    );
    const expected = (await sql("SELECT k FROM typed_key ORDER BY k")).map((row) => row["k"]);
    const found = await table("typed_key");
    const seen: string[] = [];
    let after: ReadChunk["lastKey"] = null;
    for (let complete = false; !complete;) {
      const chunk = await read(found, { after, rowsMax: 1 });
      seen.push(...chunk.rows.map((row) => String(row[0])));
      ({ complete } = chunk);
      after = chunk.lastKey ?? after;
    }
    expect(seen).toEqual(expected);
    const byKey = await snapshot.readRows({
      table: found,
      key: ["k"],
      columns: ["k"],
      filter: null,
      keys: seen.map((key) => [Buffer.from(key)]),
    });
    expect(byKey.rows.map(String).toSorted()).toEqual(expected.map(String).toSorted());
  });

  test("finds its place in the key's index without sorting, at any depth of any key", async () => {
    await sql(
      `CREATE TABLE indexed (a text COLLATE "vi-x-icu", b int, c uuid, province text, fill text, PRIMARY KEY (a, b, c));
       INSERT INTO indexed SELECT 'Nguyễn ' || i % 100, i % 1000, gen_random_uuid(), lpad((i % 34)::text, 2, '0'), repeat('x', 100) FROM generate_series(1, 60000) i; ANALYZE indexed`,
    );
    const found = await table("indexed");
    const part = { table: found, key: found.primaryKey, filter: null, until: indexedKey("Nguyễn 91", "5") };
    const session = await connectPostgres(serverAddress(server.url()), { role: "test", settings: readSettings });
    try {
      for (const after of [null, indexedKey("Nguyễn 13", "500"), indexedKey("Nguyễn 90", "999")]) {
        const copy = copyPart({ ...part, after }, ["a", "fill"], 2000);
        const { rows } = await session.query<Record<string, string>>(copy.replace(/^COPY \((.*)\) TO STDOUT .*/s, "EXPLAIN $1"));
        const plan = rows.map((row) => row["QUERY PLAN"]).join("\n");
        expect(plan).toContain("Index Scan using indexed_pkey");
        expect(plan).not.toMatch(/Sort|Seq Scan|Bitmap/);
        expect(plan).toMatch(/Index Cond: .*ROW\(a, b, c\) <= ROW/);
      }
    } finally {
      await session.end();
    }
  });

  test("knows which transactions it has seen and lies before its own position", async () => {
    await sql("CREATE TABLE seen (id int PRIMARY KEY)");
    const found = await table("seen");
    const writer = textClient(server.url());
    await writer.connect();
    try {
      const xid = async (): Promise<string> => String((await writer.query<{ x: string }>("SELECT pg_current_xact_id() AS x")).rows[0]?.x);
      await writer.query("BEGIN; INSERT INTO seen VALUES (1)");
      const open = await xid();
      const before = await read(found);
      await writer.query("COMMIT; BEGIN; INSERT INTO seen VALUES (2)");
      const later = await xid();
      const after = await read(found);
      await writer.query("COMMIT");
      const [end] = await sql("SELECT pg_current_wal_insert_lsn() AS lsn");
      expect(before.rows).toEqual([]);
      expect([before.visibility.sees(open), before.visibility.sees(later)]).toEqual([false, false]);
      expect(after.rows.map(String)).toEqual(["1"]);
      expect([after.visibility.sees(open), after.visibility.sees(later)]).toEqual([true, false]);
      expect(lsnOrder.covers(positionOf(after), positionOf(before))).toBe(true);
      expect(lsnOrder.covers(end?.["lsn"] as Position, positionOf(after))).toBe(true);
      const now = Date.now() * 1000;
      expect(after.startedAt).toBeGreaterThan(now - 60e6);
      expect(after.startedAt).toBeLessThanOrEqual(now + 1e6);
    } finally {
      await writer.end();
    }
  });

  test("fails when row security would hide rows, and never reads fewer", async () => {
    await sql(
      "CREATE ROLE limited LOGIN",
      "CREATE TABLE hidden (id int PRIMARY KEY); INSERT INTO hidden VALUES (1); GRANT SELECT ON hidden TO limited; ALTER TABLE hidden ENABLE ROW LEVEL SECURITY",
    );
    const limited = new PostgresSnapshot({ address: serverAddress(server.url("postgres", "limited")), connections: 1, publication: null });
    try {
      const found = await table("hidden", limited);
      expect(found.rowSecurityApplies).toBe(true);
      await expect(read(found, {}, limited)).rejects.toMatchObject({ code: "DB-PG-003" });
    } finally {
      await limited.close();
    }
  });

  test("reads a parent without its children, and a partitioned table with all its partitions", async () => {
    await sql(
      `CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE child () INHERITS (parent); INSERT INTO parent VALUES (1); INSERT INTO child VALUES (2);
       CREATE TABLE parted (id int PRIMARY KEY) PARTITION BY RANGE (id); CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (10);
       CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM (10) TO (20); INSERT INTO parted VALUES (5), (15)`,
    );
    expect(await keys(await table("parent"))).toEqual(["1"]);
    expect(await keys(await table("parted"))).toEqual(["5", "15"]);
    expect(await keys(await table("parted_2"))).toEqual(["15"]);
    expect(await snapshot.countRows({ schema: "public", name: "parent" }, null)).toBe(1);
    const byKey = await snapshot.readRows({
      table: await table("parent"),
      key: ["id"],
      columns: ["id"],
      filter: null,
      keys: [[Buffer.from("1")], [Buffer.from("2")]],
    });
    expect(byKey.rows.map(String)).toEqual(["1"]);
  });

  test("takes no lock that stands in the way of writers, index builds or VACUUM, and cannot write", async () => {
    await sql("CREATE TABLE calm (id int PRIMARY KEY); INSERT INTO calm VALUES (1)");
    const found = await table("calm");
    const other = textClient(server.url());
    await other.connect();
    try {
      await other.query("BEGIN; LOCK TABLE calm IN EXCLUSIVE MODE");
      expect(await keys(found)).toEqual(["1"]);
    } finally {
      await other.end();
    }
    const [setting] = await sql(
      "SELECT count(*) AS n FROM pg_stat_activity WHERE application_name = 'dongbo snapshot' AND state <> 'idle'",
    );
    expect(setting).toEqual({ n: "0" });
  });

  test("keeps to its sessions and uses them again", async () => {
    await sql("CREATE TABLE many (id int PRIMARY KEY); INSERT INTO many SELECT generate_series(1, 1000)");
    const found = await table("many");
    await Promise.all(Array.from({ length: 20 }, () => read(found)));
    const first = await sessions();
    expect(first).toHaveLength(2);
    await Promise.all(Array.from({ length: 20 }, () => read(found, { rowsMax: 10 })));
    expect(await sessions()).toEqual(first);
  });

  test("replaces sessions that the server has ended", async () => {
    await sql("CREATE TABLE survived (id int PRIMARY KEY); INSERT INTO survived VALUES (1)");
    const found = await table("survived");
    await sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'dongbo snapshot'");
    await waitUntil(async () => (await sessions()).length === 0, { describe: "the sessions to end" });
    expect(await keys(found)).toEqual(["1"]);
  });

  test("lets go of the server at once when giant rows are more than was asked for", async () => {
    await sql(
      "CREATE TABLE giants (id int PRIMARY KEY, t text); INSERT INTO giants SELECT i, 's' FROM generate_series(1, 500) i; ANALYZE giants",
    );
    const found = await table("giants");
    await sql("INSERT INTO giants SELECT i, repeat(md5(i::text), 60000) FROM generate_series(501, 700) i");
    const chunk = await read(found, { bytesMax: 1_000_000, rowsMax: 700 });
    expect(chunk.rows).toHaveLength(501);
    expect(chunk).toMatchObject({ complete: false });
    expect(chunk.lastKey?.map(String)).toEqual(["501"]);
    expect(chunk.position).toMatch(/^[0-9A-F]+\/[0-9A-F]+$/);
    await waitUntil(
      async () =>
        (await sql("SELECT count(*) AS n FROM pg_stat_activity WHERE application_name = 'dongbo snapshot' AND state <> 'idle'"))[0]?.[
          "n"
        ] === "0",
      {
        describe: "the abandoned read to end",
      },
    );
    expect((await read(found, { after: chunk.lastKey, bytesMax: 1_000_000 })).rows).toHaveLength(1);
  });

  describe("a table that has just been published", () => {
    let writer: pg.Client;
    let published: PostgresSnapshot;
    beforeAll(async () => {
      await sql(
        "CREATE PUBLICATION fresh",
        "CREATE TABLE fresh_table (id int NOT NULL, part int, PRIMARY KEY (id, part)) PARTITION BY LIST (part); CREATE TABLE fresh_part PARTITION OF fresh_table DEFAULT; CREATE TABLE other_table (id int)",
      );
      published = new PostgresSnapshot({ address: serverAddress(server.url()), connections: 2, publication: "fresh" });
      writer = textClient(server.url());
      await writer.connect();
    });
    afterAll(async () => {
      await writer?.end();
      await published?.close();
    });

    test("is read only when transactions that wrote to it before have ended, so that none of them is lost", async () => {
      await writer.query("BEGIN; INSERT INTO fresh_table VALUES (1, 1)");
      const [xid] = (await writer.query<{ x: string }>("SELECT pg_current_xact_id() AS x")).rows;
      await sql("ALTER PUBLICATION fresh ADD TABLE fresh_table");
      const found = await table("fresh_table");
      let done = false;
      const reading = read(found, {}, published).finally(() => {
        done = true;
      });
      await waitUntil(async () => (await sessions()).length > 0, { describe: "the reading to have begun" });
      await sql("SELECT pg_sleep(0.3)");
      expect(done).toBe(false);
      await writer.query("COMMIT");
      const chunk = await reading;
      expect(chunk.rows.map(String)).toEqual(["1,1"]);
      expect(chunk.visibility.sees(xid?.x ?? "")).toBe(true);
    });

    test("is read at once afterwards, whoever writes, until the publication changes again", async () => {
      const found = await table("fresh_table");
      await writer.query("BEGIN; INSERT INTO fresh_table VALUES (2, 1)");
      expect((await read(found, {}, published)).rows).toHaveLength(1);
      await sql("ALTER PUBLICATION fresh SET (publish_via_partition_root = true)");
      const reading = read(found, {}, published);
      await writer.query("COMMIT");
      expect((await reading).rows).toHaveLength(2);
    });

    test("names the table when such a transaction does not end, a prepared one too", async () => {
      await writer.query("BEGIN; INSERT INTO fresh_part VALUES (3, 1); PREPARE TRANSACTION 'forgotten'");
      const session = await connectPostgres(serverAddress(server.url()), { role: "test" });
      try {
        const writers = new UnpublishedWriters(200);
        const found = await table("fresh_table");
        await expect(writers.wait(session, found, "v1")).rejects.toMatchObject({ code: "DB-PG-033", subject: "public.fresh_table" });
        expect(writers.isSettled(found, "v1")).toBe(false);
        await writer.query("BEGIN; INSERT INTO fresh_table VALUES (4, 1)");
        await sql("COMMIT PREPARED 'forgotten'");
        // The transaction that began since is none of those waited for.
        await writers.wait(session, found, "v1");
        expect([writers.isSettled(found, "v1"), writers.isSettled(found, "v2")]).toEqual([true, false]);
        await writer.query("COMMIT");
      } finally {
        await session.end();
      }
    });
  });
});

function indexedKey(a: string, b: string): Buffer[] {
  return [a, b, "7f000000-0000-0000-0000-000000000000"].map((part) => Buffer.from(part));
}

/** Rows of each table as pgoutput prints them, from a slot made before they were written. */
async function streamedRows(url: string): Promise<Map<string, (string | null)[][]>> {
  const session = await connectPostgres(serverAddress(url), { role: "test" });
  try {
    const { rows } = await session.query<{ data: string }>(
      "SELECT data FROM pg_logical_slot_peek_binary_changes('text', NULL, NULL, 'proto_version', '1', 'publication_names', 'all_text')",
    );
    const names = new Map<number, string>();
    const tables = new Map<string, (string | null)[][]>();
    for (const { data } of rows) {
      const message = parsePgoutput(Buffer.from(data.slice(2), "hex"));
      if (message.tag === "relation") names.set(message.id, message.name);
      if (message.tag !== "insert") continue;
      const name = names.get(message.relationId) ?? "";
      const values = message.after.values.map((value) => (value === null ? null : String(value)));
      tables.set(name, [...(tables.get(name) ?? []), values]);
    }
    return tables;
  } finally {
    await session.end();
  }
}
