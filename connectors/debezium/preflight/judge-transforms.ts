// Transforms that a connector applies to its records, and the converters that write them → findings. Pure.
import type { Finding } from "../../../engine/model/finding.ts";
import { newFinding } from "../../../engine/model/new-finding.ts";
import type { ConverterOptions } from "../../../engine/model/debezium-options.ts";
import type { ConnectorFacts } from "./connector-facts.ts";
import { write } from "./lossy-settings.ts";

/** The class without its package and without `$Key` or `$Value`. */
const harmless: ReadonlySet<string> = new Set([
  "ExtractChangedRecordState",
  "SchemaChangeEventFilter",
  "DecodeLogicalDecodingMessageContent",
  "HeaderFrom",
  "InsertHeader",
  "DropHeaders",
]);

const known: Readonly<Record<string, Pick<Finding, "code" | "severity"> & { readonly effect: string }>> = {
  ExtractNewRecordState: { code: "DB-KAF-149", severity: "error", effect: "takes the envelope away, and with it what a change was" },
  EventRouter: { code: "DB-KAF-149", severity: "error", effect: "turns rows into messages of another form" },
  ReadToInsertEvent: { code: "DB-KAF-149", severity: "error", effect: "makes rows of the snapshot look like changes" },
  Filter: { code: "DB-KAF-147", severity: "error", effect: "leaves records out" },
  ContentBasedRouter: { code: "DB-KAF-147", severity: "error", effect: "sends changes of one table to several topics" },
  RegexRouter: { code: "DB-KAF-149", severity: "warning", effect: "sends records to topics of other names" },
  ByLogicalTableRouter: { code: "DB-KAF-149", severity: "warning", effect: "sends records to topics of other names, under other keys" },
  PartitionRouting: {
    code: "DB-KAF-149",
    severity: "warning",
    effect: "spreads rows by other columns than their key, whose change then has no order",
  },
  TimezoneConverter: { code: "DB-KAF-148", severity: "error", effect: "changes times" },
};

export function judgeTransforms({ settings }: ConnectorFacts, connector: string): Finding[] {
  const aliases = (settings.get("transforms") ?? "").split(",").map((alias) => alias.trim());
  return aliases
    .filter((alias) => alias !== "")
    .flatMap((alias) => {
      const type = settings.get(`transforms.${alias}.type`) ?? "";
      const name = type.replace(/\$.*$/, "").replace(/^.*\./, "");
      if (harmless.has(name)) return [];
      const found = Object.hasOwn(known, name) ? known[name] : undefined;
      const { code, severity, effect } = found ?? {
        code: "DB-KAF-149",
        severity: "error",
        effect: "changes records in a way that dongbo does not know",
      };
      const cause = `the transform ${alias} (${name === "" ? "without a type" : name}) ${effect}`;
      const routes = name.endsWith("Router") && severity === "warning";
      const remedy = routes ? "Name the topics in `topics.tables`" : `Remove ${alias} from transforms`;
      return [newFinding(code, severity, connector, { cause, remedy })];
    });
}

const formats: Readonly<Record<string, ConverterOptions["format"]>> = {
  "org.apache.kafka.connect.json.JsonConverter": "json",
  "io.confluent.connect.avro.AvroConverter": "avro",
  "io.apicurio.registry.utils.converter.AvroConverter": "avro",
};

/** Where the connector names no converter, that of its worker counts, which Kafka Connect does not tell. */
export function judgeConverters({ settings }: ConnectorFacts, options: ConverterOptions, connector: string): Finding[] {
  return (["key", "value"] as const).flatMap((side) => judgeConverter(settings, side, options, connector));
}

function judgeConverter(
  settings: ReadonlyMap<string, string>,
  side: "key" | "value",
  options: ConverterOptions,
  connector: string,
): Finding[] {
  const setting = `${side}.converter`;
  const type = settings.get(setting);
  if (type === undefined) {
    const cause = `${setting} is not set: the worker's own writes the records, and Kafka Connect does not tell which one`;
    return [
      newFinding("DB-KAF-149", "info", connector, { cause, remedy: `Set ${setting} and its settings in the connector's configuration` }),
    ];
  }
  const format = formats[type];
  if (format === undefined) {
    const name = type.replace(/^.*\./, "");
    const cause = `${setting} is ${name}: dongbo reads what JsonConverter and AvroConverter write`;
    return [newFinding("DB-KAF-149", "error", connector, { cause, remedy: write(setting, "org.apache.kafka.connect.json.JsonConverter") })];
  }
  if (format !== options.format) {
    const cause = `${setting} writes ${format}, the configuration's \`converter\` reads ${options.format}`;
    return [newFinding("DB-KAF-149", "error", connector, { cause, remedy: `Write \`format: ${format}\` in \`converter\`` })];
  }
  return judgeNulls(settings, setting, format, connector);
}

/** KIP-581 and its like for Avro: converters write the default of a column where its value is NULL, unless they are told not to. */
function judgeNulls(
  settings: ReadonlyMap<string, string>,
  converter: string,
  format: ConverterOptions["format"],
  connector: string,
): Finding[] {
  const [setting, wanted] = format === "json" ? ["replace.null.with.default", "false"] : ["ignore.default.for.nullables", "true"];
  const written = settings.get(`${converter}.${setting}`);
  if (written?.trim().toLowerCase() === wanted) return [];
  const cause = `${converter}.${setting} is ${written ?? "not set"}: NULL comes as the column's default`;
  return [newFinding("DB-KAF-148", "error", connector, { cause, remedy: write(`${converter}.${setting}`, wanted ?? "") })];
}
