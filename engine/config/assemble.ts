import { resolve } from "node:path";
import { assert } from "../model/assert.ts";
import type { RedisAddress } from "../model/server-address.ts";
import { child, entries, items, textOf, type ConfigNode } from "./config-node.ts";
import type { ConfigParts, FileContext } from "./config-parts.ts";
import { addressAt, sourceOf, targetOf } from "./assemble-servers.ts";
import { agreementItems, type ConfigFile } from "./config-schema.ts";
import type {
  AgreementConfiguration,
  ColumnConfiguration,
  Configuration,
  ConnectionModel,
  ReconcileConfiguration,
  ShareConfiguration,
  SubscriptionConfiguration,
  TableConfiguration,
} from "./configuration.ts";
import { columnEntries, physicalSchemaOf } from "./table-nodes.ts";

type ShareInFile = ConfigFile["shares"][number];
type TableInFile = ShareInFile["tables"][number];

/** A file without mistakes, as the schema sees it and as it is written. */
export interface CheckedFile {
  readonly file: ConfigFile;
  readonly root: ConfigNode;
  readonly parts: ConfigParts;
  readonly context: FileContext;
}

/** Turns a file without mistakes into the configuration that the program works with. */
export function assemble({ file, root, parts, context }: CheckedFile, path: string): Configuration {
  const shareNodes = items(child(root, "shares"));
  return {
    file: resolve(path),
    control: file.control === "embedded" ? "embedded" : addressAt(child(root, "control"), parts.addresses),
    dataDir: resolve(context.directory, file.data_dir),
    listen: file.listen,
    redis: redisOf(root, parts),
    fleet: {
      leaseSeconds: file.fleet.lease,
      jobsPerSource: file.fleet.jobs_per_source,
      jobsPerTarget: file.fleet.jobs_per_target,
      rowsPerJob: file.fleet.rows_per_job,
    },
    sources: new Map(entries(child(root, "sources")).map((entry) => [entry.key, sourceOf(entry, file.sources[entry.key], parts)])),
    targets: new Map(entries(child(root, "targets")).map((entry) => [entry.key, targetOf(entry, file.targets[entry.key], parts)])),
    shares: file.shares.map((share, index) => shareOf(share, written(shareNodes[index]), parts)),
  };
}

function redisOf(root: ConfigNode, { queues }: ConfigParts): RedisAddress | null {
  const node = child(root, "redis");
  return node === undefined ? null : (queues.get(node) ?? null);
}

function shareOf(share: ShareInFile, node: ConfigNode, parts: ConfigParts): ShareConfiguration {
  const tableNodes = items(child(node, "tables"));
  const { regulation } = share;
  return {
    id: share.id,
    source: share.source,
    regulation: {
      id: regulation.id,
      validityPeriodSeconds: regulation.validity_period,
      onExpiry: regulation.on_expiry,
      logRetentionSeconds: regulation.log_retention,
      issuer: regulation.issuer ?? null,
      date: regulation.date ?? null,
      url: regulation.url ?? null,
    },
    agreement: agreementOf(share.agreement, written(child(node, "agreement"))),
    model: modelOf(share),
    tables: share.tables.map((table, index) => tableOf(table, written(tableNodes[index]), parts)),
    subscriptions: items(child(node, "subscriptions")).map((subscription) => subscriptionOf(share.id, subscription, parts)),
    quarantineMax: share.quarantine_max,
    reconcile: reconcileOf(share.reconcile),
    location: node.location,
  };
}

function reconcileOf(reconcile: ShareInFile["reconcile"]): ReconcileConfiguration {
  const { every, repair, on_difference: onDifference, keys, rows_per_second: rowsPerSecondMax } = reconcile;
  return { everySeconds: every, repair, onDifference, keys, rowsPerSecondMax };
}

function agreementOf(agreement: ShareInFile["agreement"], node: ConfigNode): AgreementConfiguration {
  const { id, from, to, purpose, storage_basis: basis } = agreement;
  const found = new Map<string, string>();
  for (const key of Object.keys(agreementItems)) {
    const text = textOf(child(node, key))?.trim();
    if (text !== undefined) found.set(key, text);
  }
  const storageBasis = [...new Set(typeof basis === "string" ? [basis] : basis)];
  return { id, from, to, purpose, storageBasis, items: found, location: node.location };
}

function modelOf({ model, platform, direct_basis: basis }: ShareInFile): ConnectionModel {
  if (model === "intermediary") return { kind: "intermediary", platform: platform ?? null };
  assert(basis !== undefined, "a direct connection has its basis");
  return { kind: "direct", basis };
}

function tableOf(table: TableInFile, node: ConfigNode, parts: ConfigParts): TableConfiguration {
  const where = child(node, "where");
  const filter = where === undefined ? null : parts.filters.get(where);
  const physicalSchema = physicalSchemaOf(node);
  assert(filter !== undefined && physicalSchema !== undefined, "a checked table has its filter and its schema");
  return {
    source: table.source,
    target: table.target,
    physicalSchema,
    key: table.key ?? null,
    columns: columnsOf(node),
    where: filter,
    referencedBy: table.referenced_by.map(({ table: referencing, columns, to }, index) => ({
      table: referencing,
      columns,
      to: to ?? null,
      location: written(items(child(node, "referenced_by"))[index]).location,
    })),
    location: node.location,
  };
}

function columnsOf(table: ConfigNode): readonly ColumnConfiguration[] | null {
  const columns = columnEntries(table);
  if (columns === null) return null;
  return columns.map(({ source, target, place, options }) => ({
    source,
    target,
    type: textOf(child(options, "type")) ?? null,
    acceptLoss: isTrue(child(options, "accept_loss")),
    codeList: textOf(child(options, "code_list")) ?? null,
    class: textOf(child(options, "class")) ?? null,
    location: place.location,
  }));
}

function subscriptionOf(share: string, node: ConfigNode, parts: ConfigParts): SubscriptionConfiguration {
  const target = textOf(child(node, "target"));
  assert(target !== undefined, "a checked subscription has its target");
  const parameters = new Map<string, readonly string[]>();
  for (const [name, { values }] of parts.parameters.get(node) ?? []) if (values !== null) parameters.set(name, values);
  return { id: `${share}/${target}`, target, parameters, location: node.location };
}

function isTrue(node: ConfigNode | undefined): boolean {
  return node?.kind === "scalar" && node.value === true;
}

function written(node: ConfigNode | undefined): ConfigNode {
  assert(node !== undefined, "what the schema accepted is written");
  return node;
}
