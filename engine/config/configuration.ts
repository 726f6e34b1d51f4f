import type { SourceLocation } from "../model/finding.ts";
import type { DebeziumOptions } from "../model/debezium-options.ts";
import type { RepairPolicy } from "../model/reconcile-report.ts";
import type { KafkaAddress, RedisAddress, ServerAddress } from "../model/server-address.ts";
import type { ExpiryPolicy } from "../model/share.ts";
import type { TableName } from "../model/table.ts";
import type { WhereClause } from "./where-clause.ts";

/**
 * The configuration after reading: every default filled in, every path absolute, every unit named, every reference within
 * the file known to hold. The rest of the program sees only this, never the file. `location` says where a part is written.
 */
export interface Configuration {
  /** Absolute path of the file. */
  readonly file: string;
  /** Where lifecycle, orders and evidence are kept; `embedded`: a PostgreSQL of dongbo's own under `dataDir`. */
  readonly control: "embedded" | ServerAddress;
  /** Absolute path of the folder for spool, embedded control database and logs. */
  readonly dataDir: string;
  /** Where metrics, health and console are served; null: nowhere. */
  readonly listen: ListenAddress | null;
  /** Hands out the fleet's jobs; null: there is no fleet. */
  readonly redis: RedisAddress | null;
  readonly fleet: FleetConfiguration;
  readonly sources: ReadonlyMap<string, SourceConfiguration>;
  readonly targets: ReadonlyMap<string, TargetConfiguration>;
  /** In the order of the file. */
  readonly shares: readonly ShareConfiguration[];
}

/** How several workers share the work. */
interface FleetConfiguration {
  /** How long a worker owns a source after it was last heard of. */
  readonly leaseSeconds: number;
  /** Jobs that read the same source, or the same target, at the same time, in the whole fleet. */
  readonly jobsPerSource: number;
  readonly jobsPerTarget: number;
  /** Rows of a table that one job compares, about. */
  readonly rowsPerJob: number;
}

export interface ListenAddress {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
}

/** An agency, by the identifier it has in the sharing log and the name people know it by. */
interface Agency {
  readonly id: string;
  readonly name: string;
}

export type SourceConfiguration = PostgresSourceConfiguration | MysqlSourceConfiguration | DebeziumSourceConfiguration;

interface EverySource {
  readonly id: string;
  readonly provider: Agency;
  readonly limits: SourceLimits;
  readonly location: SourceLocation;
}

export interface PostgresSourceConfiguration extends EverySource {
  readonly connector: "postgres";
  readonly address: ServerAddress;
  /** Names of dongbo's objects on the server: as written, or derived from the id. */
  readonly slot: string;
  readonly publication: string;
}

export interface MysqlSourceConfiguration extends EverySource {
  readonly connector: "mysql";
  readonly address: ServerAddress;
  /** What dongbo calls itself as a replica of the server; null: derived, see MysqlSource. */
  readonly serverId: number | null;
}

export interface DebeziumSourceConfiguration extends EverySource {
  readonly connector: "debezium";
  readonly debezium: DebeziumOptions;
}

/** What dongbo may take from a master. */
interface SourceLimits {
  /** Connections open at once, the one that streams included. */
  readonly connections: number;
  /** Log that the server may be made to keep; beyond it the subscriptions that lag furthest are parked. */
  readonly walRetainedMaxBytes: number;
  /** Disk that one subscription's backlog may take under `dataDir` before the subscription is parked. */
  readonly spoolMaxBytes: number;
}

export type TargetConfiguration = DatabaseTargetConfiguration | KafkaTargetConfiguration;

interface EveryTarget {
  readonly id: string;
  readonly consumer: Agency;
  readonly location: SourceLocation;
}

export interface DatabaseTargetConfiguration extends EveryTarget {
  readonly connector: "postgres" | "mysql";
  readonly address: ServerAddress;
  /** Roles that get SELECT on the views. */
  readonly readers: readonly string[];
}

/** What the share holds is published in Debezium's envelopes. */
export interface KafkaTargetConfiguration extends EveryTarget {
  readonly connector: "kafka";
  readonly kafka: KafkaAddress;
  readonly topics: PublishedTopics;
}

export interface PublishedTopics {
  /** Topics are `<prefix>.<schema>.<table>`. */
  readonly prefix: string;
  /** Of topics that dongbo makes. */
  readonly partitions: number;
}

