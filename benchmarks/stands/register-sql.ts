// The synthetic register on a PostgreSQL server: citizens made there from a seed, and the changes that backlogs are made of.
import { districtsPerProvince, provinceBorders } from "./provinces.ts";

/** Another register altogether. Part of every figure's conditions, so it is fixed. */
const seed = 20_260_101;

/** What both families hold alike, and a copy across families is judged by; in order. */
export const commonColumns = [
  "id",
  "personal_id",
  "full_name",
  "birth_date",
  "gender_code",
  "province_code",
  "district_code",
  "address",
  "email",
  "balance",
  "version",
  "note",
] as const;

/** All columns, in order. */
export const citizenColumns = [...commonColumns, "changed_at", "portrait"] as const;

export const citizenDdl = `CREATE TABLE public.citizen (
  id bigint PRIMARY KEY, personal_id varchar(12) NOT NULL, full_name varchar(80) NOT NULL, birth_date date NOT NULL,
  gender_code smallint NOT NULL, province_code varchar(2) NOT NULL, district_code varchar(3) NOT NULL, address varchar(200),
  email varchar(80), balance numeric(12,2) NOT NULL, version integer NOT NULL, note varchar(200), changed_at timestamptz NOT NULL, portrait bytea)`;

/** A number of [0, 1) that follows from the seed, a row's number and what it is for. */
const chance = (purpose: number): string => `((hashint8extended(i, ${seed + purpose}) & 1073741823)::float8 / 1073741824)`;

const codes = provinceBorders.map(({ code }) => code);
/** Where each province begins. */
const borders = [0, ...provinceBorders.slice(0, -1).map(({ upTo }) => upTo)];
const province = `(ARRAY['${codes.join("','")}'])[width_bucket(${chance(1)}, ARRAY[${borders.join(",")}]::float8[])]`;

/** SELECT list of the person with number `i`. */
const person = `i, lpad((79000000000 + i)::text, 12, '0'),
  (ARRAY['Nguyễn','Trần','Lê','Phạm','Hoàng','Võ','Đặng'])[1 + (${chance(2)} * 7)::int % 7] || ' '
    || (ARRAY['Văn','Thị','Hữu','Ngọc'])[1 + (${chance(3)} * 4)::int % 4] || ' '
    || (ARRAY['An','Bình','Chi','Dũng','Hạnh','Khánh','Linh','Minh'])[1 + (${chance(4)} * 8)::int % 8] || ' ' || i,
  date '1940-01-01' + (${chance(5)} * 30000)::int, (i % 2)::smallint, p.code, p.code || floor(${chance(6)} * ${districtsPerProvince})::text,
  'Số ' || i % 300 || ', đường ' || i % 97, 'person' || i || '@example.invalid', (i % 100000)::numeric(12,2), 0,
  CASE WHEN i % 7 = 0 THEN NULL ELSE 'ghi chú ' || i % 1000 END, timestamptz '2026-01-01 00:00:00+07', NULL`;

/** Inserts the people with the numbers that the query gives as `i`. */
const insertPeople = (numbers: string): string =>
  `INSERT INTO public.citizen SELECT ${person} FROM (${numbers}) AS n(i) CROSS JOIN LATERAL (SELECT ${province} AS code) AS p`;

/** Statements that make the register with that many people. */
export function registerStatements(rows: number): string[] {
  return [
    citizenDdl,
    insertPeople(`SELECT generate_series(1::bigint, ${rows})`),
    // Filters ask for the province and the district, so the old image of a row must hold them; columns stay choosable, which FULL forbids.
    "CREATE UNIQUE INDEX citizen_identity ON public.citizen (id, province_code, district_code)",
    "ALTER TABLE public.citizen REPLICA IDENTITY USING INDEX citizen_identity",
    "CREATE SEQUENCE public.updated",
    `CREATE SEQUENCE public.inserted START ${rows + 1}`,
    `CREATE SEQUENCE public.deleted START ${rows + 1}`,
    changeProcedure(rows),
    hotProcedure(rows),
    steadyProcedure(rows),
    mergerProcedure(),
    "VACUUM (ANALYZE, FREEZE) public.citizen",
    "CHECKPOINT",
  ];
}

/** A prime that shares no factor with any number of rows, so that updates go all over the table and come back late. */
export const stride = 7_919;

/**
 * Transactions of `per_transaction` changes each: of ten rows seven are updated, two inserted, one deleted; `moves`: so many
 * of a thousand updates move the person to another province.
 */
