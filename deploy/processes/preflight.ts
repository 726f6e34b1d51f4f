// Everything that `check` looks at before anything runs: control database, sources, targets, and whether the shares fit them.
import type { Configuration, SourceConfiguration, TargetConfiguration } from "../../engine/config/configuration.ts";
import { asReplicationError } from "../../engine/fleet/retry-policy.ts";
import type { Finding } from "../../engine/model/finding.ts";
import type { KafkaAddress } from "../../engine/model/server-address.ts";
import type { Subscription } from "../../engine/model/share.ts";
import { inSlice } from "../../engine/model/slice.ts";
import { type TableName, tableKey } from "../../engine/model/table.ts";
import { resolveSubscription } from "../../mappings/resolve-subscription.ts";
import { checkSource, checkTarget, openCatalog } from "./connections.ts";
import { checkControl } from "./control-database.ts";
import { mapBounded } from "./map-bounded.ts";
import { toFinding } from "./output/print-finding.ts";
import { shortestValidity, slicesOf, wantedOf } from "./resolve-shares.ts";

/** Targets looked at at the same time: many copies may lie on one server. */
const checkedAtOnce = 8;

/** What was found at one server, gravest first; the same news once. */
export interface Examined {
  /** `source population, 127.0.0.1:5432/national`: where the statements belong. */
  readonly place: string;
  readonly findings: readonly Finding[];
}

/** Never throws for what a server does or lacks. */
export async function preflight(configuration: Configuration): Promise<Examined[]> {
  const [control, sources] = await Promise.all([
    checkControl(configuration),
    Promise.all([...configuration.sources.values()].map((source) => lookAtSource(configuration, source))),
  ]);
  const subscriptions = sources.flatMap(({ resolved }) => resolved);
  const targets = await mapBounded([...configuration.targets.values()], checkedAtOnce, async (target) => {
    const own = subscriptions.filter((subscription) => subscription.target === target.id);
    return examined(`target ${target.id}`, serverOf(target), await checkTarget(target, own));
  });
  return [{ place: "control database", findings: control }, ...sources.map(({ found }) => found), ...targets];
}

function examined(what: string, server: string, findings: readonly Finding[]): Examined {
  const once = new Map(findings.map((finding) => [JSON.stringify([finding.code, finding.subject, finding.cause]), finding]));
  return { place: `${what}, ${server}`, findings: bySeverity([...once.values()]) };
}

/** Where the statements belong, or the topics lie. */
function serverOf(configured: SourceConfiguration | TargetConfiguration): string {
  switch (configured.connector) {
    case "postgres":
    case "mysql": {
      const { host, port, database } = configured.address;
      return `${host}:${port}/${database}`;
    }
    case "debezium":
      return `${printBrokers(configured.debezium.kafka)} ${configured.debezium.topics.prefix}`;
    case "kafka":
      return `${printBrokers(configured.kafka)} ${configured.topics.prefix}`;
  }
}

function printBrokers({ brokers }: KafkaAddress): string {
  return brokers.map(({ host, port }) => `${host}:${port}`).join(",");
}

interface SourceLook {
  readonly found: Examined;
  readonly resolved: readonly Subscription[];
}

interface Resolved {
  readonly findings: readonly Finding[];
  readonly resolved: readonly Subscription[];
}

async function lookAtSource(configuration: Configuration, source: SourceConfiguration): Promise<SourceLook> {
  const shares = configuration.shares.filter((share) => share.source === source.id);
  const tables = new Map(shares.flatMap((share) => share.tables.map((table) => [tableKey(table.source), table.source])));
  const mapped = await resolveAll(configuration, source, [...tables.values()]);
  const mappings = mapped.resolved.flatMap((subscription) => subscription.tables);
  const validitySeconds = shortestValidity(configuration, source.id);
  const found = await checkSource(source, { tables: [...tables.values()], mappings, validitySeconds });
  return { found: examined(`source ${source.id}`, serverOf(source), [...found, ...mapped.findings]), resolved: mapped.resolved };
}

/** A source that cannot be asked resolves nothing; what is wrong with it is found by its own check. */
async function resolveAll(configuration: Configuration, source: SourceConfiguration, tables: readonly TableName[]): Promise<Resolved> {
  const of = slicesOf(source);
  const snapshot = openCatalog(source);
  try {
    const catalog = await snapshot.describe(tables);
    const all = wantedOf(configuration, source.id).map(({ share, subscription, family }) =>
      resolveSubscription(share, subscription, catalog, family),
    );
    return {
      findings: all.flatMap(({ findings }) => findings),
      resolved: all.map(({ subscription }) => (of === 1 ? subscription : inSlice(subscription, { index: 0, of }))),
    };
  } catch (error) {
    return { findings: [toFinding(asReplicationError(error, source.id))], resolved: [] };
  } finally {
    await snapshot.close();
  }
}

const order: readonly Finding["severity"][] = ["error", "warning", "info"];

/** Gravest first. */
export function bySeverity(findings: readonly Finding[]): Finding[] {
  return findings.toSorted((a, b) => order.indexOf(a.severity) - order.indexOf(b.severity));
}