export interface ShareConfiguration {
  readonly id: string;
  /** Id of the source. */
  readonly source: string;
  readonly regulation: RegulationConfiguration;
  readonly agreement: AgreementConfiguration;
  readonly model: ConnectionModel;
  readonly tables: readonly TableConfiguration[];
  readonly subscriptions: readonly SubscriptionConfiguration[];
  /** Rows a table may have in quarantine before it stops. */
  readonly quarantineMax: number;
  readonly reconcile: ReconcileConfiguration;
  readonly location: SourceLocation;
}

/** How copies are compared with their master. */
export interface ReconcileConfiguration {
  /** How often that begins by itself; null: only by command. */
  readonly everySeconds: number | null;
  readonly repair: RepairPolicy;
  /** quarantine: a copy that is left with differences is refused until it was loaded anew. */
  readonly onDifference: "report" | "quarantine";
  /** How keys of differing rows are shown. */
  readonly keys: "exact" | "digests";
  /** Rows that are read each second of the master and of a copy at most; null: no bound. */
  readonly rowsPerSecondMax: number | null;
}

/** The public usage regulation of the database (D47 22, 41.1, 45.3). */
interface RegulationConfiguration {
  readonly id: string;
  readonly validityPeriodSeconds: number;
  readonly onExpiry: ExpiryPolicy;
  readonly logRetentionSeconds: number;
  readonly issuer: string | null;
  /** First instant of the day of issue, Vietnam's time. */
  readonly date: Date | null;
  readonly url: string | null;
}

/** Why a consumer may store what it was given (D47 42.1–3). */
type StorageBasis = "42.1" | "42.2" | "42.3";

export interface AgreementConfiguration {
  readonly id: string;
  /** First instant of the term. */
  readonly from: Date;
  /** First instant after the term; null when the term is open. */
  readonly to: Date | null;
  readonly purpose: string;
  readonly storageBasis: readonly StorageBasis[];
  /** Further items of the agreement (D47 38), free text by key, in the order of the file. */
  readonly items: ReadonlyMap<string, string>;
  readonly location: SourceLocation;
}

/** How the parties are connected (D47 46, D194 19); it says nothing of the connector. */
export type ConnectionModel =
  | {
      readonly kind: "intermediary";
      /** The platform that dongbo runs on or reads from; null: not named, which the loader warns of. */
      readonly platform: string | null;
    }
  | { readonly kind: "direct"; readonly basis: DirectBasis };

/** The written statement without which nobody may connect directly (D194 19.2). */
interface DirectBasis {
  readonly document: string;
  readonly date: Date;
  readonly issuer: string;
  readonly reason: string;
}

export interface TableConfiguration {
  readonly source: TableName;
  /** What readers query. */
  readonly target: TableName;
  /** Schema of the physical table, which has the target's name. */
  readonly physicalSchema: string;
  /** Key columns by source name; null: the source's primary key. */
  readonly key: readonly string[] | null;
  /** Null: all columns that the source has when the share is applied. */
  readonly columns: readonly ColumnConfiguration[] | null;
  /** Null: all rows. */
  readonly where: WhereClause | null;
  /** In the order of the file. */
  readonly referencedBy: readonly ReferenceConfiguration[];
  readonly location: SourceLocation;
}

/** A table of a consumer's own, in the target's database, whose rows refer to the copy's (RC-02). */
export interface ReferenceConfiguration {
  readonly table: TableName;
  readonly columns: readonly string[];
  /** Columns of the copy, by target name, one for each of `columns`; null: the key. */
  readonly to: readonly string[] | null;
  readonly location: SourceLocation;
}

export interface ColumnConfiguration {
  readonly source: string;
  readonly target: string;
  /** The column's type in the target, as DDL there; null: the source's own, or what stands for it in another family. */
  readonly type: string | null;
  /** The share's parties accept that `type` holds less than the source's. */
  readonly acceptLoss: boolean;
  /** Code list that the values belong to; null: none. */
  readonly codeList: string | null;
  /** Data class of the column; null: none declared. */
  readonly class: string | null;
  readonly location: SourceLocation;
}

export interface SubscriptionConfiguration {
  /** `<share>/<target>`. */
  readonly id: string;
  /** Id of the target. */
  readonly target: string;
  /** Values by parameter name, as text in the type of the column they are compared with. */
  readonly parameters: ReadonlyMap<string, readonly string[]>;
  readonly location: SourceLocation;
}
