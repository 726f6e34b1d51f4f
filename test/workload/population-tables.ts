// The master of the randomized tests: three tables of people with different keys and replica identities, and a count of commits.
import type { TrackedTable } from "../checker/master-model.ts";
import { address, amount, attributes, birthDate, bytes, fullName, longText, provinces, statuses } from "./population-values.ts";
import type { Random } from "./random.ts";

/**
 * What an update's or delete's old image holds of a row. `index`: a unique index over the key and the province;
 * `default`: the primary key, so that the filter's columns are outside.
 */
export type IdentityVariant = "full" | "index" | "default";

/** Values by column, as JSON that the server casts. */
export type Values = Readonly<Record<string, string | number | null>>;

export interface GeneratedTable {
  readonly tracked: TrackedTable;
  /** Column → SQL type, in order. */
  readonly types: Readonly<Record<string, string>>;
  /** Columns stored without compression, so that a long value certainly lies out of line. */
  readonly external: readonly string[];
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

const citizen: GeneratedTable = {
  tracked: {
    name: "public.citizen",
    key: ["personal_id"],
    bucket: "coalesce(t.province_code, '') || '/' || t.status",
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
  types: {
    personal_id: "text",
    full_name: "text NOT NULL",
    birth_date: "date",
    province_code: "text",
    status: "text NOT NULL",
    income: "numeric",
    attributes: "jsonb",
    photo: "bytea",
    note: "text",
    updated_at: "timestamptz NOT NULL DEFAULT clock_timestamp()",
    version: "integer NOT NULL DEFAULT 0",
  },
  external: ["photo", "note"],
  primaryKey: ["personal_id"],
  freshKey: (random, writer, serial) => ({ personal_id: `0${writer}${random.pick(["1", "2", "3"])}${String(serial).padStart(8, "0")}` }),
  row: (random) => ({ ...citizen.small(random), ...citizen.long(random), ...citizen.move(random), birth_date: birthDate(random) }),
  small: (random) => ({ full_name: fullName(random), income: random.chance(0.1) ? null : amount(random) }),
  long: (random) => ({ photo: bytes(random, longShare), note: longText(random, longShare), attributes: attributes(random, longShare) }),
  move: (random) => ({
    province_code: random.chance(0.03) ? null : random.pick(provinces),
    status: random.chance(0.05) ? "deceased" : random.pick(statuses),
  }),
};

const household: GeneratedTable = {
  tracked: {
    name: "public.household",
    key: ["id"],
    bucket: "coalesce(t.province_code, '')",
    projections: {
      all: ["id", "address", "province_code", "members", "documents", "plan", "version"],
      basic: ["id", "address", "province_code", "documents", "version"],
    },
  },
  types: {
    id: "bigint",
    address: "text",
    province_code: "text",
    members: "smallint",
    documents: "text",
    plan: "bytea",
    version: "integer NOT NULL DEFAULT 0",
  },
  external: ["documents", "plan"],
  primaryKey: ["id"],
  // Above 2^53: a number that a JavaScript double does not hold.
  freshKey: (_, writer, serial) => ({ id: String(9_007_199_254_740_993n + BigInt(serial) * 16n + BigInt(writer)) }),
  row: (random) => ({ ...household.small(random), ...household.long(random), ...household.move(random) }),
  small: (random) => ({ address: address(random), members: random.between(1, 12) }),
  long: (random) => ({ documents: longText(random, longShare), plan: bytes(random, longShare) }),
  move: (random) => ({ province_code: random.chance(0.02) ? null : random.pick(provinces) }),
};

const residence: GeneratedTable = {
  tracked: {
    name: "public.residence",
    key: ["personal_id", "household_id", "from_date"],
    bucket: "t.province_code",
    projections: {
      all: ["personal_id", "household_id", "from_date", "province_code", "kind", "evidence", "version"],
      basic: ["personal_id", "household_id", "from_date", "kind", "evidence", "version"],
    },
  },
  types: {
    personal_id: "text",
    household_id: "bigint",
    from_date: "date",
    province_code: "text NOT NULL",
    kind: "text",
    evidence: "text",
    version: "integer NOT NULL DEFAULT 0",
  },
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
};

export const populationTables = { citizen, household, residence } as const;
export type PopulationTable = keyof typeof populationTables;

/** Tables that every copy gets whole, by which a look at a copy knows how far it is. */
export const ledgerTables = {
  ledger: { name: "public.ledger", key: ["id"], columns: ["id", "seq"] },
  journal: { name: "public.journal", key: ["seq"], columns: ["seq", "writer"] },
} as const;

/** An index can be an identity only over columns that are never NULL: residence's province alone is such. */
export interface Identities {
  readonly citizen: Exclude<IdentityVariant, "index">;
  readonly household: Exclude<IdentityVariant, "index">;
  readonly residence: IdentityVariant;
}

/** SQL that makes the tables with the replica identities asked for. */
export function populationDdl(identities: Identities): string[] {
  return [
    ...Object.entries(populationTables).flatMap(([name, table]) => tableDdl(table, identities[name as PopulationTable])),
    "CREATE TABLE public.ledger (id integer PRIMARY KEY, seq bigint NOT NULL)",
    "INSERT INTO public.ledger VALUES (1, 0)",
    "CREATE TABLE public.journal (seq bigint PRIMARY KEY, writer integer NOT NULL)",
  ];
}

function tableDdl(table: GeneratedTable, identity: IdentityVariant): string[] {
  const { name } = table.tracked;
  const columns = Object.entries(table.types).map(([column, type]) => `${column} ${type}`);
  const index = `${name.replace("public.", "")}_identity`;
  const indexed = [...table.primaryKey, "province_code"].join(", ");
  const statements = {
    full: [`ALTER TABLE ${name} REPLICA IDENTITY FULL`],
    index: [`CREATE UNIQUE INDEX ${index} ON ${name} (${indexed})`, `ALTER TABLE ${name} REPLICA IDENTITY USING INDEX ${index}`],
    default: [],
  };
  return [
    `CREATE TABLE ${name} (${columns.join(", ")}, PRIMARY KEY (${table.primaryKey.join(", ")}))`,
    ...table.external.map((column) => `ALTER TABLE ${name} ALTER COLUMN ${column} SET STORAGE EXTERNAL`),
    ...statements[identity],
  ];
}
