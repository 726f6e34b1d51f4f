// What a worker's listener says of its work.
import type { DongboProcess } from "../support/dongbo-process.ts";

/** Jobs of a kind that ended well at this worker. */
export async function jobsDone(worker: DongboProcess, kind: "compare" | "part"): Promise<number> {
  const [, listening] = await worker.waitForOutput(/"listening":"(http:[^"]+)"/);
  const text = await (await fetch(`${listening}/metrics`)).text();
  return Number(new RegExp(`dongbo_fleet_jobs_total\\{kind="${kind}",outcome="done"\\} (\\d+)`).exec(text)?.[1] ?? 0);
}
