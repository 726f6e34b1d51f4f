// Supply of one whole copy is suspended, a backlog comes meanwhile, and supply goes on: against a native subscription that is
// disabled and enabled. dongbo's process runs all the time, as it does where copies are kept.
import { setTimeout as pause } from "node:timers/promises";
import { writeBacklog } from "../stands/backlog.ts";
import type { EngineProcess, EngineUsage } from "../stands/engine-process.ts";
import { copyTable, Installation } from "../stands/installation.ts";
import { LastChange } from "../stands/last-change.ts";
import { NativeCopies } from "../stands/native-copies.ts";
import type { PostgresStand } from "../stands/postgres-stand.ts";
import { type PreparedWorkload, type Size, wallTime, type Workload } from "../suite/workload.ts";
import { measureAnchor, measureEngine } from "./measure-sides.ts";

export const resume: Workload = {
  name: "resume",
  title: "catching up with transactions of 10 changes after supply was suspended",
  anchor: "postgres-native",
  unit: "changes",
  scores: [wallTime("resume", null)],
};

const askMs = 20;

/** In the configuration, all subscriptions of an installation. */
const share = "register";

export async function prepareResume(stand: PostgresStand, { changes }: Size): Promise<PreparedWorkload> {
  const name = resume.name;
  const installation = await Installation.create(stand, name, [{}]);
  const native = await NativeCopies.create(stand, `${name}_native`, [{}]);
  await Promise.all([installation.catchUp(), native.load()]);
  await native.disable();
  let engine: EngineProcess | null = null;
  const before = async (): Promise<void> => {
    engine = installation.start();
    await engine.tells("subscription attached");
    await installation.command("suspend", share, "--reason", "maintenance");
    await engine.tells("supply suspended");
    const end = await writeBacklog(stand, { kind: "mixed", changes, perTransaction: 10, movesPerThousand: 0 });
    await untilSent(stand, `dongbo_${name}`, end);
  };
  const goOn = async (suspended: EngineProcess): Promise<EngineUsage> => {
    await using last = await LastChange.of(stand, { database: installation.database(0), table: copyTable });
    const spent = suspended.cpuSeconds;
    const started = performance.now();
    await installation.command("resume", share);
    await last.visible();
    const seconds = (performance.now() - started) / 1000;
    const cpuSeconds = suspended.cpuSeconds - spent;
    engine = null;
    return { ...(await suspended.stop()), seconds, engineSeconds: seconds, cpuSeconds };
  };
  return {
    before,
    measure: async (side) => {
      if (side === "dongbo") {
        if (engine === null) throw new Error("a round begins with a suspended engine");
        const suspended = engine;
        return measureEngine(stand, changes, { run: () => goOn(suspended), isEqual: () => installation.isEqual() });
      }
      await using last = await LastChange.of(stand, { database: native.database(0), table: "public.citizen" });
      const run = async (): Promise<void> => {
        await native.enable();
        await last.visible();
      };
      const sample = await measureAnchor(stand, changes, { run, isEqual: () => native.isEqual() });
      await native.disable();
      return sample;
    },
    [Symbol.asyncDispose]: async () => {
      await engine?.stop();
      await native[Symbol.asyncDispose]();
      await installation[Symbol.asyncDispose]();
    },
  };
}

/** Waits until the slot's reader was sent everything up to there: what is left to do is all on its side. */
async function untilSent(stand: PostgresStand, slot: string, lsn: string): Promise<void> {
  const sql = `SELECT FROM pg_replication_slots AS s JOIN pg_stat_replication AS r ON r.pid = s.active_pid
    WHERE s.slot_name = '${slot}' AND r.sent_lsn >= '${lsn}'`;
  while ((await stand.source.query(sql)).length === 0) await pause(askMs);
}
