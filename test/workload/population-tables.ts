// The master of the randomized tests: three tables of people with different keys and replica identities, and a count of commits.
import type { TrackedTable } from "../checker/master-model.ts";
import type { Family, NormalForm } from "../checker/normal-forms.ts";
import {
  address,
  amount,
  attributes,
  boundedAmount,
  birthDate,
  bytes,
  fullName,
  longText,
  provinces,
  statuses,
} from "./population-values.ts";
import type { Random } from "./random.ts";

/**
 * What an update's or delete's old image holds of a row. `index`: a unique index over the key and the province;
 * `default`: the primary key, so that the filter's columns are outside.
 */
export type IdentityVariant = "full" | "index" | "default";

/**
 * What the tables are made of. `native`: types and values that only PostgreSQL has; `portable`: PostgreSQL's that MySQL can hold
 * exactly; `mysql`: the same on MySQL and MariaDB.
 */
export type Make = "native" | "portable" | "mysql";

/** What a column is, whatever the server calls it. */
type Kind = "code" | "text" | "bytes" | "date" | "amount" | "document" | "clock" | "smallint" | "integer" | "bigint";

const kinds: Readonly<Record<Kind, { readonly form: NormalForm } & Readonly<Record<Make, string>>>> = {
  code: { form: "text", native: "text", portable: "varchar(24)", mysql: "varchar(24) COLLATE utf8mb4_bin" },
  text: { form: "text", native: "text", portable: "text", mysql: "longtext" },
  bytes: { form: "bytes", native: "bytea", portable: "bytea", mysql: "longblob" },
  date: { form: "date", native: "date", portable: "date", mysql: "date" },
  amount: { form: "decimal", native: "numeric", portable: "numeric(24,4)", mysql: "decimal(24,4)" },
  document: { form: "document", native: "jsonb", portable: "jsonb", mysql: "json" },
  clock: { form: "instant", native: "timestamptz", portable: "timestamptz", mysql: "datetime(6)" },
  smallint: { form: "integer", native: "smallint", portable: "smallint", mysql: "smallint" },
  integer: { form: "integer", native: "integer", portable: "integer", mysql: "integer" },
  bigint: { form: "integer", native: "bigint", portable: "bigint", mysql: "bigint" },
};

/** Column → kind, in order; the key's columns first. */
type Columns = Readonly<Record<string, Kind>>;

/** Values by column, as JSON that the server casts. */
export type Values = Readonly<Record<string, string | number | null>>;

export interface GeneratedTable {
  readonly tracked: TrackedTable;
  /** Column → what it is, in order. */
  readonly columns: Columns;
  /** Columns stored without compression, so that a long value certainly lies out of line. */
  readonly external: readonly string[];
  /** Columns that are never NULL, beside the key's. */
  readonly required: readonly string[];
  readonly primaryKey: readonly string[];
  /** A key that no writer has used; `serial` rises with each call, `writer` keeps writers apart. */
  readonly freshKey: (random: Random, writer: number, serial: number) => Values;
  /** All columns but the key. */
  readonly row: (random: Random) => Values;
  /** New values for an update that leaves the long columns alone. */
  readonly small: (random: Random) => Values;
  /** New values for the long columns only. */
  readonly long: (random: Random) => Values;
  /** New values of the filter's columns. */
  readonly move: (random: Random) => Values;
}

/** How often a long column is really long. */
const longShare = 0.05;

