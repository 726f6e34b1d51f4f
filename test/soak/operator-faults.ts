// What people do to a fleet at work: orders, hands in a copy behind the engine's back, and what masters do in one go.
import { reconcile } from "../e2e/reconciling.ts";
import { roles, runSql } from "../support/cluster.ts";
import { runMysql } from "../support/mysql-session.ts";
import { pause, waitUntil } from "../support/wait-until.ts";
import type { Random } from "../workload/random.ts";
import type { Fault } from "./fault.ts";
import { type PlannedCopy, register, subscriptionOf } from "./plan.ts";
import type { Scene } from "./scene.ts";

/** A comparison that meets a fault says that it could not be made. */
const comparisonsMax = 4;

export function operatorFaults(scene: Scene): Fault[] {
  const { plan, workloads } = scene;
  const onCopy = (kind: string, work: (copy: PlannedCopy, random: Random) => Promise<void>): Fault => ({
    kind,
    strike: async (random) => {
      const copy = random.pick(plan.copies);
      await work(copy, random);
      return copy.name;
    },
  });
  const onMaster = (kind: string, what: "truncation" | "big"): Fault => ({
    kind,
    strike: async (random) => {
      const [source, workload] = random.pick([...workloads]);
      await workload.hasten(what);
      return source;
    },
  });
  return [
    onCopy("row edited and repaired", (copy, random) => editAndRepair(scene, copy, random)),
    onCopy("re-sync ordered", (copy) => resync(scene, copy)),
    onCopy("suspended and resumed", async (copy, random) => {
      await command(scene, ["suspend", subscriptionOf(copy), "--reason", "maintenance"]);
      await pause(random.between(500, 5_000));
      await command(scene, ["resume", subscriptionOf(copy)]);
    }),
    onMaster("large transaction", "big"),
    onMaster("TRUNCATE", "truncation"),
  ];
}

async function command({ home }: Scene, words: readonly string[]): Promise<void> {
  const { code, stdout, stderr } = await home.run(words);
  if (code !== 0) throw new Error(`dongbo ${words.join(" ")} left with ${code}:\n${stdout}\n${stderr}`);
}

/** Over when the order is carried out, which is when the copy is refused; that it can be read again is for whoever watches to see. */
async function resync(scene: Scene, copy: PlannedCopy): Promise<void> {
  const id = subscriptionOf(copy);
  await command(scene, ["resync", id]);
  const open = `SELECT id FROM dongbo_control.work_order WHERE subscription = '${id}' AND closed_at IS NULL`;
  const control = scene.servers.started.control.url("control", roles.control, null);
  await waitUntil(async () => (await runSql(control, open)).length === 0, {
    describe: `the re-sync of ${id} to begin`,
    deadlineMs: 120_000,
    everyMs: 100,
    detail: () => scene.workers.describe(),
  });
}

/** One row is changed, one taken away and one added by somebody with rights on the copy's server; comparing must find and mend all three. */
async function editAndRepair(scene: Scene, copy: PlannedCopy, random: Random): Promise<void> {
  const table = `population_copy.${register.name}`;
  const row = random.between(1, register.rows - 1);
  const statements = [
    `UPDATE ${table} SET note = 'sửa tay' WHERE id = ${row}`,
    `DELETE FROM ${table} WHERE id = ${row + 1}`,
    `INSERT INTO ${table} (id, note, dongbo_batch) VALUES (${register.rows + row}, 'thừa', 1)`,
  ];
  const url = scene.copyUrl(copy);
  await (copy.server === "mysql" ? runMysql(url, ...statements) : runSql(url, ...statements));
  const options = ["--subscription", subscriptionOf(copy), "--table", `population.${register.name}`, "--repair", "auto", "--fast"];
  const told: string[] = [];
  for (let comparison = 1; comparison <= comparisonsMax; comparison++) {
    const { code, tables } = await reconcile(scene.home, options);
    told.push(`${code}: ${tables.map((found) => `${found.verdict}, repaired ${found.repaired}, ${JSON.stringify(found.problem)}`).join()}`);
    if (code !== 4) break;
  }
  if (told.at(-1)?.startsWith("3: different, repaired 3") !== true)
    throw new Error(`three edited rows of ${copy.name} were not found: ${told.join("; ")}`);
  const differs = await scene.registerDiffers(copy);
  if (differs !== null) throw new Error(`edited rows were told to be repaired and are not: ${differs}`);
}
