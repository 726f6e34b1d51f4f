// The shape of the configuration file: one zod schema, from which the published JSON schema is generated too. What goes
// beyond the shape of single values (references, agreement between parts, filters, URLs) is checked elsewhere.
import * as z from "zod";
import { duration, id, instant, lease, listen, name, strict, tableName, targetColumn, text, typeDeclaration } from "./config-fields.ts";
import { redisUrl, source, target } from "./server-schemas.ts";

const regulation = strict({
  id: text("Number of the usage regulation (Decree 47/2020, Articles 22 and 41.1)."),
  validity_period: duration.describe("How long a copy may be used after its last synchronization. ISO 8601 duration."),
  on_expiry: z
    .enum(["refuse", "resync"])
    .default("refuse")
    .describe("After the period: refuse until streaming has caught up, or until a full re-sync has ended (Article 41.2b)."),
  log_retention: duration.describe("How long the sharing log is kept (Article 45.3). ISO 8601 duration."),
  issuer: text("Who issued the regulation.").optional(),
  date: instant.optional().describe("Day of issue."),
  url: text("Where the regulation is published.").optional(),
}).describe("The usage regulation of the database, whose periods apply.");

const storageBasis = z.enum(["42.1", "42.2", "42.3"]);

/** Items of the agreement that are free text (Decree 47/2020, Article 38); the number is that of the clause. */
export const agreementItems = {
  parties: "Providers and consumers (38.1).",
  content: "What is shared (38.2).",
  place: "Where data is shared and used (38.3).",
  method: "How data is shared (38.5).",
  processing: "What happens to data after receipt (38.6).",
  conditions: "Conditions and limits (38.7).",
  commitments: "Commitments (38.8).",
  security: "Security and authentication in transfer, storage and access (38.9).",
  storage: "Storage after sharing and derived data, during and after the term (38.10).",
  deletion: "Deletion or destruction after sharing or at the end (38.11).",
  other: "Other matters (38.12).",
} as const;

const itemSchemas = Object.fromEntries(Object.entries(agreementItems).map(([key, description]) => [key, text(description).optional()])) as {
  [Key in keyof typeof agreementItems]: z.ZodOptional<z.ZodString>;
};

const agreement = strict({
  id: text("Number of the agreement."),
  from: instant.describe("First instant of the term."),
  to: instant.nullable().default(null).describe("First instant after the term; left out when the term is open."),
  purpose: text("What the data is for."),
  storage_basis: z
    .union([storageBasis, z.array(storageBasis).min(1)])
    .describe("Why the consumer may store the data: 42.1 for use within the term, 42.2 for performance, 42.3 a rule permits."),
  ...itemSchemas,
}).describe("The agreement between provider and consumer (Decree 47/2020, Article 38).");

const directBasis = strict({
  document: text("Number of the document."),
  date: instant.describe("Day of the document."),
  issuer: text("The agency that manages the intermediary."),
  reason: text("Why the intermediary is not used."),
}).describe("The written statement that a direct connection needs (Decree 194/2025, Article 19.2).");

const columnOptions = strict({
  to: targetColumn.optional().describe("Name in the target; the source's when left out."),
  type: typeDeclaration.optional().describe("Type in the target; the source's, or the like one of another family, when left out."),
  accept_loss: z.boolean().optional().describe("Written where `type` holds less than the source's type."),
  code_list: text("Code list that the values belong to.").optional(),
  class: text("Data class of the column.").optional(),
});

const columns = z.union([
  z.literal("all"),
  z.array(z.union([name, z.record(name, columnOptions.nullable())])).min(1),
  z.record(name, columnOptions.nullable()),
]);

/** Stands for the filter in the schema; engine/config/where-parser.ts reads it, and the published schema describes it. */
export const whereField = z.unknown().describe("Which rows are shared; all when left out. Several columns are ANDed.");

/** Stands for a subscription's parameters in the schema; engine/config/subscription-parameters.ts reads them. */
export const parametersField = z.unknown().describe("Values of the parameters that the share's filters use.");

const reference = strict({
  table: tableName.describe("The table, in the target's database: schema.table."),
  columns: z.array(name).min(1).describe("Its columns that hold the reference, in the order of `to`."),
  to: z.array(name).min(1).optional().describe("Columns of the copy, by their names there, that are referred to; the key when left out."),
}).describe("A table of the consumer's own whose rows refer to the copy's.");

