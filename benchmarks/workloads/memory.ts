// The largest that dongbo's process becomes, under what could make it large. Held against the limit that the design promises.
import { type Backlog, writeBacklog } from "../stands/backlog.ts";
import { Installation } from "../stands/installation.ts";
import type { PostgresStand } from "../stands/postgres-stand.ts";
import type { PreparedWorkload, Size, Workload } from "../suite/workload.ts";
import { measureEngine } from "./measure-sides.ts";

/** MB that any workload may take, and how often the largest row may be held. */
const baseMb = 200;
const rowsHeld = 4;
const aimMb = 120;
const wideRowMb = 50;

interface MemoryWorkload extends Workload {
  readonly backlog: (size: Size) => Backlog;
  readonly changes: (size: Size) => number;
}

function memoryWorkload(name: string, title: string, limit: number, work: Pick<MemoryWorkload, "backlog" | "changes">): MemoryWorkload {
  const goal = { must: 1, aim: limit / (aimMb + limit - baseMb) };
  return {
    name,
    title,
    anchor: null,
    unit: "changes",
    scores: [{ name, unit: "MB", goal, limit, value: ({ rssPeakMb }) => rssPeakMb }],
    ...work,
  };
}

export const memories: readonly MemoryWorkload[] = [
  memoryWorkload("memory", "memory under one transaction that changes every row, 1,000,000 at the usual size", baseMb, {
    backlog: ({ rows }) => ({ kind: "everyone", perTransaction: rows }),
    changes: ({ rows }) => rows,
  }),
  memoryWorkload("memory-wide-row", `memory under a row of ${wideRowMb} MB`, baseMb + rowsHeld * wideRowMb, {
    backlog: () => ({ kind: "wide", bytes: wideRowMb * 1e6 }),
    changes: () => 1,
  }),
];

export async function prepareMemory(stand: PostgresStand, size: Size, workload: MemoryWorkload): Promise<PreparedWorkload> {
  const installation = await Installation.create(stand, workload.name.replaceAll("-", "_"), [{}]);
  await installation.catchUp();
  return {
    before: async () => {
      await writeBacklog(stand, workload.backlog(size));
    },
    measure: () =>
      measureEngine(stand, workload.changes(size), { run: () => installation.catchUp(), isEqual: () => installation.isEqual() }),
    [Symbol.asyncDispose]: () => installation[Symbol.asyncDispose](),
  };
}
