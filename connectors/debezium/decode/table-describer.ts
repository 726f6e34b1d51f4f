// Tables as records' schemas describe them: one object for each description, whoever sends it.
import type { CatalogColumn, CatalogTable, StreamedTable, TableName } from "../../../engine/model/table.ts";
import { printTable } from "../../../engine/model/table.ts";
import type { DescribedTable, SourceConnector } from "./change-event.ts";
import { DecodeFailure } from "./decode-failure.ts";
import { columnTypeOf } from "./postgres-type.ts";
import type { RowPlan } from "./row-plan.ts";

/** Names the table behind a topic that several share; the router's doing, no column (Debezium documentation, "Topic Routing"). */
const routerField = "__dbz__physicalTableIdentifier";

export interface TableFacts {
  readonly topic: string;
  readonly table: TableName;
  readonly connector: SourceConnector;
  readonly plan: RowPlan;
  /** Columns of the record's key; empty: the record has none. */
  readonly key: readonly string[];
}

export class TableDescriber {
  readonly #fullBeforeImages: boolean;
  /** What was described before, found without looking at it again. */
  readonly #seen = new WeakMap<RowPlan, Map<string, DescribedTable>>();
  /** By topic and table, every description that was met. */
  readonly #known = new Map<string, { readonly text: string; readonly table: DescribedTable }[]>();

  constructor(fullBeforeImages: boolean) {
    this.#fullBeforeImages = fullBeforeImages;
  }

  describe(facts: TableFacts): DescribedTable {
    const place = [facts.topic, printTable(facts.table), ...facts.key].join("\n");
    const seen = this.#seen.get(facts.plan) ?? new Map<string, DescribedTable>();
    this.#seen.set(facts.plan, seen);
    const table = seen.get(place) ?? this.#describe(facts);
    seen.set(place, table);
    return table;
  }

  #describe(facts: TableFacts): DescribedTable {
    const id = `${facts.topic}/${printTable(facts.table)}`;
    const key = facts.key.filter((name) => name !== routerField);
    const columns = columnsOf(facts.plan, key);
    const identity = this.#identityOf(facts, key);
    const text = JSON.stringify([columns, identity, key]);
    const known = this.#known.get(id) ?? [];
    const same = known.find((entry) => entry.text === text);
    if (same !== undefined) return same.table;
    const missing = key.find((name) => !columns.some((column) => column.name === name));
    if (missing !== undefined) {
      throw new DecodeFailure("DB-KAF-100", { cause: `the record's key has a column "${missing}" that its row does not have` });
    }
    const table = {
      catalog: catalogOf(id, facts.table, { columns, identity, key }),
      streamed: streamedOf(id, facts.table, { columns, identity, version: known.length + 1 }),
    };
    this.#known.set(id, [...known, { text, table }]);
    return table;
  }

  #identityOf({ connector, plan }: TableFacts, key: readonly string[]): CatalogTable["identity"] {
    if (connector !== "postgresql" || this.#fullBeforeImages) return { kind: "full", columns: plan.columns.map(({ name }) => name) };
    return key.length === 0 ? { kind: "nothing", columns: [] } : { kind: "default", columns: key };
  }
}

function columnsOf(plan: RowPlan, key: readonly string[]): CatalogColumn[] {
  return plan.columns.map(({ name, schema, codec }) => ({
    name,
    id: name,
    type: columnTypeOf(codec.type),
    nullable: schema.optional && !key.includes(name),
    bytewiseCollation: false,
    deterministic: codec.deterministic,
    generated: false,
  }));
}

interface CatalogParts {
  readonly columns: readonly CatalogColumn[];
  readonly identity: CatalogTable["identity"];
  readonly key: readonly string[];
}

function catalogOf(id: string, table: TableName, { columns, identity, key }: CatalogParts): CatalogTable {
  return {
    table,
    id,
    columns,
    primaryKey: key,
    uniqueKeys: [],
    identity,
    partitioned: false,
    estimatedRows: -1,
    estimatedBytes: 0,
    rowSecurityApplies: false,
  };
}

interface StreamedParts {
  readonly columns: readonly CatalogColumn[];
  readonly identity: CatalogTable["identity"];
  readonly version: number;
}

function streamedOf(id: string, table: TableName, { columns, identity, version }: StreamedParts): StreamedTable {
  return {
    id,
    table,
    columns: columns.map(({ name, type }) => ({ name, typeIdentity: type.identity, inIdentity: identity.columns.includes(name) })),
    identity: identity.kind,
    version,
  };
}