function citizenTable(income: (random: Random) => string): GeneratedTable {
  const small = (random: Random) => ({ full_name: fullName(random), income: random.chance(0.1) ? null : income(random) });
  const citizen: GeneratedTable = populationTable({
    tracked: {
      name: "citizen",
      key: ["personal_id"],
      bucket: ["province_code", "status"],
      projections: {
        all: [
          "personal_id",
          "full_name",
          "birth_date",
          "province_code",
          "status",
          "income",
          "attributes",
          "photo",
          "note",
          "updated_at",
          "version",
        ],
        // Not shipped: province and status, which the filter asks for, and two of the long columns.
        basic: ["personal_id", "full_name", "birth_date", "income", "note", "version"],
      },
    },
    columns: {
      personal_id: "code",
      full_name: "text",
      birth_date: "date",
      province_code: "code",
      status: "code",
      income: "amount",
      attributes: "document",
      photo: "bytes",
      note: "text",
      updated_at: "clock",
      version: "integer",
    },
    required: ["full_name", "status", "updated_at", "version"],
    external: ["photo", "note"],
    primaryKey: ["personal_id"],
    freshKey: (random, writer, serial) => ({ personal_id: `0${writer}${random.pick(["1", "2", "3"])}${String(serial).padStart(8, "0")}` }),
    row: (random) => ({ ...small(random), ...citizen.long(random), ...citizen.move(random), birth_date: birthDate(random) }),
    small,
    long: (random) => ({ photo: bytes(random, longShare), note: longText(random, longShare), attributes: attributes(random, longShare) }),
    move: (random) => ({
      province_code: random.chance(0.03) ? null : random.pick(provinces),
      status: random.chance(0.05) ? "deceased" : random.pick(statuses),
    }),
  });
  return citizen;
}

const household: GeneratedTable = populationTable({
  tracked: {
    name: "household",
    key: ["id"],
    bucket: ["province_code"],
    projections: {
      all: ["id", "address", "province_code", "members", "documents", "plan", "version"],
      basic: ["id", "address", "province_code", "documents", "version"],
    },
  },
  columns: {
    id: "bigint",
    address: "text",
    province_code: "code",
    members: "smallint",
    documents: "text",
    plan: "bytes",
    version: "integer",
  },
  required: ["version"],
  external: ["documents", "plan"],
  primaryKey: ["id"],
  // Above 2^53: a number that a JavaScript double does not hold.
  freshKey: (_, writer, serial) => ({ id: String(9_007_199_254_740_993n + BigInt(serial) * 16n + BigInt(writer)) }),
  row: (random) => ({ ...household.small(random), ...household.long(random), ...household.move(random) }),
  small: (random) => ({ address: address(random), members: random.between(1, 12) }),
  long: (random) => ({ documents: longText(random, longShare), plan: bytes(random, longShare) }),
  move: (random) => ({ province_code: random.chance(0.02) ? null : random.pick(provinces) }),
});

const residence: GeneratedTable = populationTable({
  tracked: {
    name: "residence",
    key: ["personal_id", "household_id", "from_date"],
    bucket: ["province_code"],
    projections: {
      all: ["personal_id", "household_id", "from_date", "province_code", "kind", "evidence", "version"],
      basic: ["personal_id", "household_id", "from_date", "kind", "evidence", "version"],
    },
  },
  columns: {
    personal_id: "code",
    household_id: "bigint",
    from_date: "date",
    province_code: "code",
    kind: "text",
    evidence: "text",
    version: "integer",
  },
  required: ["province_code", "version"],
  external: ["evidence"],
  primaryKey: ["personal_id", "household_id", "from_date"],
  freshKey: (random, writer, serial) => ({
    personal_id: `0${writer}1${String(random.between(0, 9_999)).padStart(8, "0")}`,
    household_id: String(serial * 16 + writer),
    from_date: birthDate(random),
  }),
  row: (random) => ({ ...residence.small(random), ...residence.long(random), ...residence.move(random) }),
  small: (random) => ({ kind: random.pick(["thường trú", "tạm trú", "tạm vắng", null]) }),
  long: (random) => ({ evidence: longText(random, longShare) }),
  move: (random) => ({ province_code: random.pick(provinces) }),
});

