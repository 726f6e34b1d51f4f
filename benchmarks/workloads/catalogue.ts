// All workloads, in the order in which they run.
import type { PostgresStand } from "../stands/postgres-stand.ts";
import type { PreparedWorkload, Size, Workload } from "../suite/workload.ts";
import { catchUpLarge, catchUpSmall, hotKeys, prepareCatchUp } from "./catch-up.ts";
import { fanOut200, fanOuts, prepareFanOut, prepareFanOut200 } from "./fan-out.ts";
import { prepareSnapshot, snapshot } from "./snapshot.ts";

export interface CatalogueEntry {
  readonly workload: Workload;
  readonly prepare: (stand: PostgresStand, size: Size) => Promise<PreparedWorkload>;
}

/** What `--quick` runs. */
export const quickNames: readonly string[] = [snapshot, catchUpSmall, catchUpLarge, hotKeys].map(({ name }) => name);

export const catalogue: readonly CatalogueEntry[] = [
  { workload: snapshot, prepare: prepareSnapshot },
  ...[catchUpSmall, catchUpLarge, hotKeys].map((workload) => ({
    workload,
    prepare: (stand: PostgresStand, size: Size) => prepareCatchUp(stand, size, workload),
  })),
  ...fanOuts.map((workload) => ({ workload, prepare: (stand: PostgresStand, size: Size) => prepareFanOut(stand, size, workload) })),
  { workload: fanOut200, prepare: prepareFanOut200 },
];
