// The parts of the file that are more than a shape: connection URLs, filters, parameters. Each is read wherever it
// stands, whether or not the rest of the file is in order, so that its mistakes are told in the first round.
import type { HttpAddress, KafkaAddress, RedisAddress, ServerAddress } from "../model/server-address.ts";
import { child, entries, items, textOf, type ConfigNode } from "./config-node.ts";
import { parseHttpUrl } from "./http-url.ts";
import { parseKafkaUrl } from "./kafka-url.ts";
import { parseRedisUrl } from "./redis-url.ts";
import type { Report } from "./report.ts";
import { mentionsReference, type Environment } from "./secret-references.ts";
import { parseServerUrl, type UrlReading } from "./server-url.ts";
import { readParameters, type GivenParameter } from "./subscription-parameters.ts";
import type { UrlKind } from "./url-text.ts";
import type { WhereClause } from "./where-clause.ts";
import { parseWhere } from "./where-parser.ts";

export interface FileContext {
  readonly env: Environment;
  /** The configuration file's folder, absolute. */
  readonly directory: string;
}

/** What was read, by the node that it was read from; what could not be read is missing. */
export interface ConfigParts {
  readonly addresses: ReadonlyMap<ConfigNode, ServerAddress>;
  readonly brokers: ReadonlyMap<ConfigNode, KafkaAddress>;
  readonly services: ReadonlyMap<ConfigNode, HttpAddress>;
  readonly queues: ReadonlyMap<ConfigNode, RedisAddress>;
  readonly filters: ReadonlyMap<ConfigNode, WhereClause>;
  /** By the subscription's node; an empty map where it has no `parameters:`. */
  readonly parameters: ReadonlyMap<ConfigNode, ReadonlyMap<string, GivenParameter>>;
}

export function readParts(root: ConfigNode, context: FileContext, report: Report): ConfigParts {
  const urls = urlNodes(root);
  refuseReferencesElsewhere(root, new Set(urls.keys()), report);
  return { ...readAddresses(urls, context, report), ...readFilters(root, report) };
}

/** `database`: of any kind. */
type Expected = UrlKind | "database";

const expectedBy: Readonly<Record<string, UrlKind>> = { postgres: "postgres", mysql: "mysql", debezium: "kafka", kafka: "kafka" };

/** Every place that holds a connection URL, with what it must lead to. */
function urlNodes(root: ConfigNode): Map<ConfigNode, Expected> {
  const urls = new Map<ConfigNode, Expected>();
  const add = (node: ConfigNode | undefined, kind: Expected): void => {
    if (node !== undefined) urls.set(node, kind);
  };
  const control = child(root, "control");
  if (textOf(control) !== "embedded") add(control, "postgres");
  add(child(root, "redis"), "redis");
  for (const { node } of [...entries(child(root, "sources")), ...entries(child(root, "targets"))]) {
    add(child(node, "url"), expectedBy[textOf(child(node, "connector")) ?? ""] ?? "database");
    add(child(node, "master"), "database");
    add(child(child(node, "converter"), "registry"), "http");
    add(child(child(node, "connect"), "url"), "http");
  }
  return urls;
}

type Addresses = Pick<ConfigParts, "addresses" | "brokers" | "services" | "queues">;

function readAddresses(urls: ReadonlyMap<ConfigNode, Expected>, context: FileContext, report: Report): Addresses {
  const addresses = new Map<ConfigNode, ServerAddress>();
  const brokers = new Map<ConfigNode, KafkaAddress>();
  const services = new Map<ConfigNode, HttpAddress>();
  const queues = new Map<ConfigNode, RedisAddress>();
  for (const [node, kind] of urls) {
    const url = textOf(node);
    if (url === undefined) continue;
    if (kind === "kafka") keep(brokers, node, parseKafkaUrl(url, context), report);
    else if (kind === "redis") keep(queues, node, parseRedisUrl(url, context), report);
    else if (kind === "http") keep(services, node, parseHttpUrl(url, context), report);
    else keep(addresses, node, parseServerUrl(url, { ...context, kind: kind === "database" ? null : kind }), report);
  }
  return { addresses, brokers, services, queues };
}

function keep<Address>(kept: Map<ConfigNode, Address>, node: ConfigNode, reading: UrlReading<Address>, report: Report): void {
  for (const problem of reading.problems) report.problem(problem, node);
  for (const warning of reading.warnings) report.warning(warning.code, node, warning);
  if (reading.address !== null) kept.set(node, reading.address);
}

/** A reference where none is read would silently be taken literally, as a name or a path. */
function refuseReferencesElsewhere(node: ConfigNode, urls: ReadonlySet<ConfigNode>, report: Report): void {
  if (node.kind === "list") for (const item of node.items) refuseReferencesElsewhere(item, urls, report);
  else if (node.kind === "map") for (const entry of node.entries.values()) refuseReferencesElsewhere(entry.node, urls, report);
  else if (!urls.has(node) && mentionsReference(node.text)) {
    report.error("DB-CFG-024", node, { cause: "a reference to a secret is not read here" });
  }
}

function readFilters(root: ConfigNode, report: Report): Pick<ConfigParts, "filters" | "parameters"> {
  const filters = new Map<ConfigNode, WhereClause>();
  const parameters = new Map<ConfigNode, ReadonlyMap<string, GivenParameter>>();
  for (const share of items(child(root, "shares"))) {
    for (const table of items(child(share, "tables"))) {
      const where = child(table, "where");
      const clause = where === undefined ? null : parseWhere(where, report);
      if (where !== undefined && clause !== null) filters.set(where, clause);
    }
    for (const subscription of items(child(share, "subscriptions"))) {
      parameters.set(subscription, readParameters(child(subscription, "parameters"), report));
    }
  }
  return { filters, parameters };
}
