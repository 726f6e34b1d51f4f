import type { KafkaAddress, ServerAddress } from "../model/server-address.ts";
import { printTable, tableKey, type TableName } from "../model/table.ts";
import { child, entries, items, textOf, type ConfigNode, type MapEntry, type Place } from "./config-node.ts";
import type { ConfigParts } from "./config-parts.ts";
import { parseTopicName } from "./names.ts";
import type { Report } from "./report.ts";
import { sourceObjectName } from "./source-names.ts";
import { physicalSchemaOf, tableNameAt } from "./table-nodes.ts";
import { isLocal } from "./tls-settings.ts";

/**
 * MM-07: a master table has exactly one source. Two entries that lead to the same database may not both share it.
 */
export function checkMasters(root: ConfigNode, parts: ConfigParts, report: Report): void {
  const databases = databasesById(child(root, "sources"), parts);
  const owners = new Map<string, string>();
  for (const share of items(child(root, "shares"))) {
    const source = textOf(child(share, "source"));
    const own = databases.get(source ?? "") ?? [];
    if (source === undefined) continue;
    for (const entry of items(child(share, "tables"))) {
      const node = child(entry, "source");
      const table = tableNameAt(node);
      if (node === undefined || table === undefined) continue;
      const keys = own.map((database) => `${database} ${tableKey(table)}`);
      const other = keys.map((key) => owners.get(key)).find((owner) => owner !== undefined && owner !== source);
      for (const key of keys) if (!owners.has(key)) owners.set(key, source);
      if (other === undefined) continue;
      const cause = `the sources ${other} and ${source} are the same database and both share ${printTable(table)}`;
      report.error("DB-CFG-063", node, { cause });
    }
  }
}

/** One database may be named as several sources, each with a place of its own in the server's log. */
export function checkReaders(root: ConfigNode, { addresses }: ConfigParts, report: Report): void {
  const users = new Map<string, string>();
  for (const entry of entries(child(root, "sources"))) {
    const url = child(entry.node, "url");
    const address = url === undefined ? undefined : addresses.get(url);
    if (address === undefined) continue;
    for (const { what, name, within, place } of readerNames(entry, address)) {
      const key = JSON.stringify([what, name, within]);
      const other = users.get(key);
      if (other === undefined) users.set(key, entry.key);
      else
        report.error("DB-CFG-070", place, {
          cause: `the sources ${other} and ${entry.key} are the same server and both use ${what} ${name}`,
        });
    }
  }
}

interface ReaderName {
  readonly what: "slot" | "publication" | "server_id";
  readonly name: string;
  /** Where nobody else may have it: a server, or one of its databases. */
  readonly within: string;
  readonly place: Place;
}

/** What a source is called by the server that it reads; an address that Debezium reads has none of it. */
function readerNames({ key: id, node, location, path }: MapEntry, address: ServerAddress): ReaderName[] {
  const server = JSON.stringify([address.kind, hostKey(address.host), address.port]);
  const given = (what: ReaderName["what"]): { node: ConfigNode | undefined; place: Place } => {
    const found = child(node, what);
    return { node: found, place: found ?? { location, path } };
  };
  if (address.kind === "mysql") {
    const { node: number, place } = given("server_id");
    if (number?.kind !== "scalar" || typeof number.value !== "number") return [];
    return [{ what: "server_id", name: String(number.value), within: server, place }];
  }
  const slot = given("slot");
  const publication = given("publication");
  const own = sourceObjectName(id);
  return [
    { what: "slot", name: textOf(slot.node) ?? own, within: server, place: slot.place },
    { what: "publication", name: textOf(publication.node) ?? own, within: databaseKey(address), place: publication.place },
  ];
}

/** No two subscriptions may write into the same table, under whatever name their target is listed. */
export function checkCopies(root: ConfigNode, parts: ConfigParts, report: Report): void {
  const databases = databasesById(child(root, "targets"), parts);
  const claims = new Map<string, string>();
  for (const share of items(child(root, "shares"))) {
    const tables = items(child(share, "tables"));
    for (const subscription of items(child(share, "subscriptions"))) {
      const node = child(subscription, "target");
      const target = textOf(node);
      if (node === undefined || target === undefined) continue;
      // A target whose URL cannot be read is at least itself.
      const database = databases.get(target)?.[0] ?? target;
      const owner = `${textOf(child(share, "id")) ?? "?"}/${target}`;
      const claimed = new Map<string, string>();
      for (const taken of tables.map(namesTaken)) {
        const other = taken.map(({ key }) => claims.get(`${database} ${key}`));
        const clash = other.findIndex((claim) => claim !== undefined && claim !== owner);
        const { name, code } = taken[clash] ?? {};
        if (code !== undefined) report.error(code, node, { cause: `${name} in this database is already written by ${other[clash]}` });
        for (const { key } of taken) claimed.set(`${database} ${key}`, owner);
      }
      // Added afterwards, so that tables of one share do not meet themselves.
      for (const [key, value] of claimed) if (!claims.has(key)) claims.set(key, value);
    }
  }
}

