// A copy on a PostgreSQL server as one side of a comparison: its physical table, and what schema dongbo says of it at the same instant.
import type pg from "pg";
import type { ComparedCopy } from "../../../engine/model/canonical-form.ts";
import type { CopyReference } from "../../../engine/model/copy-reference.ts";
import type { PositionOrder } from "../../../engine/model/position.ts";
import type { Key } from "../../../engine/model/row.ts";
import type { ServerAddress } from "../../../engine/model/server-address.ts";
import { printTable } from "../../../engine/model/table.ts";
import type {
  CanonicalKey,
  ColumnDigests,
  CopyReading,
  CopyStand,
  CopyTable,
  DanglingReading,
  FoundRow,
  GroupChoice,
  GroupDigest,
  KeyRange,
  QuickHash,
  RowDigest,
} from "../../../engine/ports/compared-table.ts";
import { standOf } from "../../../engine/target/copy-stand.ts";
import { type AnswerRow, asked, type KeyedValue, toColumnDigests, toGroups, toRowDigest, toValues } from "../../compared-answers.ts";
import { type ComparedSide, copySide, keyBatches } from "../../compared-side.ts";
import { batchColumn } from "../apply/table-sql.ts";
import { describeTables } from "../postgres-schema.ts";
import { byKeys, CompareSession, type OpenCompare, readAtOnce, waysOf } from "./compare-session.ts";
import { columnsSql, digestSql, findSql, listSql, valuesSql } from "./compared-rows.ts";
import { quarantinedSql, standSql, toPartStand } from "./copy-stand.ts";
import { readDangling } from "./dangling-references.ts";
import { keyOrderOf } from "./key-order.ts";

export interface PostgresCopyTableOptions {
  readonly address: ServerAddress;
  readonly copy: ComparedCopy;
  /** Id of the whole subscription, whatever slices write it. */
  readonly subscription: string;
  /** Of the source: reads stored positions back, and puts those of slices together. */
  readonly positions: Pick<PositionOrder, "parse" | "join">;
  /** Limit of one statement; two minutes when left out. */
  readonly statementTimeoutMs?: number;
}

export class PostgresCopyTable implements CopyTable {
  readonly #options: PostgresCopyTableOptions;
  readonly #keyLength: number;
  readonly #session: CompareSession;

  constructor(options: PostgresCopyTableOptions) {
    const { address, copy, statementTimeoutMs = 120_000 } = options;
    this.#options = options;
    this.#keyLength = copy.table.key.length;
    const subject = printTable(copy.table.physical);
    this.#session = new CompareSession({ address, subject, statementTimeoutMs, side: (client) => describeCopy(client, copy) });
  }

  get quickHash(): QuickHash {
    return this.#session.quickHash;
  }

  keyOrder(): Promise<string | null> {
    return this.#session.use(({ client, side }) => keyOrderOf(client, side));
  }

  async stand(): Promise<CopyStand> {
    return (
      await this.#read(
        [],
        () => [],
        () => null,
      )
    ).stand;
  }

  digest(range: KeyRange, groups: number): Promise<CopyReading<readonly GroupDigest[]>> {
    return this.#read(waysOf(range), (open) => [digestSql(open, range, groups)], toGroups);
  }

  list(range: KeyRange, choice: GroupChoice): Promise<CopyReading<readonly RowDigest[]>> {
    const parse = (rows: readonly AnswerRow[]): RowDigest[] => rows.map((row) => toRowDigest(row, this.#keyLength));
    return this.#read(waysOf(range), (open) => (choice.wanted.length === 0 ? [] : [listSql(open, range, choice)]), parse);
  }

  find(keys: readonly CanonicalKey[]): Promise<CopyReading<readonly FoundRow[]>> {
    const parse = (rows: readonly AnswerRow[]): FoundRow[] =>
      asked(
        rows.map((row) => ({ ...toRowDigest(row, this.#keyLength), version: row[this.#keyLength + 1] ?? "" })),
        keys,
      );
    const extras = { version: `${batchColumn}::text` };
    return this.#read(byKeys, (open) => keyBatches(keys).map((batch) => findSql(open, batch, extras)), parse);
  }

  columns(keys: readonly CanonicalKey[]): Promise<CopyReading<readonly ColumnDigests[]>> {
    const parse = (rows: readonly AnswerRow[]): ColumnDigests[] => toColumnDigests(rows, keys);
    return this.#read(byKeys, (open) => keyBatches(keys).map((batch) => columnsSql(open, batch)), parse);
  }

  values(keys: readonly CanonicalKey[], column: number): Promise<readonly KeyedValue[]> {
    return this.#session.use(async (open) => {
      const selects = keyBatches(keys).map((batch) => valuesSql(open, batch, column));
      return toValues((await readAtOnce(open.client, byKeys, selects)).flat(), keys);
    });
  }

  quarantined(): Promise<readonly Key[]> {
    return this.#session.use(async ({ client }) => {
      const [rows = []] = await readAtOnce(client, [], [quarantinedSql(this.#options.subscription, this.#target)]);
      return rows.map(([key]) => (JSON.parse(key ?? "[]") as string[]).map((part) => Buffer.from(part, "utf8")));
    });
  }

  dangling(reference: CopyReference, limit: number): Promise<DanglingReading> {
    return this.#session.use((open) => readDangling(open, reference, { role: this.#options.address.user, limit }));
  }

  close(): Promise<void> {
    return this.#session.close();
  }

  /** The copy as records in the target name it. */
  get #target(): string {
    return printTable(this.#options.copy.table.target);
  }

  #read<T>(
    ways: readonly string[],
    selects: (open: OpenCompare) => string[],
    parse: (rows: readonly AnswerRow[]) => T,
  ): Promise<CopyReading<T>> {
    const { subscription, positions } = this.#options;
    return this.#session.use(async (open) => {
      const [records = [], ...rows] = await readAtOnce(open.client, ways, [standSql(subscription, this.#target), ...selects(open)]);
      return { answer: parse(rows.flat()), stand: standOf(records.map(toPartStand), positions) };
    });
  }
}

async function describeCopy(client: pg.Client, copy: ComparedCopy): Promise<ComparedSide | null> {
  const [physical] = await describeTables(client, [copy.table.physical]);
  return physical === undefined ? null : copySide(copy, physical);
}
