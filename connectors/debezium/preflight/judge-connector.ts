// What Kafka Connect tells of a connector → findings: what its settings lose, and whether it runs. Pure.
import type { DebeziumOptions } from "../../../engine/model/debezium-options.ts";
import type { ErrorCode } from "../../../engine/model/error-codes.ts";
import type { Finding } from "../../../engine/model/finding.ts";
import { newFinding } from "../../../engine/model/new-finding.ts";
import type { TableMapping } from "../../../engine/model/share.ts";
import type { TableName } from "../../../engine/model/table.ts";
import type { ConnectorFacts } from "./connector-facts.ts";
import { judgeCoverage } from "./judge-coverage.ts";
import { judgeConverters, judgeTransforms } from "./judge-transforms.ts";
import { judgeLossySettings, write } from "./lossy-settings.ts";

/** What a source's shares need of its connector. */
export interface SourceNeeds {
  /** Every table that a share names. */
  readonly tables: readonly TableName[];
  /** Of the tables that could be resolved, how each subscription uses them. */
  readonly mappings: readonly TableMapping[];
  /** The shortest of the shares' validity periods. */
  readonly validitySeconds: number;
}

export function judgeConnector(facts: ConnectorFacts, options: DebeziumOptions, needs: SourceNeeds): Finding[] {
  const connector = options.connect?.connector ?? options.name;
  const judge = new Judge(facts.settings, options, connector);
  if (facts.kind === null) {
    judge.add("DB-KAF-146", "error", "its class is none of Debezium's for PostgreSQL, MySQL, MariaDB, SQL Server, Oracle and Db2");
    return judge.findings;
  }
  judgeState(facts, judge);
  judge.names();
  judge.operations();
  judge.decimals();
  judge.bytes();
  judge.placeholder();
  judge.snapshot();
  judge.heartbeats(facts, needs.validitySeconds);
  judge.transactions();
  return [
    ...judge.findings,
    ...judgeLossySettings(facts, connector),
    ...judgeTransforms(facts, connector),
    ...judgeConverters(facts, options.converter, connector),
    ...judgeCoverage(facts, needs.tables, needs.mappings),
  ];
}

/** A task's failure is told by its state only: its trace may quote rows. */
function judgeState({ state, tasks }: ConnectorFacts, judge: Judge): void {
  const failed = tasks.filter((task) => task !== "RUNNING");
  if (state !== "RUNNING") judge.add("DB-KAF-145", "error", `the connector is ${state}`);
  else if (failed.length > 0) judge.add("DB-KAF-145", "error", `the connector's task is ${failed[0] ?? "unknown"}`);
  else if (tasks.length === 0) judge.add("DB-KAF-145", "error", "the connector has no task");
}

class Judge {
  readonly findings: Finding[] = [];
  readonly #settings: ReadonlyMap<string, string>;
  readonly #options: DebeziumOptions;
  readonly #connector: string;

  constructor(settings: ReadonlyMap<string, string>, options: DebeziumOptions, connector: string) {
    this.#settings = settings;
    this.#options = options;
    this.#connector = connector;
  }

