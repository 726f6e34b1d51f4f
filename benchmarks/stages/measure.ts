// One stage of the engine at work alone, in a process of its own: takes an order as JSON, prints what it used as JSON.
import { PostgresSource } from "../../connectors/postgres/postgres-source.ts";
import { openCatalog, openTarget } from "../../deploy/processes/connections.ts";
import { contractText } from "../../deploy/processes/copy-contract.ts";
import { resolveShares, wantedOf, wantedTables } from "../../deploy/processes/resolve-shares.ts";
import { keepMemoryLow } from "../../deploy/processes/run/memory-keeper.ts";
import type { Configuration, PostgresSourceConfiguration } from "../../engine/config/configuration.ts";
import { loadConfiguration } from "../../engine/config/load-config.ts";
import { assert } from "../../engine/model/assert.ts";
import type { Subscription } from "../../engine/model/share.ts";
import type { ChangeSource, SourceReservation } from "../../engine/ports/change-source.ts";
import type { ChangeTarget } from "../../engine/ports/change-target.ts";
import type { SnapshotSource } from "../../engine/ports/snapshot-source.ts";
import { NullTarget } from "../stands/null-target.ts";
import { readUntil, RecordedSource } from "../stands/recorded-source.ts";
import { readRaw } from "./read-raw.ts";
import { runPipeline } from "./run-pipeline.ts";
import type { StageOrder, StageUsage } from "./stage.ts";
import { Stopwatch } from "./stopwatch.ts";

async function measure({ stage, configuration: file, slot, end }: StageOrder): Promise<StageUsage> {
  const { configuration } = loadConfiguration(file, process.env);
  const [configured] = configuration?.sources.values() ?? [];
  assert(configuration !== null && configured?.connector === "postgres", "a configuration with a PostgreSQL source");
  // As `dongbo run` has it; but whole collections would look through what is recorded again and again.
  if (stage !== "apply") keepMemoryLow();
  if (stage === "raw") return readRaw(configured, slot, end);
  const { id: name, address, publication } = configured;
  const source = new PostgresSource({ address, slot, publication, name });
  const snapshot = openCatalog(configured);
  const reservation = await source.reservation();
  assert(reservation !== null, "the slot holds the changes");
  const work = { configuration, configured, source, snapshot, reservation, end };
  const usage = await { capture, map, apply }[stage](work);
  await Promise.all([source.close(), snapshot.close()]);
  return usage;
}

interface StageWork {
  readonly configuration: Configuration;
  readonly configured: PostgresSourceConfiguration;
  readonly source: ChangeSource;
  readonly snapshot: SnapshotSource;
  readonly reservation: SourceReservation;
  readonly end: string;
}

async function capture({ source, reservation, end }: StageWork): Promise<StageUsage> {
  let transactions = 0;
  let changes = 0;
  const stopwatch = new Stopwatch();
  for await (const batch of readUntil(source, reservation.position, source.positions.parse(end))) {
    for (const { tag } of batch) {
      if (tag === "commit") transactions += 1;
      else if (tag === "insert" || tag === "update" || tag === "delete") changes += 1;
    }
  }
  return { ...stopwatch.read(), transactions, changes };
}

async function map(work: StageWork): Promise<StageUsage> {
  const { source, snapshot, reservation } = work;
  const subscription = await onlySubscription(work);
  const { position, identity: sourceIdentity } = reservation;
  const target = new NullTarget({ subscription, position, sourceIdentity, contractText });
  const usage = await runPipeline({ source, snapshot, target, subscription }, source.positions.parse(work.end));
  return { ...usage, transactions: target.transactions, changes: null };
}

async function apply(work: StageWork): Promise<StageUsage> {
  const { configuration, snapshot, reservation } = work;
  const subscription = await onlySubscription(work);
  const end = work.source.positions.parse(work.end);
  const source = await RecordedSource.of(work.source, reservation, end);
  const target = targetOf(configuration, subscription, source);
  const usage = await runPipeline({ source, snapshot, target, subscription }, end);
  await target.close();
  return { ...usage, transactions: source.transactions, changes: null };
}

function targetOf({ targets }: Configuration, subscription: Subscription, { positions }: ChangeSource): ChangeTarget {
  const configured = targets.get(subscription.target);
  assert(configured !== undefined, "a subscription's target is configured");
  return openTarget(configured, subscription, positions);
}

async function onlySubscription({ configuration, configured, snapshot }: StageWork): Promise<Subscription> {
  const wanted = wantedOf(configuration, configured.id);
  const [subscription] = resolveShares(wanted, await snapshot.describe(wantedTables(wanted))).values();
  assert(subscription !== undefined, "a configuration with a subscription");
  return subscription;
}

process.stdout.write(JSON.stringify(await measure(JSON.parse(process.argv[2] ?? "{}") as StageOrder)));
