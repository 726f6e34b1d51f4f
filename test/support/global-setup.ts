// vitest's global setup of the projects that need servers: one folder for the run, and a look at what was left running.
import { createTestRun, removeAbandonedRuns, removeTestRun } from "./test-run.ts";

export default function setup(): () => void {
  if (process.env["DONGBO_TEST_RUN"] !== undefined) return () => {};
  if (!process.env["DONGBO_TEST_MYSQL_URL"]) {
    console.log("Tests on a real MySQL are off: DONGBO_TEST_MYSQL_URL=mysql://root@host:3306, a server for tests alone, turns them on.");
  }
  removeAbandonedRuns();
  const folder = createTestRun();
  return () => {
    const left = removeTestRun(folder);
    if (left.length > 0) throw new Error(`tests left servers running:\n${left.join("\n")}`);
  };
}
