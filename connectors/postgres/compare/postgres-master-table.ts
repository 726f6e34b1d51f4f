// A table of a PostgreSQL master as one side of a comparison. Writes nothing, locks nothing beyond what every SELECT does.
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
  QuickHash,
  RowDigest,
} from "../../../engine/ports/compared-table.ts";
import { type AnswerRow, asked, type KeyedValue, toColumnDigests, toGroups, toKey, toRowDigest, toValues } from "../../compared-answers.ts";
import { keyBatches, masterSide } from "../../compared-side.ts";
import { endOfLastRecord, formatLsn, parseLsn } from "../lsn.ts";
import { filterSql, readEndOfLog } from "../snapshot/read-sql.ts";
import { byKeys, CompareSession, inKeyOrder, type OpenCompare, readAtOnce, waysOf } from "./compare-session.ts";
import { borderSql, columnsSql, digestSql, findSql, listSql, valuesSql } from "./compared-rows.ts";
import { keyOrderOf } from "./key-order.ts";
import { markLog, showsMark } from "./log-mark.ts";

export interface PostgresMasterTableOptions {
  readonly address: ServerAddress;
  readonly copy: ComparedCopy;
  /** Limit of one statement; two minutes when left out. */
  readonly statementTimeoutMs?: number;
}

const readSnapshot = "SELECT pg_current_snapshot()";
const readClock = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::int8";

export class PostgresMasterTable implements MasterTable {
  readonly versioned = true;
  readonly estimatedRows: number;
  readonly #keyLength: number;
  readonly #session: CompareSession;

  constructor({ address, copy, statementTimeoutMs = 120_000 }: PostgresMasterTableOptions) {
    const { table } = copy;
    this.estimatedRows = table.catalog.estimatedRows;
    this.#keyLength = table.key.length;
    const subject = printTable(table.source);
    this.#session = new CompareSession({ address, subject, statementTimeoutMs, side: async () => masterSide(copy) });
  }

  get quickHash(): QuickHash {
    return this.#session.quickHash;
  }

  keyOrder(): Promise<string | null> {
    return this.#session.use(({ client, side }) => keyOrderOf(client, side));
  }

  border(range: KeyRange, rows: number): Promise<CanonicalKey | null> {
    return this.#session.use(async (open) => {
      const [found = []] = await readAtOnce(open.client, inKeyOrder, [borderSql(open, range, rows)]);
      return found[0] === undefined ? null : toKey(found[0], this.#keyLength);
    });
  }

  mark(): Promise<LogMark> {
    return this.#session.use(({ client }) => markLog(client));
  }

  digest(range: KeyRange, groups: number): Promise<MasterReading<readonly GroupDigest[]>> {
    return this.#read(waysOf(range), (open) => [digestSql(open, range, groups)], toGroups);
  }

  list(range: KeyRange, choice: GroupChoice): Promise<MasterReading<readonly RowDigest[]>> {
    const parse = (rows: readonly AnswerRow[]): RowDigest[] => rows.map((row) => toRowDigest(row, this.#keyLength));
    return this.#read(waysOf(range), (open) => (choice.wanted.length === 0 ? [] : [listSql(open, range, choice)]), parse);
  }

  find(keys: readonly CanonicalKey[]): Promise<MasterReading<readonly MasterRow[]>> {
    const parse = (rows: readonly AnswerRow[]): MasterRow[] => {
      const found = rows.map((row) => {
        const [version, untouched, passes] = row.slice(this.#keyLength + 1);
        return { ...toRowDigest(row, this.#keyLength), version: version ?? "", untouched: untouched === "t", passes: passes === "t" };
      });
      return asked(found, keys);
    };
    return this.#read(byKeys, (open) => keyBatches(keys).map((batch) => findSql(open, batch, rowFacts(open))), parse);
  }

  columns(keys: readonly CanonicalKey[]): Promise<MasterReading<readonly ColumnDigests[]>> {
    const parse = (rows: readonly AnswerRow[]): ColumnDigests[] => toColumnDigests(rows, keys);
    return this.#read(byKeys, (open) => keyBatches(keys).map((batch) => columnsSql(open, batch)), parse);
  }

  values(keys: readonly CanonicalKey[], column: number): Promise<readonly KeyedValue[]> {
    return this.#session.use(async (open) => {
      const selects = keyBatches(keys).map((batch) => valuesSql(open, batch, column));
      return toValues((await readAtOnce(open.client, byKeys, selects)).flat(), keys);
    });
  }

  close(): Promise<void> {
    return this.#session.close();
  }

  /** Rows of all these SELECTs as of one instant, and, asked for after them, how far the log had come. */
  #read<T>(
    ways: readonly string[],
    selects: (open: OpenCompare) => string[],
    parse: (rows: readonly AnswerRow[]) => T,
  ): Promise<MasterReading<T>> {
    return this.#session.use(async (open) => {
      const answers = await readAtOnce(open.client, ways, [readSnapshot, ...selects(open), readEndOfLog, readClock]);
      const snapshot = answers.at(0)?.[0]?.[0] ?? "";
      const end = answers.at(-2)?.[0]?.[0] ?? "";
      return {
        answer: parse(answers.slice(1, -2).flat()),
        position: formatLsn(endOfLastRecord(parseLsn(end))),
        at: Number(answers.at(-1)?.[0]?.[0]),
        shows: showsMark(snapshot),
      };
    });
  }
}

/** What is read of a master's row beside its values. A role with rights to single columns needs one to each of these too. */
export const systemColumns = ["tableoid", "ctid", "xmin", "xmax"] as const;

/** xmax is set as soon as anybody has changed, deleted or locked this version of the row. */
function rowFacts({ side }: OpenCompare): Readonly<Record<string, string>> {
  return {
    version: "concat(tableoid, ' ', ctid, ' ', xmin)",
    untouched: "(xmax = 0)",
    passes: `coalesce(${filterSql(side.table, side.filter)}, false)`,
  };
}
