// The copies of one subscription, resolved as the engine resolves them, and where both sides are.
import type { Configuration, SourceConfiguration, TargetConfiguration } from "../../../engine/config/configuration.ts";
import { assert } from "../../../engine/model/assert.ts";
import type { PositionOrder } from "../../../engine/model/position.ts";
import type { StoppedTable, TableMapping } from "../../../engine/model/share.ts";
import type { ControlCommands } from "../../../engine/ports/control-commands.ts";
import { openCatalog, openSource } from "../connections.ts";
import type { NamedSubscription } from "../read-configuration.ts";
import { resolveShares, type Wanted, wantedOf, wantedTables } from "../resolve-shares.ts";

interface Configured {
  readonly configuration: Configuration;
  readonly control: ControlCommands;
}

export interface CopyServers {
  readonly source: SourceConfiguration;
  readonly target: TargetConfiguration;
  readonly positions: PositionOrder;
}

/** The subscription's copies as the source describes their tables now, and where both are. */
export async function copiesOf(
  parts: Configured,
  { share, subscription }: NamedSubscription,
): Promise<{ readonly servers: CopyServers; readonly copies: readonly (TableMapping | StoppedTable)[] }> {
  const { configuration } = parts;
  const source = configuration.sources.get(share.source);
  const target = configuration.targets.get(subscription.target);
  assert(source !== undefined && target !== undefined, "a share's servers are configured");
  const servers = { source, target, positions: openSource(source, { connections: 1, tables: () => [] }).source.positions };
  const wanted = wantedOf(configuration, source.id).filter((entry) => entry.subscription.id === subscription.id);
  return { servers, copies: await resolveCopies(parts, source, wanted) };
}

async function resolveCopies(
  { control }: Pick<Configured, "control">,
  source: SourceConfiguration,
  wanted: readonly Wanted[],
): Promise<(TableMapping | StoppedTable)[]> {
  const catalog = openCatalog(source);
  try {
    const tables = wantedTables(wanted);
    const described = source.connector === "debezium" ? await control.described(source.id) : await catalog.describe(tables);
    return [...resolveShares(wanted, described).values()].flatMap((subscription) => [...subscription.tables, ...subscription.stopped]);
  } finally {
    await catalog.close();
  }
}
