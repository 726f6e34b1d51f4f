// A copy on a MySQL or MariaDB server as one side of a comparison: its physical table, and what database dongbo says of it at the same
// instant.
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
  RowDigest,
} from "../../../engine/ports/compared-table.ts";
import { standOf } from "../../../engine/target/copy-stand.ts";
import { asked, type KeyedValue, toColumnDigests, toRowDigest, toValues } from "../../compared-answers.ts";
import { type ComparedSide, copySide, keyBatches } from "../../compared-side.ts";
import { batchColumn } from "../apply/names.ts";
import type { MysqlSession } from "../mysql-client.ts";
import { describeTables } from "../mysql-schema.ts";
import { CompareSession, type OpenCompare, rowsOf } from "./compare-session.ts";
import { columnsSql, findSql, valuesSql } from "./compared-rows.ts";
import { readParts, readQuarantined } from "./copy-stand.ts";
import { readDangling } from "./dangling-references.ts";
import { readGroups, readList, requireDigests } from "./hashed-rows.ts";
import { keyOrderOf } from "./key-order.ts";

export interface MysqlCopyTableOptions {
  readonly address: ServerAddress;
  readonly copy: ComparedCopy;
  /** Id of the whole subscription, whatever slices write it. */
  readonly subscription: string;
  /** Of the source: reads stored positions back, and puts those of slices together. */
  readonly positions: Pick<PositionOrder, "parse" | "join">;
  /** Limit of one statement; two minutes when left out. */
  readonly statementTimeoutMs?: number;
}

export class MysqlCopyTable implements CopyTable {
  readonly quickHash = null;
  readonly #options: MysqlCopyTableOptions;
  readonly #keyLength: number;
  readonly #session: CompareSession;

  constructor(options: MysqlCopyTableOptions) {
    const { address, copy, statementTimeoutMs = 120_000 } = options;
    this.#options = options;
    this.#keyLength = copy.table.key.length;
    const subject = printTable(copy.table.physical);
    this.#session = new CompareSession({ address, subject, statementTimeoutMs, side: (session) => describeCopy(session, copy) });
  }

  keyOrder(): Promise<string | null> {
    return this.#session.use(async (open) => keyOrderOf(open, open.session));
  }

  async stand(): Promise<CopyStand> {
    return (await this.#read(async () => null)).stand;
  }

  digest(range: KeyRange, groups: number): Promise<CopyReading<readonly GroupDigest[]>> {
    return this.#read((open) => readGroups(open, range, groups));
  }

  list(range: KeyRange, choice: GroupChoice): Promise<CopyReading<readonly RowDigest[]>> {
    return this.#read((open) => readList(open, range, choice));
  }

  find(keys: readonly CanonicalKey[]): Promise<CopyReading<readonly FoundRow[]>> {
    return this.#read(async (open) => {
      const found: FoundRow[] = [];
      for (const batch of keyBatches(keys)) {
        for (const row of await rowsOf(open.session, findSql(open, batch, { version: batchColumn })))
          found.push({ ...toRowDigest(row, this.#keyLength), version: row[this.#keyLength + 1] ?? "" });
      }
      return asked(requireDigests(open, found), keys);
    });
  }

  columns(keys: readonly CanonicalKey[]): Promise<CopyReading<readonly ColumnDigests[]>> {
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

  quarantined(): Promise<readonly Key[]> {
    return this.#session.use(({ session }) => readQuarantined(session, this.#options.subscription, this.#target));
  }

  dangling(reference: CopyReference, limit: number): Promise<DanglingReading> {
    return this.#session.use((open) => readDangling(open, reference, limit));
  }

  close(): Promise<void> {
    return this.#session.close();
  }

  /** The copy as records in the target name it. */
  get #target(): string {
    return printTable(this.#options.copy.table.target);
  }

  /** Everything that `work` reads, and the records, are of one instant. */
  #read<T>(work: (open: OpenCompare) => Promise<T>): Promise<CopyReading<T>> {
    const { subscription, positions } = this.#options;
    return this.#session.use(async (open) => {
      await open.session.query("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY");
      const parts = await readParts(open.session, subscription, this.#target);
      const answer = await work(open);
      await open.session.query("COMMIT");
      return { answer, stand: standOf(parts, positions) };
    });
  }
}

/** A server that folds names may have kept the table's without its capitals. */
async function describeCopy(session: MysqlSession, copy: ComparedCopy): Promise<ComparedSide | null> {
  const { schema, name } = copy.table.physical;
  const folded = { schema: schema.toLowerCase(), name: name.toLowerCase() };
  const [physical] = await describeTables(session, session.foldsNames ? [copy.table.physical, folded] : [copy.table.physical]);
  return physical === undefined ? null : copySide(copy, physical);
}
