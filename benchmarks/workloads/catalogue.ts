// All workloads, in the order in which they run.
import type { PostgresStand } from "../stands/postgres-stand.ts";
import type { PreparedWorkload, Size, Workload } from "../suite/workload.ts";
import { catchUps, prepareCatchUp } from "./catch-up.ts";
import { decodes, prepareDecode } from "./decode.ts";
import { fanOut200, fanOuts, mergerDay, prepareFanOut, prepareFanOut200, prepareMergerDay } from "./fan-out.ts";
import { kafkaJdbc, prepareKafkaJdbc } from "./kafka-jdbc.ts";
import { latency, prepareLatency } from "./latency.ts";
import { maxRates, prepareMaxRate } from "./max-rate.ts";
import { memories, prepareMemory } from "./memory.ts";
import { pairWorkloads, preparePair } from "./pairs.ts";
import { prepareReconcile, reconciles } from "./reconcile.ts";
import { prepareReconcileOltp, reconcileOltps } from "./reconcile-oltp.ts";
import { prepareResume, resume } from "./resume.ts";
import { prepareStage, stages } from "./stages.ts";
import { prepareSnapshot, snapshots } from "./snapshot.ts";

export type CatalogueEntry = ServerEntry | ProcessorEntry;

interface ServerEntry {
  readonly workload: Workload;
  readonly prepare: (stand: PostgresStand, size: Size) => Promise<PreparedWorkload>;
}

/** A workload without servers, of one size. */
interface ProcessorEntry {
  readonly workload: Workload;
  readonly prepareAlone: (nodeOptions: readonly string[]) => Promise<PreparedWorkload>;
}

/** What `--quick` runs. */
export const quickNames: readonly string[] = [snapshots[0], ...catchUps].map(({ name }) => name);

export const catalogue: readonly CatalogueEntry[] = [
  ...decodes.map((workload) => ({ workload, prepareAlone: (nodeOptions: readonly string[]) => prepareDecode(workload, nodeOptions) })),
  ...snapshots.map((workload) => ({ workload, prepare: (stand: PostgresStand) => prepareSnapshot(stand, workload) })),
  ...catchUps.map((workload) => ({
    workload,
    prepare: (stand: PostgresStand, size: Size) => prepareCatchUp(stand, size, workload),
  })),
  { workload: resume, prepare: prepareResume },
  ...fanOuts.map((workload) => ({ workload, prepare: (stand: PostgresStand, size: Size) => prepareFanOut(stand, size, workload) })),
  { workload: fanOut200, prepare: prepareFanOut200 },
  { workload: mergerDay, prepare: prepareMergerDay },
  { workload: latency, prepare: prepareLatency },
  ...maxRates.map((workload) => ({
    workload,
    prepare: (stand: PostgresStand, size: Size) => prepareMaxRate(stand, size, workload),
  })),
  ...reconciles.map((workload) => ({ workload, prepare: (stand: PostgresStand) => prepareReconcile(stand, workload) })),
  ...reconcileOltps.map((workload) => ({
    workload,
    prepare: (stand: PostgresStand, size: Size) => prepareReconcileOltp(stand, size, workload),
  })),
  ...memories.map((workload) => ({
    workload,
    prepare: (stand: PostgresStand, size: Size) => prepareMemory(stand, size, workload),
  })),
  ...stages.map((workload) => ({
    workload,
    prepare: (stand: PostgresStand, size: Size) => prepareStage(stand, size, workload),
  })),
  ...pairWorkloads.map((workload) => ({
    workload,
    prepare: (stand: PostgresStand, size: Size) => preparePair(stand, size, workload),
  })),
  { workload: kafkaJdbc, prepare: (_stand, size) => prepareKafkaJdbc(size) },
];
