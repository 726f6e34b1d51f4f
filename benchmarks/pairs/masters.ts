// The same synthetic register on a PostgreSQL and on a MariaDB master: same rows, same changes, one digest.
import { createHash } from "node:crypto";
import { createConnection } from "mysql2/promise";
import pg from "pg";
import type { EmbeddedMariaDb } from "../../deploy/embedded/mariadb-server.ts";
import type { EmbeddedPostgres } from "../../deploy/embedded/postgres-server.ts";

export type Family = "postgres" | "mysql";

/** Rows changed by one transaction of a backlog: three updated, one inserted, one deleted. */
export const changesPerTransaction = 5;

const columns = `
  id bigint PRIMARY KEY, full_name varchar(80) NOT NULL, birth_date date NOT NULL, gender_code smallint NOT NULL,
  province_code varchar(2) NOT NULL, district_code varchar(5) NOT NULL, address varchar(200), email varchar(80),
  balance decimal(12,2) NOT NULL, version integer NOT NULL, note varchar(200)`;

/** What the i-th person is like; `i` stands for the number, `cat` for the family's concatenation. */
const person = (i: string, cat: (...parts: string[]) => string, day: string): string =>
  [
    i,
    cat("'Nguyễn Văn '", i),
    day,
    `${i} % 2`,
    `CASE ${i} % 4 WHEN 0 THEN '01' WHEN 1 THEN '46' WHEN 2 THEN '48' ELSE '79' END`,
    `'00123'`,
    cat("'Số '", `${i} % 300`, "', đường '", `${i} % 97`),
    cat("'person'", i, "'@example.invalid'"),
    `${i} % 100000`,
    "0",
    `CASE WHEN ${i} % 7 = 0 THEN NULL ELSE 'ghi chú' END`,
  ].join(", ");

const postgresPerson = (i: string): string =>
  person(
    i,
    (...parts) => parts.map((part) => (part.startsWith("'") ? part : `(${part})::text`)).join(" || "),
    `date '1940-01-01' + (${i} % 30000)::int`,
  );
const mariaDbPerson = (i: string): string =>
  person(i, (...parts) => `CONCAT(${parts.join(", ")})`, `'1940-01-01' + INTERVAL (${i} % 30000) DAY`);

/** An update of a backlog must find its row wherever the backlog begins: multiplication spreads over all of them. */
const spread = (at: string, rows: number, by: number): string => `1 + (${at} * ${by}) % ${rows}`;

export async function fillPostgres(server: EmbeddedPostgres, rows: number): Promise<void> {
  await server.query("CREATE DATABASE register");
  await server.query("CREATE ROLE dongbo LOGIN REPLICATION");
  await server.query(`CREATE TABLE public.citizen (${columns})`, "register");
  await server.query("GRANT SELECT ON public.citizen TO dongbo", "register");
  await server.query(`INSERT INTO public.citizen SELECT ${postgresPerson("i")} FROM generate_series(1::bigint, ${rows}) AS i`, "register");
  await server.query(
    `CREATE PROCEDURE public.change(from_tx bigint, to_tx bigint) LANGUAGE plpgsql AS $$
     BEGIN
       FOR t IN from_tx .. to_tx LOOP
         UPDATE public.citizen SET balance = balance + 1, version = version + 1 WHERE id = ${spread("t::bigint", rows, 7919)};
         UPDATE public.citizen SET address = 'Số mới ' || t, version = version + 1 WHERE id = ${spread("t::bigint", rows, 104729)};
         UPDATE public.citizen SET note = 'đổi ' || t, version = version + 1 WHERE id = ${spread("t::bigint", rows, 15485863)};
         INSERT INTO public.citizen SELECT ${postgresPerson("i")} FROM (SELECT ${rows} + t AS i) AS one;
         DELETE FROM public.citizen WHERE id = ${rows} + t - 50;
         COMMIT;
       END LOOP;
     END $$`,
    "register",
  );
  await server.query("VACUUM ANALYZE public.citizen", "register");
}

export async function fillMariaDb(server: EmbeddedMariaDb, rows: number): Promise<void> {
  await server.query(
    "CREATE DATABASE register",
    "CREATE USER dongbo@127.0.0.1",
    "GRANT SELECT ON register.* TO dongbo@127.0.0.1",
    "GRANT REPLICATION SLAVE, REPLICATION SLAVE ADMIN, BINLOG MONITOR ON *.* TO dongbo@127.0.0.1",
    `CREATE TABLE register.citizen (${columns}) ENGINE=InnoDB`,
    `INSERT INTO register.citizen SELECT ${mariaDbPerson("seq")} FROM register.seq_1_to_${rows}`,
    `CREATE PROCEDURE register.change_rows(from_tx BIGINT, to_tx BIGINT)
     BEGIN
       DECLARE t BIGINT DEFAULT from_tx;
       WHILE t <= to_tx DO
         START TRANSACTION;
         UPDATE register.citizen SET balance = balance + 1, version = version + 1 WHERE id = ${spread("t", rows, 7919)};
         UPDATE register.citizen SET address = CONCAT('Số mới ', t), version = version + 1 WHERE id = ${spread("t", rows, 104729)};
         UPDATE register.citizen SET note = CONCAT('đổi ', t), version = version + 1 WHERE id = ${spread("t", rows, 15485863)};
         INSERT INTO register.citizen SELECT ${mariaDbPerson("i")} FROM (SELECT ${rows} + t AS i) AS one;
         DELETE FROM register.citizen WHERE id = ${rows} + t - 50;
         COMMIT;
         SET t = t + 1;
       END WHILE;
     END`,
    "ANALYZE TABLE register.citizen",
  );
}

const columnNames = "id full_name birth_date gender_code province_code district_code address email balance version note".split(" ");

/** Rows and a digest of a table's content, as its server prints it, the same form from both families. */
export async function digestOf(
  url: string,
  table: string,
  columns: readonly string[] = columnNames,
): Promise<{ readonly rows: number; readonly digest: string }> {
  const sql = `SELECT ${columns.join(", ")} FROM ${table} ORDER BY id`;
  const lines = url.startsWith("mysql:") ? await mariaDbLines(url, sql) : await postgresLines(url, sql);
  const hash = createHash("sha256");
  for (const line of lines) hash.update(JSON.stringify(line));
  return { rows: lines.length, digest: hash.digest("hex") };
}

async function postgresLines(connectionString: string, text: string): Promise<unknown[][]> {
  const client = new pg.Client({ connectionString, types: { getTypeParser: () => (value: string | Buffer) => value } });
  await client.connect();
  try {
    return (await client.query<unknown[]>({ text, rowMode: "array" })).rows;
  } finally {
    await client.end();
  }
}

async function mariaDbLines(uri: string, sql: string): Promise<unknown[][]> {
  const connection = await createConnection({ uri, charset: "utf8mb4", typeCast: (field) => field.string("utf8") });
  try {
    const [rows] = await connection.query({ sql, rowsAsArray: true });
    return rows as unknown[][];
  } finally {
    await connection.end();
  }
}
