// What is done on a real server, and what the stream must say of it. The bytes are in pgoutput/<major>.json, written by
// capture-pgoutput.ts; the expectations here are written by hand, from the SQL, never from our own decoder's output.
//
// One line an event. `table` precedes the first change after each new description: a star marks identity columns.
// Row images: `-` not sent, `~` unchanged, `null` NULL, else the text in JSON quotes.

export interface Scenario {
  readonly name: string;
  /** Tables and types, made before the slot. */
  readonly setup: readonly string[];
  /** One statement each, in one session. */
  readonly sql: readonly string[];
  /** First letters of the messages on the wire. */
  readonly wire: string;
  readonly expected: readonly string[];
  readonly publication?: string;
  /** pgoutput options beside the protocol version and the publication. */
  readonly options?: Readonly<Record<string, string>>;
  readonly majorMin?: number;
  /** A query whose rows, as an ordinary session gets them, the inserted rows must equal. */
  readonly selected?: string;
}

/** Longer than a page allows inline, and stored as it is. */
const longText = "đ".repeat(1100);
const otherLongText = "ư".repeat(1100);

const citizen = "CREATE TABLE public.citizen (id int PRIMARY KEY, name text, note text)";

export const rowScenarios: readonly Scenario[] = [
  {
    name: "insert, update and delete with a primary key",
    setup: [citizen],
    sql: [
      "INSERT INTO public.citizen VALUES (1, 'Nguyễn Văn A', NULL), (2, '', 'null')",
      "UPDATE public.citizen SET note = 'đã đổi' WHERE id = 1",
      "DELETE FROM public.citizen WHERE id = 2",
    ],
    wire: "BRIIC BUC BDC",
    expected: [
      "begin",
      "table public.citizen v1 default (id* 23:-1, name 25:-1, note 25:-1)",
      'insert public.citizen ("1", "Nguyễn Văn A", null)',
      'insert public.citizen ("2", "", "null")',
      "commit",
      "begin",
      'update public.citizen ("1", "Nguyễn Văn A", "đã đổi")',
      "commit",
      "begin",
      'delete public.citizen before ("2", -, -)',
      "commit",
    ],
  },
  {
    name: "a change of the key carries the old key",
    setup: [citizen],
    sql: ["INSERT INTO public.citizen VALUES (1, 'a', 'b')", "UPDATE public.citizen SET id = 7, note = NULL"],
    wire: "BRIC BUC",
    expected: [
      "begin",
      "table public.citizen v1 default (id* 23:-1, name 25:-1, note 25:-1)",
      'insert public.citizen ("1", "a", "b")',
      "commit",
      "begin",
      'update public.citizen before ("1", -, -) after ("7", "a", null)',
      "commit",
    ],
  },
  {
    name: "replica identity using an index",
    setup: [
      "CREATE TABLE public.place (id int PRIMARY KEY, code text NOT NULL, province text NOT NULL, name text)",
      "CREATE UNIQUE INDEX place_code ON public.place (province, code)",
      "ALTER TABLE public.place REPLICA IDENTITY USING INDEX place_code",
    ],
    sql: [
      "INSERT INTO public.place VALUES (1, 'c1', '79', 'Bến Thành')",
      "UPDATE public.place SET id = 2, name = 'Bến Nghé'",
      "UPDATE public.place SET province = '46'",
      "DELETE FROM public.place",
    ],
    wire: "BRIC BUC BUC BDC",
    expected: [
      "begin",
      "table public.place v1 index (id 23:-1, code* 25:-1, province* 25:-1, name 25:-1)",
      'insert public.place ("1", "c1", "79", "Bến Thành")',
      "commit",
      "begin",
      'update public.place ("2", "c1", "79", "Bến Nghé")',
      "commit",
      "begin",
      'update public.place before (-, "c1", "79", -) after ("2", "c1", "46", "Bến Nghé")',
      "commit",
      "begin",
      'delete public.place before (-, "c1", "46", -)',
      "commit",
    ],
  },
  {
    name: "replica identity full carries the whole old row, NULL included",
    setup: ["CREATE TABLE public.plain (a int, b text)", "ALTER TABLE public.plain REPLICA IDENTITY FULL"],
    sql: ["INSERT INTO public.plain VALUES (1, NULL)", "UPDATE public.plain SET b = 'x'", "DELETE FROM public.plain"],
    wire: "BRIC BUC BDC",
    expected: [
      "begin",
      "table public.plain v1 full (a* 23:-1, b* 25:-1)",
      'insert public.plain ("1", null)',
      "commit",
      "begin",
      'update public.plain before ("1", null) after ("1", "x")',
      "commit",
      "begin",
      'delete public.plain before ("1", "x")',
      "commit",
    ],
  },
  {
    name: "replica identity nothing still inserts",
    setup: ["CREATE TABLE public.plain (a int PRIMARY KEY)", "ALTER TABLE public.plain REPLICA IDENTITY NOTHING"],
    sql: ["INSERT INTO public.plain VALUES (1)"],
    wire: "BRIC",
    expected: ["begin", "table public.plain v1 nothing (a 23:-1)", 'insert public.plain ("1")', "commit"],
  },
  {
    name: "an unchanged out-of-line value is not sent, with and without a change of the key",
    setup: [
      "CREATE TABLE public.file (id int PRIMARY KEY, body text, note text)",
      "ALTER TABLE public.file ALTER body SET STORAGE EXTERNAL",
    ],
    sql: [
      `INSERT INTO public.file VALUES (1, '${longText}', NULL)`,
      "UPDATE public.file SET note = 'n'",
      "UPDATE public.file SET id = 2",
      `UPDATE public.file SET body = '${otherLongText}'`,
      "UPDATE public.file SET body = NULL",
    ],
    wire: "BRIC BUC BUC BUC BUC",
    expected: [
      "begin",
      "table public.file v1 default (id* 23:-1, body 25:-1, note 25:-1)",
      `insert public.file ("1", "${longText}", null)`,
      "commit",
      "begin",
      'update public.file ("1", ~, "n")',
      "commit",
      "begin",
      'update public.file before ("1", -, -) after ("2", ~, "n")',
      "commit",
      "begin",
      `update public.file ("2", "${otherLongText}", "n")`,
      "commit",
      "begin",
      'update public.file ("2", null, "n")',
      "commit",
    ],
  },
  {
    name: "replica identity full sends the old out-of-line value and still not the new one",
    setup: [
      "CREATE TABLE public.file (id int, body text)",
      "ALTER TABLE public.file ALTER body SET STORAGE EXTERNAL",
      "ALTER TABLE public.file REPLICA IDENTITY FULL",
    ],
    sql: [`INSERT INTO public.file VALUES (1, '${longText}')`, "UPDATE public.file SET id = 2"],
    wire: "BRIC BUC",
    expected: [
      "begin",
      "table public.file v1 full (id* 23:-1, body* 25:-1)",
      `insert public.file ("1", "${longText}")`,
      "commit",
      "begin",
      `update public.file before ("1", "${longText}") after ("2", ~)`,
      "commit",
    ],
  },
  {
    name: "truncate of several tables, by cascade and with restarted sequences",
    setup: [
      "CREATE TABLE public.a (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY)",
      "CREATE TABLE public.b (id int PRIMARY KEY)",
      "CREATE TABLE public.c (id int PRIMARY KEY REFERENCES public.a)",
    ],
    sql: ["TRUNCATE public.a, public.b, public.c", "TRUNCATE public.a CASCADE", "TRUNCATE public.b RESTART IDENTITY"],
    // Truncation empties the server's caches: tables are described again, unchanged, which must not count as a new version.
    wire: "BRRRTC BRRTC BRTC",
    expected: [
      "begin",
      "table public.a v1 default (id* 23:-1)",
      "table public.b v1 default (id* 23:-1)",
      "table public.c v1 default (id* 23:-1)",
      "truncate public.a, public.b, public.c",
      "commit",
      "begin",
      "truncate public.a, public.c",
      "commit",
      "begin",
      "truncate public.b",
      "commit",
    ],
  },
  {
    name: "enum, domain and composite types are named before their table",
    setup: [
      "CREATE TYPE public.gender AS ENUM ('nam', 'nữ')",
      "CREATE DOMAIN public.personal_id AS text CHECK (length(VALUE) = 12)",
      "CREATE TYPE public.address AS (street text, no int)",
      "CREATE TABLE public.person (id public.personal_id PRIMARY KEY, gender public.gender, home public.address, at int[])",
    ],
    sql: [
      "INSERT INTO public.person VALUES ('079000000001', 'nữ', ROW('Lê Lợi, \"1\"', NULL), '[0:1]={7,NULL}')",
      "ALTER TYPE public.gender ADD VALUE 'khác'",
      "INSERT INTO public.person VALUES ('079000000002', 'khác', NULL, '{}')",
    ],
    wire: "BYYYRIC BIC",
    expected: [
      "begin",
      "table public.person v1 default (id* user:-1, gender user:-1, home user:-1, at 1007:-1)",
      'insert public.person ("079000000001", "nữ", "(\\"Lê Lợi, \\"\\"1\\"\\"\\",)", "[0:1]={7,NULL}")',
      "commit",
      "begin",
      'insert public.person ("079000000002", "khác", null, "{}")',
      "commit",
    ],
  },
  {
    name: "a transaction that was replicated to the source names its origin",
    setup: [citizen],
    sql: [
      "SELECT pg_replication_origin_create('elsewhere')",
      "SELECT pg_replication_origin_session_setup('elsewhere')",
      "BEGIN",
      "SELECT pg_replication_origin_xact_setup('0/1234', '2026-01-02T03:04:05Z')",
      "INSERT INTO public.citizen VALUES (1, 'a', 'b')",
      "COMMIT",
      "SELECT pg_replication_origin_session_reset()",
      "SELECT pg_replication_origin_drop('elsewhere')",
    ],
    wire: "BORIC",
    expected: [
      "begin",
      "table public.citizen v1 default (id* 23:-1, name 25:-1, note 25:-1)",
      'insert public.citizen ("1", "a", "b")',
      "commit",
    ],
  },
  {
    name: "logical messages come inside and outside of transactions and carry no row",
    setup: [citizen],
    sql: [
      "SELECT pg_logical_emit_message(false, 'alone', 'x')",
      "BEGIN",
      "INSERT INTO public.citizen VALUES (1, 'a', 'b')",
      "SELECT pg_logical_emit_message(true, 'inside', 'đ')",
      "INSERT INTO public.citizen VALUES (2, 'c', 'd')",
      "COMMIT",
      "SELECT pg_logical_emit_message(true, 'only', '')",
    ],
    options: { messages: "true" },
    wire: "M BRIMIC BMC",
    expected: [
      "begin",
      "table public.citizen v1 default (id* 23:-1, name 25:-1, note 25:-1)",
      'insert public.citizen ("1", "a", "b")',
      'insert public.citizen ("2", "c", "d")',
      "commit",
      "begin",
      "commit",
    ],
  },
];
