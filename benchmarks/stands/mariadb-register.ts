// The register on a MariaDB server, of the columns that both families hold alike, and the changes of its backlogs.
import type { EmbeddedMariaDb } from "../../deploy/embedded/mariadb-server.ts";
import { districtsPerProvince, provinceBorders } from "./provinces.ts";
import { commonColumns, stride } from "./register-sql.ts";

/** A number of [0, 1) that follows from a row's number. */
const chance = `(CRC32(CONCAT('dongbo', i)) / 4294967296)`;
const province = `CASE ${provinceBorders.map(({ code, upTo }) => `WHEN ${chance} < ${upTo} THEN '${code}'`).join(" ")} ELSE '96' END`;

/** SELECT list of the person with number `i`. */
const person = `i, LPAD(79000000000 + i, 12, '0'), CONCAT('Nguyễn Văn ', i), '1940-01-01' + INTERVAL (i % 30000) DAY, i % 2, ${province},
  CONCAT(${province}, i % ${districtsPerProvince}), CONCAT('Số ', i % 300, ', đường ', i % 97), CONCAT('person', i, '@example.invalid'),
  i % 100000, 0, CASE WHEN i % 7 = 0 THEN NULL ELSE CONCAT('ghi chú ', i % 1000) END`;

/** Makes the register with that many people, and whom dongbo reads as. */
export async function fillMariaDb(server: EmbeddedMariaDb, rows: number): Promise<void> {
  await server.query(
    "CREATE DATABASE register",
    "CREATE USER dongbo@127.0.0.1",
    "GRANT SELECT ON register.* TO dongbo@127.0.0.1",
    "GRANT REPLICATION SLAVE, REPLICATION SLAVE ADMIN, BINLOG MONITOR ON *.* TO dongbo@127.0.0.1",
    `CREATE TABLE register.citizen (
       id bigint PRIMARY KEY, personal_id varchar(12) NOT NULL, full_name varchar(80) NOT NULL, birth_date date NOT NULL,
       gender_code smallint NOT NULL, province_code varchar(2) NOT NULL, district_code varchar(3) NOT NULL, address varchar(200),
       email varchar(80), balance decimal(12,2) NOT NULL, version integer NOT NULL, note varchar(200)) ENGINE=InnoDB`,
    `INSERT INTO register.citizen SELECT ${person} FROM (SELECT seq AS i FROM register.seq_1_to_${rows}) AS n`,
    `CREATE PROCEDURE register.change_rows(from_tx BIGINT, to_tx BIGINT)
     BEGIN
       DECLARE t BIGINT DEFAULT from_tx;
       WHILE t <= to_tx DO
         START TRANSACTION;
         UPDATE register.citizen AS c JOIN (SELECT 1 + ((t * 7 + seq) * ${stride}) % ${rows} AS id FROM register.seq_1_to_7) AS n ON c.id = n.id
            SET c.balance = c.balance + 1, c.version = c.version + 1, c.address = CONCAT('Số mới ', t);
         INSERT INTO register.citizen SELECT ${person} FROM (SELECT ${rows} + t * 2 + seq AS i FROM register.seq_0_to_1) AS n;
         DELETE FROM register.citizen WHERE id = ${rows} + t;
         COMMIT;
         SET t = t + 1;
       END WHILE;
     END`,
    "ANALYZE TABLE register.citizen",
  );
}

/** Count and content in MariaDB's words: a sum over the rows of the first 60 bits of their MD5. */
export function mariaDbDigestSql(table: string): string {
  const row = commonColumns.map((column) => `COALESCE(${column}, '~')`).join(", ");
  return `SELECT CONCAT(COUNT(*), ' rows ', COALESCE(SUM(CAST(CONV(LEFT(MD5(CONCAT_WS('|', ${row})), 15), 16, 10) AS DECIMAL(20))), 0)) AS digest FROM ${table}`;
}

/** The same number in PostgreSQL's words. */
export function postgresDigestSql(table: string): string {
  const row = commonColumns.map((column) => `coalesce(${column}::text, '~')`).join(", ");
  return `SELECT count(*) || ' rows ' || coalesce(sum(('x' || left(md5(concat_ws('|', ${row})), 15))::bit(60)::bigint::numeric), 0) AS digest FROM ${table}`;
}
