// QUERY events: a statement with the state of its session (MySQL Internals, "Query_event" and "Query_event status variables";
// MariaDB's own variables from 128 on, sql/log_event.h).
import { decompress } from "./binlog-event.ts";
import { ByteReader } from "./byte-reader.ts";
import { textDecoding } from "./charset.ts";
import { charsetOfCollation } from "./collations.ts";
import type { Statement } from "./statement-effect.ts";
import { ValueMemory } from "./value-memory.ts";

/** Bits of sql_mode. */
const sqlMode = { ansiQuotes: 1 << 2, noBackslash: 1 << 20, strictTables: 1 << 21, strictAll: 1 << 22 } as const;

/** Further bytes before the statement: of EXECUTE_LOAD_QUERY, which names a file's blocks. */
const loadBytes = 13;

export interface QueryForm {
  readonly compressed: boolean;
  /** EXECUTE_LOAD_QUERY. */
  readonly load: boolean;
}

export function readQuery(body: Buffer, form: QueryForm): Statement {
  const reader = new ByteReader(body);
  reader.skip(8);
  const databaseBytes = reader.uint8();
  reader.skip(2);
  const variableBytes = reader.uint16();
  if (form.load) reader.skip(loadBytes);
  const session = readSession(new ByteReader(reader.slice(variableBytes)));
  const database = reader.text(databaseBytes);
  reader.skip(1);
  const rest = reader.slice(reader.remaining);
  const charset = session.collation === null ? "utf8mb4" : (charsetOfCollation(session.collation) ?? "utf8mb4");
  const decode = textDecoding(charset === "binary" ? "utf8mb4" : charset);
  const sql = decode(form.compressed ? decompress(rest) : rest, new ValueMemory()).toString("utf8");
  return {
    sql,
    database,
    quoting: { ansiQuotes: (session.mode & sqlMode.ansiQuotes) !== 0, noBackslash: (session.mode & sqlMode.noBackslash) !== 0 },
    strict: (session.mode & (sqlMode.strictTables | sqlMode.strictAll)) !== 0,
  };
}

interface Session {
  /** Lower 32 bits. */
  mode: number;
  /** The client's. */
  collation: number | null;
}

const variable = { flags: 0, sqlMode: 1, catalog: 2, autoIncrement: 3, charset: 4, timeZone: 5, catalogName: 6 } as const;

/** Variables come in the order of their numbers; those wanted are among the first, what follows is left unread. */
function readSession(reader: ByteReader): Session {
  const session: Session = { mode: 0, collation: null };
  while (reader.remaining > 0) {
    switch (reader.uint8()) {
      case variable.flags:
        reader.skip(4);
        break;
      case variable.sqlMode:
        session.mode = reader.uint32();
        reader.skip(4);
        break;
      case variable.catalog:
        reader.skip(reader.uint8() + 1);
        break;
      case variable.autoIncrement:
        reader.skip(4);
        break;
      case variable.timeZone:
      case variable.catalogName:
        reader.skip(reader.uint8());
        break;
      case variable.charset:
        session.collation = reader.uint16();
        return session;
      default:
        return session;
    }
  }
  return session;
}

export type TransactionWord = "begin" | "commit" | "rollback" | "inside" | "prepared";

/** What a statement says about its transaction; null: it is a statement like any other. `prepared`: an XA COMMIT. */
export function transactionWord(sql: string): TransactionWord | null {
  if (sql === "BEGIN" || sql === "COMMIT" || sql === "ROLLBACK") return sql.toLowerCase() as TransactionWord;
  const [, first, second] = /^\s*(\w+)\s*(\w*)/.exec(sql.slice(0, 100).toUpperCase()) ?? [];
  switch (first) {
    case "SAVEPOINT":
    case "RELEASE":
      return "inside";
    case "ROLLBACK":
      return "rollback";
    case "XA":
      if (second === "COMMIT") return "prepared";
      if (second === "ROLLBACK") return "commit";
      return second === "START" || second === "BEGIN" ? "begin" : "inside";
    default:
      return null;
  }
}
