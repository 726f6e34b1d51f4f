// What the stream has said about its tables. Lives as long as one stream: every statement describes its tables again.
import { printTable, type StreamedTable, tableKey, type TableName } from "../../../engine/model/table.ts";
import type { Flavour } from "../mysql-client.ts";
import { wireIdentity } from "../wire-type.ts";
import { valueReader } from "./column-value.ts";
import { type DeclaredTypes, mayBeDeclared, withDeclared } from "./declared-types.ts";
import type { RowsLayout } from "./rows-event.ts";
import { type MappedColumn, readColumns, readTableName } from "./table-map.ts";

/** A table whose rows are wanted. */
export interface MappedTable {
  readonly streamed: StreamedTable;
  readonly layout: RowsLayout;
}

interface Entry {
  readonly body: Buffer;
  /** Null: its rows are passed over. */
  readonly table: MappedTable | null;
}

/** The server's own bookkeeping. */
const systemDatabases: ReadonlySet<string> = new Set(["mysql", "sys", "performance_schema", "information_schema"]);

export class TableCache {
  readonly #flavour: Flavour;
  readonly #wanted: (() => readonly TableName[]) | null;
  #wantedList: readonly TableName[] | null = null;
  #wantedNames: ReadonlySet<string> | null = null;
  /** By the number that row events use; numbers are given anew whenever the server opens a table. */
  readonly #byId = new Map<number, Entry>();
  /** Described, but the catalogue must be asked first what some columns are. */
  #undeclared: { readonly id: number; readonly body: Buffer; readonly table: TableName; readonly columns: MappedColumn[] } | null = null;
  /** Newest description by name. */
  readonly #byName = new Map<string, StreamedTable>();

  /** `wanted`: the tables whose rows are looked into, the same array as long as it holds the same; null: all. */
  constructor(flavour: Flavour, wanted: (() => readonly TableName[]) | null) {
    this.#flavour = flavour;
    this.#wanted = wanted;
  }

  /** Takes a TABLE_MAP event's body. The same description again keeps the object that was given out before. */
  describe(id: number, body: Buffer): void {
    const known = this.#byId.get(id);
    if (known !== undefined && known.body.equals(body)) return;
    const name = readTableName(body);
    if (!this.concerns(name)) {
      this.#byId.set(id, { body: Buffer.from(body), table: null });
      return;
    }
    const columns = readColumns(body, this.#flavour);
    const description = { id, body: Buffer.from(body), table: name, columns };
    if (this.#flavour === "mariadb" && mayBeDeclared(columns)) this.#undeclared = description;
    else this.#keep(description, columns);
  }

  /** The table that the catalogue must be asked about before the next event is read. */
  get undeclared(): TableName | null {
    return this.#undeclared?.table ?? null;
  }

  /** The catalogue's answer. */
  declare(types: DeclaredTypes): void {
    const description = this.#undeclared;
    this.#undeclared = null;
    if (description !== null) this.#keep(description, withDeclared(description.columns, types));
  }

  /** Undefined: it was never described; null: its rows are passed over. */
  mapped(id: number): MappedTable | null | undefined {
    return this.#byId.get(id)?.table;
  }

  /** The table as last described, without columns if it never was. */
  named(table: TableName): StreamedTable {
    return this.#byName.get(tableKey(table)) ?? { id: tableKey(table), table, columns: [], identity: "full", version: 0 };
  }

  /** Tables of a database that are wanted or were described. */
  ofDatabase(database: string): readonly TableName[] {
    const tables = new Map([...this.#byName].map(([key, { table }]) => [key, table]));
    for (const table of this.#wanted?.() ?? []) tables.set(tableKey(table), table);
    return [...tables.values()].filter((table) => table.schema === database);
  }

  /** Numbers begin anew with each file after a restart. */
  forgetNumbers(): void {
    this.#byId.clear();
  }

  concerns(table: TableName): boolean {
    if (systemDatabases.has(table.schema.toLowerCase())) return false;
    return this.#wantedNames === null || this.#wantedNames.has(tableKey(table));
  }

  /** Between two transactions: within one, rows belong to what was described before them. */
  refreshWanted(): void {
    if (this.#wanted === null) return;
    const list = this.#wanted();
    if (list === this.#wantedList) return;
    this.#wantedList = list;
    this.#wantedNames = new Set(list.map(tableKey));
    this.#byId.clear();
  }

  #keep(description: { readonly id: number; readonly body: Buffer; readonly table: TableName }, columns: readonly MappedColumn[]): void {
    const { id, body, table } = description;
    const streamed = this.#streamed(table, columns);
    const readers = columns.map(({ type, compressed }) => valueReader(type, compressed));
    this.#byId.set(id, { body, table: { streamed, layout: { readers, subject: printTable(table) } } });
  }

  #streamed(table: TableName, columns: readonly MappedColumn[]): StreamedTable {
    const key = tableKey(table);
    const known = this.#byName.get(key);
    const described = columns.map(({ name, type }) => ({ name, typeIdentity: wireIdentity(type), inIdentity: true }));
    const same = known?.columns.length === described.length && described.every((column, index) => isSame(column, known.columns[index]));
    if (known !== undefined && same) return known;
    const streamed: StreamedTable = { id: key, table, columns: described, identity: "full", version: (known?.version ?? 0) + 1 };
    this.#byName.set(key, streamed);
    return streamed;
  }
}

type Column = StreamedTable["columns"][number];

function isSame(column: Column, other: Column | undefined): boolean {
  return column.name === other?.name && column.typeIdentity === other.typeIdentity;
}
