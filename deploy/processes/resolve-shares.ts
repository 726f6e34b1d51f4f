// The shares of one source meet its catalogue and its publication: which tables of which subscriptions can be followed. Pure.
import type { UnpublishedTable } from "../../connectors/postgres/capture/publication.ts";
import type {
  Configuration,
  ShareConfiguration,
  SourceConfiguration,
  SubscriptionConfiguration,
} from "../../engine/config/configuration.ts";
import { assert } from "../../engine/model/assert.ts";
import type { StoppedTable, Subscription } from "../../engine/model/share.ts";
import { type CatalogTable, tableKey, type TableName } from "../../engine/model/table.ts";
import { resolveSubscription } from "../../mappings/resolve-subscription.ts";
import type { Family } from "../../mappings/like-type.ts";
import { neededColumns } from "../../mappings/schema-contract.ts";

export interface Subscribed {
  readonly share: ShareConfiguration;
  readonly subscription: SubscriptionConfiguration;
}

export interface Wanted extends Subscribed {
  /** The target's. */
  readonly family: Family;
}

/** Several processes may run it at the same time, each some slices of it; with one slice one process, while others stand by. */
export function isShared({ connector }: SourceConfiguration): boolean {
  return connector === "debezium";
}

/** Into how many slices the subscriptions of a source are cut. */
export function slicesOf(source: SourceConfiguration): number {
  return source.connector === "debezium" ? source.debezium.slices : 1;
}

/** Every subscription of one source, as configured. */
export function wantedOf(configuration: Configuration, source: string): Wanted[] {
  return configuration.shares
    .filter((share) => share.source === source)
    .flatMap((share) =>
      share.subscriptions.map((subscription) => ({ share, subscription, family: targetFamily(configuration, subscription) })),
    );
}

/** Connectors are named by the family that they serve; what is published has PostgreSQL's types. */
function targetFamily(configuration: Configuration, { target }: SubscriptionConfiguration): Family {
  const found = configuration.targets.get(target);
  assert(found !== undefined, "a subscription's target is configured");
  return found.connector === "kafka" ? "postgres" : found.connector;
}

/** Of the shares of one source, in seconds; without an end where nobody shares it. */
export function shortestValidity(configuration: Configuration, source: string): number {
  const own = configuration.shares.filter((share) => share.source === source);
  return Math.min(...own.map(({ regulation }) => regulation.validityPeriodSeconds));
}

/** The source's tables that they name. */
export function wantedTables(wanted: readonly Wanted[]): TableName[] {
  return [...new Map(wanted.flatMap(({ share }) => share.tables.map((table) => [tableKey(table.source), table.source]))).values()];
}

/** By subscription. Tables that the catalogue does not give as they are wanted are among its stopped ones. */
export function resolveShares(wanted: readonly Wanted[], catalog: readonly CatalogTable[]): Map<string, Subscription> {
  return new Map(
    wanted.map(({ share, subscription, family }) => [
      subscription.id,
      resolveSubscription(share, subscription, catalog, family).subscription,
    ]),
  );
}

/** The subscription with the tables stopped that the publication does not give as it must. */
export function withoutUnpublished(subscription: Subscription, lacking: readonly UnpublishedTable[]): Subscription {
  const reasons = new Map(lacking.map(({ table, error }) => [tableKey(table.table), error]));
  const stopped = subscription.tables.flatMap((table): StoppedTable[] => {
    const reason = reasons.get(tableKey(table.source));
    const { source, target, physical, catalog } = table;
    return reason === undefined ? [] : [{ source, target, physical, catalog, columns: neededColumns(table), reason }];
  });
  const tables = subscription.tables.filter(({ source }) => !reasons.has(tableKey(source)));
  return { ...subscription, tables, stopped: [...subscription.stopped, ...stopped] };
}
