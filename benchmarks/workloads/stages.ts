// Stages of the engine by themselves: the way in without the way out (a null target), and the way out without the way in (a null
// source). What they cost apart says where the time of the whole goes.
import type { Stage } from "../stages/stage.ts";
import { Installation } from "../stands/installation.ts";
import type { PostgresStand } from "../stands/postgres-stand.ts";
import { runStage } from "../stands/stage-process.ts";
import { type Waiting, WaitingChanges } from "../stands/waiting-changes.ts";
import { type PreparedWorkload, type Sample, type Side, type Size, type Workload } from "../suite/workload.ts";
import { spentSince } from "./measure-sides.ts";

/** The apply stage holds its changes in memory. */
const changesMax = 100_000;

interface StageWorkload extends Workload {
  readonly stage: Exclude<Stage, "raw">;
}

function stageWorkload(stage: StageWorkload["stage"], title: string, anchor: string | null): StageWorkload {
  const name = `stage-${stage}`;
  return {
    name,
    title,
    anchor,
    unit: "changes",
    scores: [
      { name, unit: "s/100k", goal: null, value: ({ seconds, units }) => perHundredThousand(seconds, units) },
      {
        name: `${name}-cpu`,
        unit: "CPU s/100k",
        goal: null,
        value: ({ cpu, units }) => (cpu.engine === null ? null : perHundredThousand(cpu.engine, units)),
      },
    ],
    stage,
  };
}

function perHundredThousand(value: number, changes: number): number {
  return (value * 1e5) / changes;
}

const bareReader = "bare reader of the protocol";

export const stages: readonly StageWorkload[] = [
  stageWorkload("capture", "capturing and decoding alone", bareReader),
  stageWorkload("map", "capturing, decoding, mapping and net effect, with nothing written", bareReader),
  stageWorkload("apply", "mapping, net effect and applying of changes that are in memory", null),
];

export async function prepareStage(stand: PostgresStand, size: Size, { stage, name, anchor }: StageWorkload): Promise<PreparedWorkload> {
  const identifier = name.replaceAll("-", "_");
  const installation = await Installation.create(stand, identifier, [{}]);
  // The one that the engine itself would use, and the bare reader's.
  const slots = { dongbo: `dongbo_${identifier}`, anchor: `bench_${identifier}` };
  const used = anchor === null ? [slots.dongbo] : [slots.dongbo, slots.anchor];
  const waiting = new WaitingChanges(stand, `dongbo_${identifier}`, used);
  if (stage === "apply") await installation.catchUp();
  else for (const slot of used) await waiting.create(slot);
  let due: Waiting = { end: "", transactions: 0, changes: 0 };
  return {
    before: async () => {
      const changes = Math.min(size.changes, changesMax);
      due = await waiting.write({ kind: "mixed", changes, perTransaction: 10, movesPerThousand: 0 });
    },
    measure: async (side: Side): Promise<Sample> => {
      await stand.checkpoint();
      const before = stand.spent();
      const order = {
        stage: side === "dongbo" ? stage : "raw",
        configuration: installation.configuration,
        slot: slots[side],
        end: due.end,
      } as const;
      const usage = await runStage(order, { environment: installation.environment, nodeOptions: stand.nodeOptions });
      const passed = usage.transactions === due.transactions && (usage.changes ?? due.changes) === due.changes;
      return {
        seconds: usage.seconds,
        engineSeconds: usage.seconds,
        units: due.changes,
        cpu: spentSince(stand, before, usage.cpuSeconds),
        // Of a process that holds a backlog in memory, or no copy: it says nothing of dongbo's.
        rssPeakMb: null,
        memory: [],
        progress: [],
        digestEqual: passed && (stage !== "apply" || (await installation.isEqual())),
        latenciesMs: [],
        notes: [],
      };
    },
    [Symbol.asyncDispose]: async () => {
      if (anchor !== null) await waiting.drop(slots.anchor);
      await installation[Symbol.asyncDispose]();
    },
  };
}