  add(code: ErrorCode, severity: Finding["severity"], cause: string, remedy?: string): void {
    this.findings.push(newFinding(code, severity, this.#connector, { cause, ...(remedy === undefined ? {} : { remedy }) }));
  }

  names(): void {
    const { prefix, heartbeat } = this.#options.topics;
    const written = this.#setting("topic.prefix", "");
    if (written !== prefix) return this.add("DB-KAF-146", "error", `its topic.prefix is ${written}, \`topics.prefix\` is ${prefix}`);
    const beats = `${this.#setting("topic.heartbeat.prefix", "__debezium-heartbeat")}.${prefix}`;
    if (beats === heartbeat) return;
    this.add(
      "DB-KAF-146",
      "error",
      `its heartbeats are in ${beats}, \`topics.heartbeat\` is ${heartbeat}`,
      `Write \`heartbeat: ${beats}\` in \`topics\``,
    );
  }

  operations(): void {
    const names: Readonly<Record<string, string>> = { c: "inserts", u: "updates", d: "deletes", t: "TRUNCATE" };
    const written = this.#setting("skipped.operations", "t");
    const skipped = written.split(",").flatMap((operation) => names[operation.trim().toLowerCase()] ?? []);
    if (skipped.length === 0) return;
    const rows = skipped.some((operation) => operation !== names["t"]);
    const how = this.#settings.has("skipped.operations") ? written : `not set, and so ${written}`;
    const cause = `skipped.operations is ${how}: ${skipped.join(" and ")} at the master never come`;
    this.add("DB-KAF-147", rows ? "error" : "warning", cause, write("skipped.operations", "none"));
  }

  decimals(): void {
    if (this.#setting("decimal.handling.mode", "precise").toLowerCase() !== "double") return;
    const accepted = this.#options.converter.acceptsInexactDecimals;
    const cause = "decimal.handling.mode is double: decimal numbers come as binary ones, which do not hold them exactly";
    this.add("DB-KAF-148", accepted ? "info" : "error", cause, write("decimal.handling.mode", "precise"));
  }

  /** Text is known to stand for bytes by the column's type alone, which only this setting tells. */
  bytes(): void {
    const mode = this.#setting("binary.handling.mode", "bytes").toLowerCase();
    const { binary } = this.#options.converter;
    if (mode !== binary) {
      const cause = `binary.handling.mode is ${mode}, \`binary\` in the configuration's \`converter\` is ${binary}`;
      this.add(
        "DB-KAF-149",
        "error",
        cause,
        `Write \`binary: ${mode}\` in \`converter\`, or binary.handling.mode=bytes into the connector's configuration`,
      );
    } else if (mode !== "bytes" && this.#setting("column.propagate.source.type", "") === "") {
      const cause = `binary.handling.mode is ${mode}: bytes come as text, and nothing tells them from text`;
      this.add("DB-KAF-148", "error", cause, write("column.propagate.source.type", ".*"));
    }
  }

  placeholder(): void {
    const written = this.#setting("unavailable.value.placeholder", "__debezium_unavailable_value");
    if (written === this.#options.converter.unavailable) return;
    const cause = "unavailable.value.placeholder is another one than `converter.unavailable`: it would be taken for a value";
    this.add("DB-KAF-149", "error", cause, "Write the same in both");
  }

  /** `no_data` had the names `never` and `schema_only` before Debezium 2.6. */
  snapshot(): void {
    const mode = this.#setting("snapshot.mode", "initial").toLowerCase();
    if (mode === "initial_only") {
      return this.add(
        "DB-KAF-147",
        "error",
        "snapshot.mode is initial_only: no change comes after the snapshot",
        write("snapshot.mode", "initial"),
      );
    }
    if (this.#options.master !== null) return;
    if (["no_data", "never", "schema_only", "schema_only_recovery", "recovery"].includes(mode)) {
      this.add("DB-KAF-152", "error", `snapshot.mode is ${mode}, which reads no rows, and no \`master\` is configured`);
    } else if (["custom", "configuration_based"].includes(mode)) {
      this.add("DB-KAF-152", "warning", `snapshot.mode is ${mode}: whether it reads every row, its name does not say`);
    }
    for (const setting of ["snapshot.select.statement.overrides", "snapshot.include.collection.list"]) {
      if (this.#setting(setting, "") === "") continue;
      this.add("DB-KAF-152", "warning", `${setting} limits what the snapshot reads`, `Remove ${setting}, or configure \`master\``);
    }
  }

  heartbeats({ kind }: ConnectorFacts, validitySeconds: number): void {
    const intervalMs = Number(this.#setting("heartbeat.interval.ms", "0"));
    const remedy = write("heartbeat.interval.ms", "10000");
    if (!(intervalMs > 0)) {
      const cause = "heartbeat.interval.ms is 0: copies expire while nothing changes at the master";
      return this.add("DB-KAF-150", "error", cause, remedy);
    }
    if (intervalMs * 2 >= validitySeconds * 1000) {
      const cause = `heartbeat.interval.ms is ${intervalMs}, and a copy is valid for ${validitySeconds} s: two heartbeats must come in that time`;
      this.add("DB-KAF-150", "error", cause, remedy);
    } else if (kind === "mysql" || kind === "mariadb") this.#serverBeats(validitySeconds);
    else if (this.#setting("heartbeat.action.query", "") === "") {
      const cause = "heartbeat.action.query is not set: heartbeats go on while the master hangs, and vouch for it all the same";
      const proof = "Set heartbeat.action.query to change a small table of its own at the master, and name its topic in `topics.proof`";
      this.add("DB-KAF-150", "warning", cause, proof);
    }
  }

  /** While nothing changes, these connectors beat only when the server itself says that it lives, at four fifths of this interval. */
  #serverBeats(validitySeconds: number): void {
    const keepAliveMs = Number(this.#setting("connect.keep.alive.interval.ms", "60000"));
    if (keepAliveMs * 0.8 * 2 < validitySeconds * 1000) return;
    const cause = `connect.keep.alive.interval.ms is ${keepAliveMs}: while nothing changes, heartbeats come every ${keepAliveMs * 0.8} ms, and a copy is valid for ${validitySeconds} s`;
    this.add("DB-KAF-150", "error", cause, write("connect.keep.alive.interval.ms", String(Math.max(100, validitySeconds * 100))));
  }

  transactions(): void {
    const { prefix, transactions } = this.#options.topics;
    const on = this.#setting("provide.transaction.metadata", "false").toLowerCase() === "true";
    const topic = `${prefix}.${this.#setting("topic.transaction", "transaction")}`;
    if (on && transactions === null) {
      const cause = "the connector tells which changes belong together, and `topics.transactions` is not named";
      this.add("DB-KAF-151", "info", cause, `Write \`transactions: ${topic}\` in \`topics\` for copies that change by whole transactions`);
    } else if (!on && transactions !== null) {
      const cause = "provide.transaction.metadata is false, and `topics.transactions` is named: nothing would ever be applied";
      this.add("DB-KAF-151", "error", cause, write("provide.transaction.metadata", "true"));
    } else if (on && transactions !== topic) {
      this.add("DB-KAF-151", "error", `its transactions are in ${topic}, \`topics.transactions\` is ${transactions ?? ""}`);
    }
  }

  #setting(name: string, unwritten: string): string {
    return (this.#settings.get(name) ?? unwritten).trim();
  }
}
