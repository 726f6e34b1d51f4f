// The table whose changes go through Kafka: synthetic people in the 34 provinces, inserted, updated and deleted in small transactions.
import type { EmbeddedPostgres } from "../../deploy/embedded/postgres-server.ts";
import { digestOf } from "./table-digest.ts";

export const table = "public.citizen";

export const columnNames = ["id", "full_name", "birth_date", "gender_code", "province_code", "address", "email", "version"] as const;

/** The same at the master and where the sink writes. */
export const createTable = `CREATE TABLE ${table} (
  id bigint PRIMARY KEY, full_name text NOT NULL, birth_date date NOT NULL, gender_code smallint NOT NULL,
  province_code text NOT NULL, address text, email text, version integer NOT NULL)`;

/** Codes of the provinces as of 2025-07-01. */
export const provinces: readonly string[] =
  "01 04 08 11 12 14 15 19 20 22 24 25 31 33 37 38 40 42 44 46 48 51 52 56 66 68 75 79 80 82 86 91 92 96".split(" ");

/** Of one transaction: four rows inserted, five updated, one deleted. */
export const eventsPerTransaction = 10;

/** At least so many events, in whole transactions. */
export function wholeTransactions(events: number): number {
  return Math.ceil(events / eventsPerTransaction) * eventsPerTransaction;
}

const provinceAt = (number: string): string => `(ARRAY['${provinces.join("', '")}'])[1 + ${number} % ${provinces.length}]`;
const hash = (number: string): string => `(hashint8extended(t, ${number}) & 9223372036854775807)`;

const insertFour = `
  INSERT INTO ${table}
  SELECT i, 'Nguyễn Văn ' || i, date '1940-01-01' + (i % 30000)::int, i % 2, ${provinceAt("i")},
    'Số ' || i % 300 || ', đường ' || i % 97, CASE WHEN i % 7 > 0 THEN 'person' || i || '@example.invalid' END, 0
  FROM generate_series(4 * t - 3, 4 * t) AS i`;

/** Any row of the past that is never deleted; one update in five moves the person to another province. */
const updateOne = `
  UPDATE ${table} SET address = 'Số mới ' || t, version = version + 1,
    province_code = CASE WHEN k = 5 THEN ${provinceAt(hash("6"))} ELSE province_code END
  WHERE id = 4 * (${hash("k")} % t) + 1 + k % 2`;

/** A row that was inserted when half as many transactions had been. */
const deleteOne = `DELETE FROM ${table} WHERE id = 4 * ((t + 1) / 2) - (t + 1) % 2`;

const createWorkload = `
  CREATE PROCEDURE public.change(transactions bigint) LANGUAGE plpgsql AS $$
  BEGIN
    FOR t IN 1 .. transactions LOOP
      ${insertFour};
      FOR k IN 1 .. 5 LOOP ${updateOne}; END LOOP;
      ${deleteOne};
      COMMIT;
    END LOOP;
  END $$`;

/** Makes the empty table in a database of its own. */
export async function createRegister(server: EmbeddedPostgres, database: string): Promise<void> {
  await server.query(`CREATE DATABASE ${database}`);
  await server.query(createTable, database);
  await server.query(createWorkload, database);
}

export async function changeRegister(server: EmbeddedPostgres, database: string, transactions: number): Promise<void> {
  await server.query(`CALL public.change(${transactions})`, database);
}

export type Content = Awaited<ReturnType<typeof digestOf>>;

/** What a table holds, or what it holds of some provinces. */
export function contentOf(url: string, of: string, within: readonly string[] | null = null): Promise<Content> {
  const part = within === null ? of : `(SELECT * FROM ${of} WHERE province_code IN ('${within.join("', '")}')) AS part`;
  return digestOf(url, part, columnNames);
}
