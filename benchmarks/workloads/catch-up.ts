// One whole copy that was stopped works off what has come meanwhile, against a native subscription with the same backlog.
import { type Backlog, writeBacklog } from "../stands/backlog.ts";
import { type CopyPart, Installation } from "../stands/installation.ts";
import { NativeCopies } from "../stands/native-copies.ts";
import type { PostgresStand } from "../stands/postgres-stand.ts";
import { type PreparedWorkload, type Size, wallTime, type Workload } from "../suite/workload.ts";
import { measureAnchor, measureEngine } from "./measure-sides.ts";

interface CatchUp extends Workload {
  readonly backlog: (size: Size) => Backlog;
}

const common = { anchor: "postgres-native", unit: "changes" } as const;

export const catchUps: readonly CatchUp[] = [
  {
    ...common,
    name: "catchup-small",
    title: "catching up with transactions of 10 changes",
    scores: [wallTime("catchup-small", { must: 1, aim: 1.3 })],
    backlog: ({ changes }) => ({ kind: "mixed", changes, perTransaction: 10, movesPerThousand: 0 }),
  },
  {
    ...common,
    name: "catchup-large",
    title: "catching up with transactions of 10,000 changes",
    scores: [wallTime("catchup-large", { must: 1, aim: 1.3 })],
    backlog: ({ changes }) => ({ kind: "mixed", changes, perTransaction: 10_000, movesPerThousand: 0 }),
  },
  {
    ...common,
    name: "hot-keys",
    title: "catching up with updates of the same 100 rows",
    scores: [wallTime("hot-keys", { must: 2, aim: 3 })],
    backlog: ({ changes }) => ({ kind: "hot", changes, perTransaction: 10 }),
  },
];

/** One copy of everything on each side, loaded. */
export function prepareCatchUp(stand: PostgresStand, size: Size, { name, backlog }: CatchUp): Promise<PreparedWorkload> {
  return prepareBacklog(stand, { name, backlog: backlog(size), parts: [{}], units: size.changes });
}

export interface BacklogWork {
  /** The workload's. */
  readonly name: string;
  readonly backlog: Backlog;
  readonly parts: readonly CopyPart[];
  /** Changes of the backlog. */
  readonly units: number;
}

/** Loads both sides' copies and stops them; each round then lets both work off one backlog. */
export async function prepareBacklog(stand: PostgresStand, { name, backlog, parts, units }: BacklogWork): Promise<PreparedWorkload> {
  const identifier = name.replaceAll("-", "_");
  const installation = await Installation.create(stand, identifier, parts);
  const native = await NativeCopies.create(stand, `${identifier}_native`, parts);
  await Promise.all([installation.catchUp(), native.load()]);
  await native.disable();
  let end = "";
  const applied = async (): Promise<void> => {
    await native.enable();
    await native.reach(end);
  };
  return {
    before: async () => {
      end = await writeBacklog(stand, backlog);
    },
    measure: async (side) => {
      if (side === "dongbo")
        return measureEngine(stand, units, { run: () => installation.catchUp(), isEqual: () => installation.isEqual() });
      const sample = await measureAnchor(stand, units, { run: applied, isEqual: () => native.isEqual() });
      // A replica that waits must not decode what the other side's turn makes.
      await native.disable();
      return sample;
    },
    [Symbol.asyncDispose]: async () => {
      await native[Symbol.asyncDispose]();
      await installation[Symbol.asyncDispose]();
    },
  };
}
