// Gathers what `status` and `explain` show, from everything that can be reached: nothing that is down hides the rest.
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Configuration, SourceConfiguration, TargetConfiguration } from "../../engine/config/configuration.ts";
import { MemoryControlStore } from "../../engine/control-store/memory-control-store.ts";
import { asReplicationError } from "../../engine/fleet/retry-policy.ts";
import type { ReplicationError } from "../../engine/model/replication-error.ts";
import type { CatalogTable } from "../../engine/model/table.ts";
import type { CopyRecord } from "../../engine/ports/target-records.ts";
import { openPublication, openSource, openTargetRecords } from "./connections.ts";
import { readHeartbeatsOf } from "./debezium-connections.ts";
import { type OpenControl, openControl } from "./control-database.ts";
import { mapBounded } from "./map-bounded.ts";
import { withRemembered } from "./remembered-catalog.ts";
import { resolveShares, wantedOf, wantedTables, withoutUnpublished } from "./resolve-shares.ts";
import type { SourceObservation } from "./source-trouble.ts";
import type { Observations } from "./status-report.ts";
import { systemClock } from "./system-clock.ts";

/** Targets asked at the same time: many copies may lie on one server. */
const askedAtOnce = 16;

/** The control database for a command that only looks: where none was ever made, none is made. */
export async function openControlToRead(configuration: Configuration): Promise<OpenControl> {
  const never = configuration.control === "embedded" && !existsSync(join(configuration.dataDir, "control", "PG_VERSION"));
  if (!never) return openControl(configuration);
  const store = new MemoryControlStore(systemClock);
  return { store, [Symbol.asyncDispose]: () => store.close() };
}

/** Asks control database, targets and sources, all at the same time. */
export async function observe(configuration: Configuration): Promise<Observations> {
  const targets = observeTargets(configuration);
  const control = observeControl(configuration);
  const [{ described: _, ...facts }, copies, sources] = await Promise.all([
    control,
    targets,
    observeSources(configuration, { control, targets }),
  ]);
  return { at: new Date(), ...facts, copies, sources };
}

interface ControlFacts extends Pick<
  Observations,
  "engine" | "members" | "fleet" | "lifecycles" | "orders" | "problems" | "controlProblem"
> {
  /** By source, tables as they were last recorded. */
  readonly described: ReadonlyMap<string, readonly CatalogTable[]>;
}

/** What sources are judged by beside their own words. */
interface Others {
  readonly control: Promise<ControlFacts>;
  readonly targets: Promise<unknown>;
}

async function observeControl(configuration: Configuration): Promise<ControlFacts> {
  try {
    await using control = await openControlToRead(configuration);
    const { store } = control;
    const [engine, members, fleet, lifecycles, orders, problems] = await Promise.all([
      store.engineSeen(),
      store.engineMembers(),
      store.leases.state(),
      store.lifecycles(),
      store.pendingOrders(),
      store.engineProblems(),
    ]);
    const described = new Map<string, readonly CatalogTable[]>();
    for (const id of configuration.sources.keys()) described.set(id, await store.described(id));
    return { engine, members, fleet, lifecycles, orders, problems, controlProblem: null, described };
  } catch (error) {
    const controlProblem = asReplicationError(error, "control database");
    const unknown = { engine: null, members: [], fleet: { leases: [], workers: [] }, orders: [], problems: [] };
    return { ...unknown, lifecycles: new Map(), controlProblem, described: new Map() };
  }
}

async function observeTargets(configuration: Configuration): Promise<Map<string, readonly CopyRecord[] | ReplicationError>> {
  const read = async (target: TargetConfiguration): Promise<[string, readonly CopyRecord[] | ReplicationError]> => {
    const records = openTargetRecords(target);
    try {
      const wanted = configuration.shares.flatMap((share) =>
        share.subscriptions.filter((subscription) => subscription.target === target.id),
      );
      const ids = wanted.map((subscription) => subscription.id);
      return [target.id, ids.length === 0 ? [] : await records.copies(ids)];
    } catch (error) {
      return [target.id, asReplicationError(error, target.id)];
    } finally {
      await records.close();
    }
  };
  return new Map(await mapBounded([...configuration.targets.values()], askedAtOnce, read));
}

async function observeSources(configuration: Configuration, others: Others): Promise<Observations["sources"]> {
  const read = [...configuration.sources.values()].map(async (source): Promise<[string, SourceObservation | ReplicationError]> => {
    return [source.id, await observeSource(configuration, source, others).catch((error: unknown) => asReplicationError(error, source.id))];
  });
  return new Map(await Promise.all(read));
}

async function observeSource(
  configuration: Configuration,
  configured: SourceConfiguration,
  { control, targets }: Others,
): Promise<SourceObservation> {
  const { id } = configured;
  const wanted = wantedOf(configuration, id);
  const tables = wantedTables(wanted);
  const { source, snapshot } = openSource(configured, { connections: 1, tables: () => tables });
  try {
    const reservation = await source.reservation();
    const identity = await source.identity();
    const { described } = await control;
    const catalog = withRemembered(tables, await snapshot.describe(tables), described.get(id) ?? []);
    const subscriptions = [...resolveShares(wanted, catalog).values()];
    const { lacking } = await openPublication(configured).look(subscriptions);
    const withheld = new Map(subscriptions.map((resolved) => [resolved.id, withoutUnpublished(resolved, lacking).stopped]));
    // Asked after the copies, which move on meanwhile.
    await targets;
    const end = source.reserves ? null : (await source.endOfLog()).position;
    return { identity, reservation, end, positions: source.positions, heartbeats: await readHeartbeatsOf(configured), withheld };
  } finally {
    await Promise.all([source.close(), snapshot.close()]);
  }
}
