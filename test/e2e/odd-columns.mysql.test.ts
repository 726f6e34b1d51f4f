// Columns of MariaDB that are not like others (reliability.md C2): generated, invisible, compressed, an ENUM's error value, keys
// that a collation takes for equal; by snapshot, insert, update and delete, in copies on both families.
import { expect, test } from "vitest";
import { PairStage } from "./pair-stage.ts";

const made = [
  `CREATE TABLE person (
     id int PRIMARY KEY,
     family varchar(40) NOT NULL,
     given varchar(40),
     full_name varchar(90) AS (CONCAT(family, ' ', COALESCE(given, ''))) VIRTUAL,
     letters int AS (CHAR_LENGTH(family)) PERSISTENT,
     hidden varchar(20) INVISIBLE DEFAULT 'ẩn',
     note text COMPRESSED,
     scan blob COMPRESSED,
     grade enum('A', 'B')
   )`,
  "CREATE TABLE word (spelling varchar(40) COLLATE utf8mb4_unicode_ci PRIMARY KEY, meaning varchar(40))",
];
const columns = ["id", "family", "given", "full_name", "letters", "hidden", "note", "scan", "grade"];
const forms = {
  id: "integer",
  family: "text",
  given: "text",
  full_name: "text",
  letters: "integer",
  hidden: "text",
  note: "text",
  scan: "bytes",
  grade: "text",
} as const;
const wordForms = { spelling: "text", meaning: "text" } as const;

const insert = (id: number, family: string) =>
  `INSERT INTO person (id, family, given, note, scan, grade) VALUES (${id}, '${family}', 'An', REPEAT('đ', 400), REPEAT(x'00ff', 300), 'A')`;

test("IN-01: generated, invisible and compressed columns, and keys that change their writing only", async () => {
  await using stage = await PairStage.create({
    master: "mysql",
    tables: [
      ...made,
      ...[1, 2, 3, 4].map((id) => insert(id, "Nguyễn")),
      "INSERT INTO person (id, family, hidden, note) VALUES (5, 'Lê', NULL, '')",
      "INSERT INTO word VALUES ('hoa', 'một'), ('sách', 'hai'), ('xoá', 'ba')",
    ],
    shares: {
      population: [
        { source: "national.person", target: "population.person", key: ["id"], columns },
        { source: "national.word", target: "population.word", key: ["spelling"], columns: Object.keys(wordForms) },
      ],
    },
    copies: [
      { target: "hcm", share: "population", connector: "mysql" },
      { target: "hue", share: "population" },
    ],
  });
  const equal = async () => {
    for (const target of ["hcm", "hue"]) {
      expect(await stage.differences(target, "person", "population.person", { key: ["id"], forms })).toEqual([]);
      expect(await stage.differences(target, "word", "population.word", { key: ["spelling"], forms: wordForms })).toEqual([]);
    }
  };
  await stage.catchUp();
  await equal();
  await stage.onMaster(
    insert(10, "Trần"),
    "UPDATE person SET family = 'Phạm' WHERE id = 1",
    "UPDATE person SET hidden = 'đổi', note = CONCAT(note, 'x') WHERE id = 2",
    "UPDATE person SET id = 33 WHERE id = 3",
    "DELETE FROM person WHERE id = 4",
    "UPDATE person SET hidden = 'có' WHERE id = 5",
    // One key under the collation, another writing: the copies' keys tell them apart.
    "UPDATE word SET spelling = 'HOA' WHERE spelling = 'hoa'",
    "DELETE FROM word WHERE spelling = 'SACH'",
    "INSERT INTO word VALUES ('SÁCH', 'bốn')",
    "REPLACE INTO word VALUES ('XOA', 'năm')",
    "INSERT INTO word VALUES ('hoà', 'sáu') ON DUPLICATE KEY UPDATE meaning = 'bảy'",
  );
  await stage.catchUp();
  await equal();
  const [ours] = (await stage.read("hue", "SELECT full_name, letters, hidden FROM population.person WHERE id = 1")) as object[];
  expect(ours).toEqual({ full_name: "Phạm An", letters: "4", hidden: "ẩn" });
  expect(await stage.read("hcm", "SELECT spelling, meaning FROM population.word WHERE meaning IN ('bảy', 'năm') ORDER BY 1")).toEqual([
    { spelling: "HOA", meaning: "bảy" },
    { spelling: "XOA", meaning: "năm" },
  ]);
});

test("an ENUM's error value is nothing to PostgreSQL's text, and never another label on MariaDB", async () => {
  await using stage = await PairStage.create({
    master: "mysql",
    tables: [
      "CREATE TABLE person (id int PRIMARY KEY, grade enum('A', 'B'))",
      // Without strict mode, as on old masters.
      "SET SESSION sql_mode = ''",
      "INSERT INTO person VALUES (1, 'A'), (2, 'sai'), (3, NULL)",
    ],
    shares: { population: [{ source: "national.person", target: "population.person", key: ["id"], columns: ["id", "grade"] }] },
    copies: [
      { target: "hcm", share: "population", connector: "mysql" },
      { target: "hue", share: "population" },
    ],
  });
  await stage.home.run(["run", "--until-caught-up"], 90_000);
  await stage.onMaster(
    "SET SESSION sql_mode = ''",
    "INSERT INTO person VALUES (4, 'sai'), (5, 'B')",
    "UPDATE person SET id = 20 WHERE id = 2",
  );
  await stage.home.run(["run", "--until-caught-up"], 90_000);
  expect(await stage.read("hue", "SELECT id, grade FROM population.person ORDER BY id")).toEqual([
    { id: "1", grade: "A" },
    { id: "3", grade: null },
    { id: "4", grade: "" },
    { id: "5", grade: "B" },
    { id: "20", grade: "" },
  ]);
  const onMariaDb = await stage.read("hcm", "SELECT id, grade FROM population.person WHERE id NOT IN (4, 20) ORDER BY id");
  expect(onMariaDb).toEqual([
    { id: "1", grade: "A" },
    { id: "3", grade: null },
    { id: "5", grade: "B" },
  ]);
  // In strict mode the server takes no error value: such rows are set aside.
  expect(await stage.read("hcm", "SELECT id, grade, grade + 0 AS place FROM population.person WHERE id IN (4, 20)")).toEqual([]);
  expect(await stage.status("population/hcm")).toMatchObject({ usable: true, rows_quarantined: 2 });
});
