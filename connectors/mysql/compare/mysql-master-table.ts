// A table of a MySQL or MariaDB master as one side of a comparison. Writes nothing and locks no rows.
import type { ComparedCopy } from "../../../engine/model/canonical-form.ts";
import type { ServerAddress } from "../../../engine/model/server-address.ts";
import { printTable } from "../../../engine/model/table.ts";
import type {
  CanonicalKey,
  ColumnDigests,
  GroupChoice,
  GroupDigest,
  KeyRange,
  LogMark,
  MasterReading,
  MasterRow,
  MasterTable,
  RowDigest,
} from "../../../engine/ports/compared-table.ts";
import { asked, type KeyedValue, toColumnDigests, toKey, toRowDigest, toValues } from "../../compared-answers.ts";
import { keyBatches, masterSide } from "../../compared-side.ts";
import { predicateSql } from "../predicate-sql.ts";
import { SettledSnapshots } from "../settled-snapshot.ts";
import { beginRead, endOfLog } from "../snapshot/begin-read.ts";
import { CompareSession, type OpenCompare, rowsOf } from "./compare-session.ts";
import { borderSql, columnsSql, findSql, valuesSql } from "./compared-rows.ts";
import { readGroups, readList, requireDigests } from "./hashed-rows.ts";
import { keyOrderOf } from "./key-order.ts";
import { markLog, showsMark } from "./log-mark.ts";

export interface MysqlMasterTableOptions {
  readonly address: ServerAddress;
  readonly copy: ComparedCopy;
  /** Limit of one statement; two minutes when left out. */
  readonly statementTimeoutMs?: number;
}

/** SYSDATE is the time itself, not that of the statement. */
const readClock = "SELECT CAST(UNIX_TIMESTAMP(SYSDATE(6)) * 1000000 AS SIGNED) AS at";

export class MysqlMasterTable implements MasterTable {
  readonly versioned = false;
  readonly quickHash = null;
  readonly estimatedRows: number;
  readonly #keyLength: number;
  readonly #session: CompareSession;
  readonly #settled = new SettledSnapshots();

  constructor({ address, copy, statementTimeoutMs = 120_000 }: MysqlMasterTableOptions) {
    const { table } = copy;
    this.estimatedRows = table.catalog.estimatedRows;
    this.#keyLength = table.key.length;
    const subject = printTable(table.source);
    this.#session = new CompareSession({ address, subject, statementTimeoutMs, side: async () => masterSide(copy) });
  }

  keyOrder(): Promise<string | null> {
    return this.#session.use(async (open) => keyOrderOf(open, open.session));
  }

  border(range: KeyRange, rows: number): Promise<CanonicalKey | null> {
    return this.#session.use(async (open) => {
      const [found] = await rowsOf(open.session, borderSql(open, range, rows));
      return found === undefined ? null : toKey(found, this.#keyLength);
    });
  }

  mark(): Promise<LogMark> {
    return this.#session.use(({ session }) => markLog(session));
  }

  digest(range: KeyRange, groups: number): Promise<MasterReading<readonly GroupDigest[]>> {
    return this.#read((open) => readGroups(open, range, groups));
  }

  list(range: KeyRange, choice: GroupChoice): Promise<MasterReading<readonly RowDigest[]>> {
    return this.#read((open) => readList(open, range, choice));
  }

  find(keys: readonly CanonicalKey[]): Promise<MasterReading<readonly MasterRow[]>> {
    return this.#read(async (open) => {
      const { table, filter } = open.side;
      const extras = { passes: `COALESCE(${predicateSql(filter, table.columns)}, FALSE)` };
      const found: MasterRow[] = [];
      for (const batch of keyBatches(keys)) {
        for (const row of await rowsOf(open.session, findSql(open, batch, extras))) {
          const passes = row[this.#keyLength + 1] === "1";
          found.push({ ...toRowDigest(row, this.#keyLength), version: "", untouched: false, passes });
        }
      }
      return asked(requireDigests(open, found), keys);
    });
  }

  columns(keys: readonly CanonicalKey[]): Promise<MasterReading<readonly ColumnDigests[]>> {
    return this.#read(async (open) => {
      const found: ColumnDigests[] = [];
      for (const batch of keyBatches(keys)) found.push(...toColumnDigests(await rowsOf(open.session, columnsSql(open, batch)), batch));
      return found;
    });
  }

  values(keys: readonly CanonicalKey[], column: number): Promise<readonly KeyedValue[]> {
    return this.#session.use(async (open) => {
      const found: KeyedValue[] = [];
      for (const batch of keyBatches(keys)) found.push(...toValues(await rowsOf(open.session, valuesSql(open, batch, column)), batch));
      return found;
    });
  }

  close(): Promise<void> {
    return this.#session.close();
  }

  /** Everything that `work` reads is of one instant, whose place in the log is known. */
  #read<T>(work: (open: OpenCompare) => Promise<T>): Promise<MasterReading<T>> {
    return this.#session.use(async (open) => {
      const begun = await beginRead(open.session, this.#settled);
      const answer = await work(open);
      const position = begun.position ?? (await endOfLog(open.session));
      await open.session.query("COMMIT");
      const at = Number((await open.session.query(readClock))[0]?.["at"]);
      return { answer, position, at, shows: showsMark(begun.shown) };
    });
  }
}
