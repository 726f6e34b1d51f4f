// Settings of Debezium and Kafka Connect that lose something, with what is lost and what to write instead (Debezium documentation,
// "Connector properties" of each connector). What is left out has the default that is named here.
import type { ErrorCode } from "../../../engine/model/error-codes.ts";
import type { Finding } from "../../../engine/model/finding.ts";
import { newFinding } from "../../../engine/model/new-finding.ts";
import type { SourceConnector } from "../decode/change-event.ts";
import type { ConnectorFacts } from "./connector-facts.ts";

interface Rule {
  readonly setting: string;
  readonly code: ErrorCode;
  readonly severity: Finding["severity"];
  readonly unwritten: string;
  /** Values that lose nothing. */
  readonly good: readonly string[];
  /** What happens with any other. */
  readonly loss: string;
  /** Connectors that have the setting; left out: all. */
  readonly of?: readonly SourceConnector[];
}

const binlog = ["mysql", "mariadb"] as const;

export const settingRules: readonly Rule[] = [
  {
    setting: "event.processing.failure.handling.mode",
    code: "DB-KAF-147",
    severity: "error",
    unwritten: "fail",
    good: ["fail"],
    loss: "changes that the connector cannot handle are left out",
  },
  {
    setting: "event.deserialization.failure.handling.mode",
    code: "DB-KAF-147",
    severity: "error",
    unwritten: "fail",
    good: ["fail"],
    loss: "changes that the connector cannot read are left out",
    of: binlog,
  },
  {
    setting: "inconsistent.schema.handling.mode",
    code: "DB-KAF-147",
    severity: "error",
    unwritten: "fail",
    good: ["fail"],
    loss: "changes of tables that the connector lost track of are left out",
    of: binlog,
  },
  {
    setting: "errors.tolerance",
    code: "DB-KAF-147",
    severity: "error",
    unwritten: "none",
    good: ["none"],
    loss: "records that a transform or converter fails on are left out",
  },
  {
    setting: "slot.drop.on.stop",
    code: "DB-KAF-147",
    severity: "error",
    unwritten: "false",
    good: ["false"],
    loss: "what changes while the connector is stopped never comes",
    of: ["postgresql"],
  },
  {
    setting: "event.converting.failure.handling.mode",
    code: "DB-KAF-148",
    severity: "warning",
    unwritten: "warn",
    good: ["fail"],
    loss: "a value that the connector cannot convert comes as NULL",
  },
  {
    setting: "time.precision.mode",
    code: "DB-KAF-148",
    severity: "error",
    unwritten: "adaptive",
    good: ["adaptive", "adaptive_time_microseconds", "isostring", "microseconds", "nanoseconds"],
    loss: "times lose what is finer than a millisecond",
  },
  {
    setting: "interval.handling.mode",
    code: "DB-KAF-148",
    severity: "warning",
    unwritten: "numeric",
    good: ["string"],
    loss: "intervals come as microseconds, in which a month has no length of its own",
    of: ["postgresql", "oracle"],
  },
  {
    setting: "bigint.unsigned.handling.mode",
    code: "DB-KAF-148",
    severity: "warning",
    unwritten: "long",
    good: ["precise"],
    loss: "unsigned numbers above 9223372036854775807 come as negative ones",
    of: binlog,
  },
  {
    setting: "enable.time.adjuster",
    code: "DB-KAF-148",
    severity: "info",
    unwritten: "true",
    good: ["false"],
    loss: "years below 100 come as years of 1970 to 2069",
    of: binlog,
  },
  {
    setting: "include.unknown.datatypes",
    code: "DB-KAF-147",
    severity: "warning",
    unwritten: "false",
    good: ["true"],
    loss: "columns of types that the connector does not know (composites, types of extensions) are left out, and values of type name come as NULL",
    of: ["postgresql"],
  },
  {
    setting: "field.name.adjustment.mode",
    code: "DB-KAF-149",
    severity: "warning",
    unwritten: "none",
    good: ["none"],
    loss: "columns whose names have other letters than Avro's come under other names",
  },
  {
    setting: "tombstones.on.delete",
    code: "DB-KAF-147",
    severity: "info",
    unwritten: "true",
    good: ["true"],
    loss: "keys of deleted rows stay in compacted topics for ever",
  },
];

/** Settings that lose something whatever they are set to. */
const presences: readonly Pick<Rule, "setting" | "code" | "severity" | "loss">[] = [
  {
    setting: "converters",
    code: "DB-KAF-148",
    severity: "warning",
    loss: "custom converters decide what values become",
  },
  {
    setting: "post.processors",
    code: "DB-KAF-148",
    severity: "warning",
    loss: "post processors change rows, and a re-selected value is of another moment than its row",
  },
  {
    setting: "gtid.source.includes",
    code: "DB-KAF-147",
    severity: "warning",
    loss: "changes that began on servers not listed are left out",
  },
  {
    setting: "gtid.source.excludes",
    code: "DB-KAF-147",
    severity: "warning",
    loss: "changes that began on the servers listed are left out",
  },
];

export function judgeLossySettings({ settings, kind }: ConnectorFacts, connector: string): Finding[] {
  const applying = settingRules.filter(({ of }) => of === undefined || kind === null || of.includes(kind));
  const lossy = applying.flatMap(({ setting, code, severity, unwritten, good, loss }) => {
    const written = settings.get(setting);
    const value = (written ?? unwritten).trim().toLowerCase();
    if (good.includes(value)) return [];
    const cause = `${setting} is ${written === undefined ? `not set, and so ${value}` : value}: ${loss}`;
    return [newFinding(code, severity, connector, { cause, remedy: write(setting, good[0] ?? "") })];
  });
  const present = presences.flatMap(({ setting, code, severity, loss }) => {
    if ((settings.get(setting) ?? "").trim() === "") return [];
    return [newFinding(code, severity, connector, { cause: `${setting} is set: ${loss}`, remedy: `Remove ${setting}` })];
  });
  return [...lossy, ...present];
}

export function write(setting: string, value: string): string {
  return `Write ${setting}=${value} into the connector's configuration`;
}
