// What a statement in the binary log does to what tables hold. Rows are logged as rows; a statement only stands there for what
// is none: DDL, and changes that a session has logged as statements. What is not understood is never passed over.
import type { TableName } from "../../../engine/model/table.ts";
import { type Quoting, tokenize } from "./statement-tokens.ts";
import { TokenReader } from "./token-reader.ts";

export type StatementEffect =
  | { readonly tag: "truncate"; readonly table: TableName }
  | { readonly tag: "replaced"; readonly table: TableName; readonly cause: string }
  /** It was dropped, or has the new name now. */
  | { readonly tag: "column lost"; readonly table: TableName; readonly column: string; readonly newName: string | null }
  /** Every table of the database is gone. */
  | { readonly tag: "dropped database"; readonly database: string };

export interface Statement {
  readonly sql: string;
  /** Default database of the session. */
  readonly database: string;
  readonly quoting: Quoting;
  /** The session's sql_mode refuses values that do not fit. */
  readonly strict: boolean;
}

/** In order; none for a statement that changes no table's contents. Null: it is not understood. */
export function statementEffects(statement: Statement): readonly StatementEffect[] | null {
  const tokens = tokenize(statement.sql, statement.quoting);
  return tokens === null ? null : readStatement(new TokenReader(tokens, statement.database), statement.strict);
}

const none: readonly StatementEffect[] = [];

/** Statements that concern accounts, routines and the like, or say nothing about data. */
const harmless = [
  "GRANT",
  "REVOKE",
  "FLUSH",
  "ANALYZE",
  "OPTIMIZE",
  "REPAIR",
  "CACHE",
  "INSTALL",
  "UNINSTALL",
  "SAVEPOINT",
  "RELEASE",
  "USE",
];

function readStatement(reader: TokenReader, strict: boolean): readonly StatementEffect[] | null {
  if (reader.atEnd || reader.take(...harmless) !== null) return none;
  switch (reader.word()) {
    case "SET":
      // SET STATEMENT max_statement_time = 1 FOR ALTER TABLE ...
      if (reader.take("STATEMENT") === null) return none;
      return reader.seek("FOR") === null ? null : readStatement(reader, strict);
    case "CREATE":
      return create(reader);
    case "DROP":
      return drop(reader);
    case "RENAME":
      return rename(reader);
    case "ALTER":
      return alter(reader, strict);
    case "TRUNCATE":
      reader.take("TABLE");
      return one(reader.table(), (table) => ({ tag: "truncate", table }));
    case "INSERT":
    case "REPLACE":
      return insert(reader);
    case "UPDATE":
      return update(reader);
    case "DELETE":
      return deleteRows(reader);
    case "LOAD":
      return reader.seek("INTO") === null || reader.take("TABLE") === null ? null : asStatement(reader.table());
    default:
      return null;
  }
}

function one(table: TableName | null, effect: (table: TableName) => StatementEffect): readonly StatementEffect[] | null {
  return table === null ? null : [effect(table)];
}

function asStatement(table: TableName | null): readonly StatementEffect[] | null {
  return one(table, (found) => ({
    tag: "replaced",
    table: found,
    cause: "rows were changed by a statement that is not logged row by row",
  }));
}

function create(reader: TokenReader): readonly StatementEffect[] | null {
  const replaces = reader.takeAll("OR", "REPLACE");
  if (reader.take("TEMPORARY") !== null) return none;
  const what = reader.word();
  if (what === null) return null;
  if (!replaces) return none;
  reader.takeAll("IF", "NOT", "EXISTS");
  if (what === "DATABASE" || what === "SCHEMA") return database(reader);
  if (what !== "TABLE") return none;
  return one(reader.table(), (table) => ({ tag: "replaced", table, cause: "the table was created again" }));
}

function database(reader: TokenReader): readonly StatementEffect[] | null {
  const name = reader.name();
  return name === null ? null : [{ tag: "dropped database", database: name }];
}

function drop(reader: TokenReader): readonly StatementEffect[] | null {
  if (reader.take("TEMPORARY") !== null) return none;
  const what = reader.word();
  if (what === null) return null;
  reader.takeAll("IF", "EXISTS");
  if (what === "DATABASE" || what === "SCHEMA") return database(reader);
  if (what !== "TABLE" && what !== "TABLES") return none;
  const effects: StatementEffect[] = [];
  do {
    const table = reader.table();
    if (table === null) return null;
    effects.push({ tag: "replaced", table, cause: "the table was dropped" });
  } while (reader.takeSign(","));
  return effects;
}

function skipWait(reader: TokenReader): void {
  if (reader.take("WAIT") !== null) reader.skip();
  else reader.take("NOWAIT");
}

function renamed(from: TableName, to: TableName): readonly StatementEffect[] {
  return [
    { tag: "replaced", table: from, cause: "the table was renamed" },
    { tag: "replaced", table: to, cause: "another table was given its name" },
  ];
}

function rename(reader: TokenReader): readonly StatementEffect[] | null {
  if (reader.take("USER") !== null) return none;
  if (reader.take("TABLE", "TABLES") === null) return null;
  reader.takeAll("IF", "EXISTS");
  const effects: StatementEffect[] = [];
  do {
    const from = reader.table();
    skipWait(reader);
    const to = reader.take("TO") === null ? null : reader.table();
    if (from === null || to === null) return null;
    effects.push(...renamed(from, to));
  } while (reader.takeSign(","));
  return effects;
}

