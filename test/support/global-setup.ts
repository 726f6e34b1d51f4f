// vitest's global setup of the projects that need servers: one folder for the run, and a look at what was printed and left running.
import { markedLines } from "./output-search.ts";
import { createTestRun, removeAbandonedRuns, removeTestRun } from "./test-run.ts";

export default function setup(): () => void {
  if (process.env["DONGBO_TEST_RUN"] !== undefined) return () => {};
  if (!process.env["DONGBO_TEST_MYSQL_URL"]) {
    console.log("Tests on a real MySQL are off: DONGBO_TEST_MYSQL_URL=mysql://root@host:3306, a server for tests alone, turns them on.");
  }
  removeAbandonedRuns();
  const folder = createTestRun();
  return () => {
    const marked = markedLines(folder);
    const left = removeTestRun(folder);
    if (marked.length > 0) throw new Error(`dongbo printed values of rows, or passwords:\n${marked.join("\n")}`);
    if (left.length > 0) throw new Error(`tests left servers running:\n${left.join("\n")}`);
  };
}
