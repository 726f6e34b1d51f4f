// The parts of the file that are more than a shape: connection URLs, filters, parameters. Each is read wherever it
// stands, whether or not the rest of the file is in order, so that its mistakes are told in the first round.
import type { ServerAddress } from "../model/server-address.ts";
import { child, entries, items, textOf, type ConfigNode } from "./config-node.ts";
import type { Report } from "./report.ts";
import { mentionsReference, type Environment } from "./secret-references.ts";
import { parseServerUrl } from "./server-url.ts";
import { readParameters, type GivenParameter } from "./subscription-parameters.ts";
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
  readonly filters: ReadonlyMap<ConfigNode, WhereClause>;
  /** By the subscription's node; an empty map where it has no `parameters:`. */
  readonly parameters: ReadonlyMap<ConfigNode, ReadonlyMap<string, GivenParameter>>;
}

export function readParts(root: ConfigNode, context: FileContext, report: Report): ConfigParts {
  const urls = urlNodes(root, report);
  refuseReferencesElsewhere(root, new Set(urls.keys()), report);
  return { addresses: readAddresses(urls, context, report), ...readFilters(root, report) };
}

/** Every place that holds a connection URL, with the kind of server it must lead to; null: any. */
function urlNodes(root: ConfigNode, report: Report): Map<ConfigNode, ServerAddress["kind"] | null> {
  const urls = new Map<ConfigNode, ServerAddress["kind"] | null>();
  const control = child(root, "control");
  if (control !== undefined && textOf(control) !== "embedded") urls.set(control, "postgres");
  for (const server of [...entries(child(root, "sources")), ...entries(child(root, "targets"))]) {
    const connector = child(server.node, "connector");
    const name = textOf(connector);
    if (connector !== undefined && name === "debezium") {
      report.error("DB-CFG-012", connector, { cause: `this build has no connector \`${name}\` yet` });
    }
    const url = child(server.node, "url");
    // Where a broker is, is not written like where a database is.
    if (url !== undefined && name !== "debezium") urls.set(url, name === "postgres" || name === "mysql" ? name : null);
  }
  return urls;
}

function readAddresses(
  urls: ReadonlyMap<ConfigNode, ServerAddress["kind"] | null>,
  context: FileContext,
  report: Report,
): Map<ConfigNode, ServerAddress> {
  const addresses = new Map<ConfigNode, ServerAddress>();
  for (const [node, kind] of urls) {
    const url = textOf(node);
    if (url === undefined) continue;
    const reading = parseServerUrl(url, { ...context, kind });
    for (const problem of reading.problems) report.problem(problem, node);
    for (const warning of reading.warnings) report.warning(warning.code, node, warning);
    if (reading.address !== null) addresses.set(node, reading.address);
  }
  return addresses;
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