/** Forms follow from the columns' kinds. */
function populationTable(table: Omit<GeneratedTable, "tracked"> & { tracked: Omit<TrackedTable, "forms"> }): GeneratedTable {
  const forms = Object.fromEntries(Object.entries(table.columns).map(([column, kind]) => [column, kinds[kind].form]));
  return { ...table, tracked: { ...table.tracked, forms } };
}

/** The tables by name; what they hold does not depend on the make, but for the numbers that only PostgreSQL knows. */
export function populationTables(make: Make): Readonly<Record<PopulationTable, GeneratedTable>> {
  return { citizen: citizenTable(make === "native" ? amount : boundedAmount), household, residence };
}

export type PopulationTable = "citizen" | "household" | "residence";

/** The kind of server that a make is for. */
export function familyOfMake(make: Make): Family {
  return make === "mysql" ? "mysql" : "postgres";
}

/** SQL type of a column. */
export function sqlType(make: Make, table: GeneratedTable, column: string): string {
  return kinds[table.columns[column] ?? "text"][make];
}

/** Tables that every copy gets whole, by which a look at a copy knows how far it is. */
export const ledgerTables = {
  ledger: { name: "ledger", key: ["id"], columns: ["id", "seq"] },
  journal: { name: "journal", key: ["seq"], columns: ["seq", "writer"] },
} as const;

/** An index can be an identity only over columns that are never NULL: residence's province alone is such. */
export interface Identities {
  readonly citizen: Exclude<IdentityVariant, "index">;
  readonly household: Exclude<IdentityVariant, "index">;
  readonly residence: IdentityVariant;
}

/** SQL that makes the tables in the session's schema or database; PostgreSQL's with the replica identities asked for. */
export function populationDdl(identities: Identities, make: Exclude<Make, "mysql"> = "native"): string[] {
  const tables = Object.entries(populationTables(make));
  return [
    ...tables.flatMap(([name, table]) => [...tableDdl(make, table), ...identityDdl(table, identities[name as PopulationTable])]),
    ...ledgerDdl,
  ];
}

export function mysqlPopulationDdl(): string[] {
  return [...Object.values(populationTables("mysql")).flatMap((table) => tableDdl("mysql", table)), ...ledgerDdl];
}

const ledgerDdl = [
  "CREATE TABLE ledger (id integer PRIMARY KEY, seq bigint NOT NULL)",
  "INSERT INTO ledger VALUES (1, 0)",
  "CREATE TABLE journal (seq bigint PRIMARY KEY, writer integer NOT NULL)",
];

function tableDdl(make: Make, table: GeneratedTable): string[] {
  const { name } = table.tracked;
  const now = make === "mysql" ? "CURRENT_TIMESTAMP(6)" : "clock_timestamp()";
  const columns = Object.entries(table.columns).map(([column, kind]) => {
    const parts = [column, sqlType(make, table, column), table.required.includes(column) ? "NOT NULL" : ""];
    return [...parts, kind === "clock" ? `DEFAULT ${now}` : column === "version" ? "DEFAULT 0" : ""].join(" ").trim();
  });
  const made = `CREATE TABLE ${name} (${columns.join(", ")}, PRIMARY KEY (${table.primaryKey.join(", ")}))`;
  if (make === "mysql") return [`${made} CHARACTER SET utf8mb4`];
  return [made, ...table.external.map((column) => `ALTER TABLE ${name} ALTER COLUMN ${column} SET STORAGE EXTERNAL`)];
}

function identityDdl(table: GeneratedTable, identity: IdentityVariant): string[] {
  const { name } = table.tracked;
  const indexed = [...table.primaryKey, "province_code"].join(", ");
  const statements = {
    full: [`ALTER TABLE ${name} REPLICA IDENTITY FULL`],
    index: [
      `CREATE UNIQUE INDEX ${name}_identity ON ${name} (${indexed})`,
      `ALTER TABLE ${name} REPLICA IDENTITY USING INDEX ${name}_identity`,
    ],
    default: [],
  };
  return statements[identity];
}