/** A topic prefix stands for one master with its heartbeats and transactions; its topics are named as Kafka takes them. */
export function checkPublished(root: ConfigNode, parts: ConfigParts, report: Report): void {
  const targets = child(root, "targets");
  const databases = databasesById(targets, parts);
  const owners = new Map<string, string>();
  for (const share of items(child(root, "shares"))) {
    for (const subscription of items(child(share, "subscriptions"))) {
      const node = child(subscription, "target");
      const target = textOf(node) ?? "";
      const entry = child(targets, target);
      if (node === undefined || textOf(child(entry, "connector")) !== "kafka") continue;
      if (isSliced(child(child(root, "sources"), textOf(child(share, "source")) ?? ""))) report.error("DB-CFG-069", node);
      const prefix = databases.get(target)?.[0] ?? target;
      const owner = owners.get(prefix);
      owners.set(prefix, `${textOf(child(share, "id")) ?? "?"}/${target}`);
      if (owner !== undefined) report.error("DB-CFG-068", node, { cause: `${owner} publishes under this prefix already` });
      checkTopicNames(share, textOf(child(child(entry, "topics"), "prefix")) ?? "", report);
    }
  }
}

function checkTopicNames(share: ConfigNode, prefix: string, report: Report): void {
  for (const table of items(child(share, "tables"))) {
    const node = child(table, "target");
    const target = tableNameAt(node);
    if (node !== undefined && target !== undefined) report.take(parseTopicName(`${prefix}.${printTable(target)}`), node);
  }
}

interface TakenName {
  readonly name: string;
  readonly key: string;
  readonly code: "DB-CFG-062" | "DB-CFG-042";
}

/** What a table takes in its target: the view and the physical table. */
function namesTaken(table: ConfigNode): TakenName[] {
  const target = tableNameAt(child(table, "target"));
  const schema = physicalSchemaOf(table);
  if (target === undefined || schema === undefined) return [];
  const physical: TableName = { schema, name: target.name };
  return [
    { name: printTable(target), key: tableKey(target), code: "DB-CFG-062" },
    { name: printTable(physical), key: tableKey(physical), code: "DB-CFG-042" },
  ];
}

/**
 * Which databases each entry leads to: a Debezium source to its topics and, where it is named, to their master. Two names of one
 * host are not recognised; the databases themselves tell later.
 */
function databasesById(node: ConfigNode | undefined, { addresses, brokers }: ConfigParts): Map<string, readonly string[]> {
  const databases = new Map<string, readonly string[]>();
  for (const { key, node: entry } of entries(node)) {
    const found = [child(entry, "url"), child(entry, "master")].flatMap((url) => {
      const address = url === undefined ? undefined : addresses.get(url);
      return address === undefined ? [] : [databaseKey(address)];
    });
    const url = child(entry, "url");
    const kafka = url === undefined ? undefined : brokers.get(url);
    if (kafka !== undefined) found.push(topicsKey(kafka, textOf(child(child(entry, "topics"), "prefix")) ?? ""));
    if (found.length > 0) databases.set(key, found);
  }
  return databases;
}

function databaseKey({ kind, host, port, database }: ServerAddress): string {
  // What MySQL calls a database is a schema here: its URL leads to the server, whatever database it begins in.
  return JSON.stringify([kind, hostKey(host), port, kind === "mysql" ? "" : database]);
}

function topicsKey({ brokers }: KafkaAddress, prefix: string): string {
  return JSON.stringify(["kafka", ...brokers.map(({ host, port }) => `${hostKey(host)}:${port}`).toSorted(), prefix]);
}

function hostKey(host: string): string {
  return isLocal(host) ? "localhost" : host.toLowerCase().replace(/\.$/, "");
}

function isSliced(source: ConfigNode | undefined): boolean {
  const slices = child(source, "slices");
  return slices?.kind === "scalar" && typeof slices.value === "number" && slices.value > 1;
}