const changeProcedure = (rows: number): string => `
  CREATE PROCEDURE public.change(transactions bigint, per_transaction int, moves int) LANGUAGE plpgsql AS $$
  DECLARE tenth int := per_transaction / 10;
  BEGIN
    FOR t IN 1 .. transactions LOOP
      UPDATE public.citizen AS c
         SET address = 'Số mới ' || n.at, balance = balance + 1, version = version + 1, changed_at = clock_timestamp(),
             province_code = CASE WHEN n.at % 1000 < moves THEN n.code ELSE province_code END,
             district_code = CASE WHEN n.at % 1000 < moves THEN n.code || '0' ELSE district_code END
        FROM (SELECT i AS at, 1 + (i * ${stride}) % ${rows} AS id, ${province} AS code
                FROM (SELECT nextval('public.updated') AS i FROM generate_series(1, 7 * tenth)) AS s) AS n
       WHERE c.id = n.id;
      ${insertPeople("SELECT nextval('public.inserted') FROM generate_series(1, 2 * tenth)")};
      DELETE FROM public.citizen WHERE id = ANY (ARRAY(SELECT nextval('public.deleted') FROM generate_series(1, tenth)));
      COMMIT;
    END LOOP;
  END $$`;

/** People whose rows are changed over and over. */
const hotRows = 100;

const hotProcedure = (rows: number): string => `
  CREATE PROCEDURE public.change_hot(transactions bigint, per_transaction int) LANGUAGE plpgsql AS $$
  BEGIN
    FOR t IN 1 .. transactions LOOP
      UPDATE public.citizen SET balance = balance + 1, version = version + 1, changed_at = clock_timestamp()
       WHERE id = ANY (ARRAY(SELECT 1 + (nextval('public.updated') % ${hotRows}) * ${Math.floor(rows / hotRows)}
                               FROM generate_series(1, per_transaction)));
      COMMIT;
    END LOOP;
  END $$`;

/** Transactions at a fixed rate that update `per_transaction` rows each and leave balances alone; late ones follow at once. */
const steadyProcedure = (rows: number): string => `
  CREATE PROCEDURE public.change_steadily(transactions bigint, per_transaction int, seconds float8) LANGUAGE plpgsql AS $$
  DECLARE
    begun timestamptz := clock_timestamp();
    early float8;
  BEGIN
    FOR t IN 0 .. transactions - 1 LOOP
      early := seconds * t / transactions - extract(epoch FROM clock_timestamp() - begun);
      IF early > 0 THEN PERFORM pg_sleep(early); END IF;
      UPDATE public.citizen SET version = version + 1, changed_at = clock_timestamp()
       WHERE id = ANY (ARRAY(SELECT 1 + (nextval('public.updated') * ${stride}) % ${rows} FROM generate_series(1, per_transaction)));
      COMMIT;
    END LOOP;
  END $$`;

/** Every person goes to the next province of the list, in transactions of so many. */
const mergerProcedure = (): string => `
  CREATE PROCEDURE public.move_everyone(transactions bigint, per_transaction bigint) LANGUAGE plpgsql AS $$
  DECLARE codes text[] := ARRAY['${codes.join("','")}'];
  BEGIN
    FOR t IN 0 .. transactions - 1 LOOP
      UPDATE public.citizen AS c
         SET province_code = n.code, district_code = n.code || right(c.district_code, 1), version = version + 1
        FROM (SELECT p.id, codes[1 + array_position(codes, p.province_code::text) % cardinality(codes)] AS code
                FROM public.citizen AS p WHERE p.id BETWEEN t * per_transaction + 1 AND (t + 1) * per_transaction) AS n
       WHERE c.id = n.id;
      COMMIT;
    END LOOP;
  END $$`;

/**
 * Count and content of the rows that a condition selects, by the server itself: two sums of independent 64-bit hashes over the
 * rows' text, so neither order nor size matters.
 */
export function digestSql(table: string, columns: readonly string[], condition = "true"): string {
  // An instant's text depends on the session's time zone.
  const row = `ROW(${columns.map((name) => (name === "changed_at" ? "extract(epoch FROM changed_at)" : name)).join(", ")})::text`;
  return `SELECT count(*) || ' rows ' || coalesce(sum(hashtextextended(${row}, 0)::numeric), 0) || ' '
    || coalesce(sum(hashtextextended(${row}, 1)::numeric), 0) AS digest FROM ${table} WHERE ${condition}`;
}
