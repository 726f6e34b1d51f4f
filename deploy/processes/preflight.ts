// Everything that `check` looks at before anything runs: control database, sources, targets, and whether the shares fit them.
import type { Configuration, SourceConfiguration } from "../../engine/config/configuration.ts";
import { asReplicationError } from "../../engine/fleet/retry-policy.ts";
import type { Finding } from "../../engine/model/finding.ts";
import type { Subscription } from "../../engine/model/share.ts";
import { type TableName, tableKey } from "../../engine/model/table.ts";
import { resolveSubscription } from "../../mappings/resolve-subscription.ts";
import { checkSource, checkTarget, openSnapshotSource } from "./connections.ts";
import { checkControl } from "./control-database.ts";
import { mapBounded } from "./map-bounded.ts";
import { toFinding } from "./output/print-finding.ts";

/** Targets looked at at the same time: many copies may lie on one server. */
const checkedAtOnce = 8;

/** Gravest first; the same news once. Never throws for what a server does or lacks. */
export async function preflight(configuration: Configuration): Promise<Finding[]> {
  const [control, sources] = await Promise.all([
    checkControl(configuration),
    Promise.all([...configuration.sources.values()].map((source) => lookAtSource(configuration, source))),
  ]);
  const subscriptions = sources.flatMap(({ resolved }) => resolved);
  const targets = await mapBounded([...configuration.targets.values()], checkedAtOnce, (target) =>
    checkTarget(
      target,
      subscriptions.filter((subscription) => subscription.target === target.id),
    ),
  );
  const all = [...control, ...sources.flatMap(({ findings }) => findings), ...targets.flat()];
  const once = new Map(all.map((finding) => [JSON.stringify([finding.code, finding.subject, finding.cause]), finding]));
  return bySeverity([...once.values()]);
}

interface SourceLook {
  readonly findings: readonly Finding[];
  readonly resolved: readonly Subscription[];
}

async function lookAtSource(configuration: Configuration, source: SourceConfiguration): Promise<SourceLook> {
  const shares = configuration.shares.filter((share) => share.source === source.id);
  const tables = new Map(shares.flatMap((share) => share.tables.map((table) => [tableKey(table.source), table.source])));
  const mapped = await resolveAll(source, shares, [...tables.values()]);
  const mappings = mapped.resolved.flatMap((subscription) => subscription.tables);
  const found = await checkSource(source, [...tables.values()], mappings);
  return { findings: [...found, ...mapped.findings], resolved: mapped.resolved };
}

/** A source that cannot be asked resolves nothing; what is wrong with it is found by its own check. */
async function resolveAll(source: SourceConfiguration, shares: Configuration["shares"], tables: readonly TableName[]): Promise<SourceLook> {
  const snapshot = openSnapshotSource(source);
  try {
    const catalog = await snapshot.describe(tables);
    const all = shares.flatMap((share) => share.subscriptions.map((subscription) => resolveSubscription(share, subscription, catalog)));
    return {
      findings: all.flatMap(({ findings }) => findings),
      resolved: all.map(({ subscription }) => subscription),
    };
  } catch (error) {
    return { findings: [toFinding(asReplicationError(error, source.id))], resolved: [] };
  } finally {
    await snapshot.close();
  }
}

const order: readonly Finding["severity"][] = ["error", "warning", "info"];

function bySeverity(findings: readonly Finding[]): Finding[] {
  return findings.toSorted((a, b) => order.indexOf(a.severity) - order.indexOf(b.severity));
}