function alter(reader: TokenReader, strict: boolean): readonly StatementEffect[] | null {
  reader.take("ONLINE");
  const ignores = reader.take("IGNORE") !== null;
  const what = reader.word();
  if (what === null) return null;
  if (what !== "TABLE") return none;
  reader.takeAll("IF", "EXISTS");
  const table = reader.table();
  if (table === null) return null;
  skipWait(reader);
  const cause = "rows were dropped by ALTER IGNORE";
  const effects: StatementEffect[] = ignores ? [{ tag: "replaced", table, cause }] : [];
  for (const part of reader.parts()) {
    const found = alteration(table, part, strict);
    if (found === null) return null;
    effects.push(...found);
  }
  return effects;
}

function alteration(table: TableName, part: TokenReader, strict: boolean): readonly StatementEffect[] | null {
  const replaced = (cause: string): StatementEffect => ({ tag: "replaced", table, cause });
  const withOther = (other: TableName | null, cause: string): readonly StatementEffect[] | null =>
    other === null ? null : [replaced(cause), { tag: "replaced", table: other, cause }];
  switch (part.word()) {
    case "RENAME": {
      if (part.take("COLUMN") !== null) return renamedColumn(table, part, "TO");
      if (part.take("INDEX", "KEY") !== null) return none;
      if (part.take("TO", "AS") === null) part.takeSign("=");
      const other = part.table();
      return other === null ? null : renamed(table, other);
    }
    case "EXCHANGE":
      return part.seek("TABLE") === null ? null : withOther(part.table(), "a partition was exchanged with another table");
    case "CONVERT":
      if (part.take("PARTITION") !== null) {
        return part.seek("TABLE") === null ? null : withOther(part.table(), "a partition was made a table of its own");
      }
      return part.take("TABLE") === null ? none : withOther(part.table(), "a table was made a partition");
    case "DROP":
      return part.take("PARTITION") === null ? dropped(table, part) : [replaced("a partition was dropped")];
    case "TRUNCATE":
      return [replaced("a partition was emptied")];
    case "DISCARD":
    case "IMPORT":
      return [replaced("its tablespace was discarded or imported")];
    case "MODIFY":
      return modified(part, strict, replaced);
    case "CHANGE": {
      part.take("COLUMN");
      const lost = renamedColumn(table, part, null);
      return lost === null ? null : [...lost, ...modified(part, strict, replaced)];
    }
    default:
      return none;
  }
}

function modified(part: TokenReader, strict: boolean, replaced: (cause: string) => StatementEffect): readonly StatementEffect[] {
  if (part.has("AS", "GENERATED")) return [replaced("a generated column was computed anew")];
  return !strict && part.has("NULL") && part.has("NOT") ? [replaced("a column was made NOT NULL outside strict mode")] : none;
}

/** Behind the words that say that a column is meant: its name and its new one, with a word between them or none. */
function renamedColumn(table: TableName, part: TokenReader, between: string | null): readonly StatementEffect[] | null {
  part.takeAll("IF", "EXISTS");
  const column = part.name();
  if (between !== null && part.take(between) === null) return null;
  const newName = part.name();
  if (column === null || newName === null) return null;
  return column.toLowerCase() === newName.toLowerCase() ? none : [{ tag: "column lost", table, column, newName }];
}

/** Behind DROP: a column, with or without the word, or something else that rows do not hold. */
function dropped(table: TableName, part: TokenReader): readonly StatementEffect[] | null {
  if (part.take("COLUMN") === null) {
    if (part.take("INDEX", "KEY", "PRIMARY", "FOREIGN", "CONSTRAINT", "CHECK") !== null) return none;
    if (part.takeAll("SYSTEM", "VERSIONING") || part.takeAll("PERIOD", "FOR")) return none;
  }
  part.takeAll("IF", "EXISTS");
  const column = part.name();
  return column === null ? null : [{ tag: "column lost", table, column, newName: null }];
}

function insert(reader: TokenReader): readonly StatementEffect[] | null {
  while (reader.take("LOW_PRIORITY", "DELAYED", "HIGH_PRIORITY", "IGNORE", "INTO") !== null);
  return asStatement(reader.table());
}

/** All tables named before SET: which of them are changed is not worth finding out. */
function update(reader: TokenReader): readonly StatementEffect[] | null {
  while (reader.take("LOW_PRIORITY", "IGNORE") !== null);
  return reader.takeSign("(") ? null : tableReferences(reader);
}

function deleteRows(reader: TokenReader): readonly StatementEffect[] | null {
  while (reader.take("LOW_PRIORITY", "QUICK", "IGNORE", "HISTORY") !== null);
  if (reader.take("FROM") === null && reader.seek("FROM") === null) return null;
  return reader.takeSign("(") ? null : tableReferences(reader);
}

function tableReferences(reader: TokenReader): readonly StatementEffect[] | null {
  const effects: StatementEffect[] = [];
  do {
    const found = asStatement(reader.table());
    if (found === null) return null;
    effects.push(...found);
  } while (reader.seekReference());
  return effects;
}
