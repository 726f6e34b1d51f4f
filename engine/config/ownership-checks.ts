import type { ServerAddress } from "../model/server-address.ts";
import { printTable, tableKey, type TableName } from "../model/table.ts";
import { child, entries, items, textOf, type ConfigNode } from "./config-node.ts";
import type { ConfigParts } from "./config-parts.ts";
import type { Report } from "./report.ts";
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
    const database = databases.get(source ?? "");
    if (source === undefined || database === undefined) continue;
    for (const entry of items(child(share, "tables"))) {
      const node = child(entry, "source");
      const table = tableNameAt(node);
      if (node === undefined || table === undefined) continue;
      const key = `${database} ${tableKey(table)}`;
      const owner: string = owners.get(key) ?? source;
      owners.set(key, owner);
      if (owner === source) continue;
      const cause = `the sources ${owner} and ${source} are the same database and both share ${printTable(table)}`;
      report.error("DB-CFG-063", node, { cause });
    }
  }
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
      const database = databases.get(target) ?? target;
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

/** Which database each entry leads to. Two names of one host are not recognised; the databases themselves tell later. */
function databasesById(node: ConfigNode | undefined, parts: ConfigParts): Map<string, string> {
  const databases = new Map<string, string>();
  for (const entry of entries(node)) {
    const url = child(entry.node, "url");
    const address = url === undefined ? undefined : parts.addresses.get(url);
    if (address !== undefined) databases.set(entry.key, databaseKey(address));
  }
  return databases;
}

function databaseKey(address: ServerAddress): string {
  const host = isLocal(address.host) ? "localhost" : address.host.toLowerCase().replace(/\.$/, "");
  // What MySQL calls a database is a schema here: its URL leads to the server, whatever database it begins in.
  const database = address.kind === "mysql" ? "" : address.database;
  return JSON.stringify([address.kind, host, address.port, database]);
}