const table = strict({
  source: tableName.describe("Table in the source."),
  target: tableName.describe("What readers query. The rows lie in a table of this name in another schema."),
  physical_schema: name.optional().describe("Schema of the table that holds the rows; <schema>_copy when left out."),
  key: z.array(name).min(1).optional().describe("Columns that identify a row, by source name; the primary key when left out."),
  columns: columns
    .default("all")
    .describe("Columns that are shared: a list of names or of {name: options}, a mapping from names to options, or `all`."),
  where: whereField.optional(),
  referenced_by: z
    .array(reference)
    .default([])
    .describe("The consumers' own tables that refer to the copy: a comparison lists what they refer to and the copy does not have."),
}).describe("A table of the share.");

const subscription = strict({
  target: id.describe("Id of the target."),
  parameters: parametersField.optional(),
}).describe("One consumer's copy of the share.");

const reconcile = strict({
  every: duration
    .nullable()
    .default(null)
    .describe("How often each copy is compared with its master by itself, as an ISO 8601 duration; left out or null: only by command."),
  repair: z
    .enum(["none", "review", "auto"])
    .default("none")
    .describe("What becomes of differences: nothing, a plan that a person approves, or repair at once, the master being right."),
  on_difference: z
    .enum(["report", "quarantine"])
    .default("report")
    .describe("Whether a copy that is left with differences is only reported, or refused until it was loaded anew."),
  keys: z.enum(["exact", "digests"]).default("exact").describe("How the keys of differing rows are shown: as they are, or as digests."),
  rows_per_second: z
    .int()
    .min(1)
    .max(1_000_000_000)
    .nullable()
    .default(null)
    .describe(
      "Rows that are read each second of the master and of a copy at most; left out or null: no bound but that each server is left alone half of the time, and longer while it is busy.",
    ),
}).describe("How copies are compared with their master.");

const share = strict({
  id: id.describe("Identifier of the share."),
  source: id.describe("Id of the source that owns the tables."),
  regulation,
  agreement,
  model: z
    .enum(["intermediary", "direct"])
    .default("intermediary")
    .describe("How the parties are connected (Decree 47/2020, Article 46); says nothing of the connector."),
  platform: text("With model intermediary: the platform that dongbo runs on or reads from.").optional(),
  direct_basis: directBasis.optional(),
  tables: z.array(table).min(1).describe("What is shared."),
  subscriptions: z.array(subscription).describe("Who receives it."),
  quarantine_max: z
    .int()
    .min(0)
    .max(1_000_000)
    .default(100)
    .describe("Rows of one table that may be in quarantine before the table stops."),
  reconcile: reconcile.prefault({}),
}).describe("What one provider agreed to give.");

const fleet = strict({
  lease: lease
    .prefault("PT8S")
    .describe("How long a worker owns a source after it was last heard of: so long after its sudden death another takes over."),
  jobs_per_source: z
    .int()
    .min(1)
    .max(100)
    .default(2)
    .describe("Jobs, such as comparisons, that read the same source at the same time, in the whole fleet."),
  jobs_per_target: z.int().min(1).max(100).default(1).describe("Jobs that read the same target at the same time, in the whole fleet."),
  rows_per_job: z
    .int()
    .min(1_000)
    .max(1_000_000_000)
    .default(1_000_000)
    .describe("Rows of a table that one job compares, about: a table at least twice as large is compared in parts, by whoever is free."),
}).describe("How several `dongbo worker` share the work.");

/** The whole file. */
export const configFile = strict({
  version: z.literal(1).describe("Version of this file's format."),
  control: z
    .string()
    .min(1)
    .default("embedded")
    .describe("Control database: `embedded`, a PostgreSQL of dongbo's own under data_dir, or a postgres URL."),
  data_dir: z.string().min(1).default(".dongbo").describe("Folder for spool, embedded control database and logs; relative to this file."),
  listen: listen
    .prefault("127.0.0.1:9464")
    .describe("Where metrics, health and console are served: host:port, or `off`. Port 0: any free one."),
  redis: redisUrl.optional(),
  fleet: fleet.prefault({}),
  sources: z
    .record(id, source)
    .refine((map) => Object.keys(map).length > 0)
    .describe(
      "Sources by id. One database may be named as several, so that several workers read it: each has a slot and a publication, or a connection to the binary log, and limits of its own, and each table is shared from one of them. A share that moves between PostgreSQL sources is loaded anew; a source that is not used any more leaves its slot on the server, to be dropped there.",
    ),
  targets: z
    .record(id, target)
    .refine((map) => Object.keys(map).length > 0)
    .describe("Targets by id."),
  shares: z.array(share).min(1).describe("Shares."),
}).describe("Configuration of dongbo");

export type ConfigFile = z.output<typeof configFile>;
