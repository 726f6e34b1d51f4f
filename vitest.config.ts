import { defineConfig } from "vitest/config";

// The suffix says what a test needs: `.test.ts` nothing, `.pg.test.ts` PostgreSQL servers, `.mysql.test.ts`
// MySQL or MariaDB servers (and perhaps PostgreSQL), `.kafka.test.ts` Kafka (and perhaps all others), `.real-mysql.test.ts` a MySQL
// server that is given, `.simulation.test.ts` nothing but time, `.fault.test.ts` servers that it breaks or strains, `.fleet.test.ts` several
// workers, PostgreSQL servers and a Redis.
/** Each of these keeps both cores busy by itself. */
const stress = ["kill", "pairs", "debezium-pairs", "pgbench", "sysbench", "fanout", "giant", "reconcile-live"].map(
  (name) => `test/e2e/${name}.fault.test.ts`,
);
/** What also runs on a real MySQL, one file after the other, when DONGBO_TEST_MYSQL_URL names one that is there for tests alone. */
const givenMysql = process.env["DONGBO_TEST_MYSQL_URL"] ?? "";
const onGivenMysql = [
  "test/conformance/*.mysql.test.ts",
  "test/integration/*.mysql.test.ts",
  "test/e2e/data-types-between.mysql.test.ts",
  "test/e2e/lifecycle.mysql.test.ts",
  "test/**/*.real-mysql.test.ts",
];
const withKafka = ["test/support/global-setup.ts", "test/support/kafka-libraries.ts"];
const shared = { testTimeout: 120_000, hookTimeout: 120_000, teardownTimeout: 30_000 };

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          ...shared,
          name: "unit",
          // A thread for each file: a process would cost more than its tests.
          pool: "threads",
          include: ["test/**/*.test.ts"],
          exclude: [
            "test/**/*.pg.test.ts",
            "test/**/*.mysql.test.ts",
            "test/**/*.real-mysql.test.ts",
            "test/**/*.kafka.test.ts",
            "test/**/*.fault.test.ts",
            "test/**/*.fleet.test.ts",
            "test/**/*.simulation.test.ts",
            "test/e2e/**",
            "node_modules/**",
          ],
        },
      },
      {
        test: {
          ...shared,
          name: "simulation",
          include: ["test/**/*.simulation.test.ts"],
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
          testTimeout: 1_200_000,
        },
      },
      {
        test: {
          ...shared,
          name: "pg",
          globalSetup: "test/support/global-setup.ts",
          include: ["test/**/*.pg.test.ts"],
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          ...shared,
          name: "mysql",
          globalSetup: "test/support/global-setup.ts",
          include: ["test/**/*.mysql.test.ts"],
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          ...shared,
          name: "kafka",
          globalSetup: withKafka,
          include: ["test/**/*.kafka.test.ts"],
          maxWorkers: 2,
          // By themselves: Java servers and those of databases together are too much for two cores.
          sequence: { groupOrder: 2 },
        },
      },
      ...(givenMysql === ""
        ? []
        : [
            {
              test: {
                ...shared,
                name: "real-mysql",
                globalSetup: "test/support/global-setup.ts",
                include: onGivenMysql,
                env: { DONGBO_TEST_MYSQL_LANE: givenMysql },
                maxWorkers: 1,
                fileParallelism: false,
                sequence: { groupOrder: 5 },
              },
            },
          ]),
      {
        test: {
          ...shared,
          name: "fleet",
          globalSetup: "test/support/global-setup.ts",
          include: ["test/**/*.fleet.test.ts"],
          // One after the other: each runs several engines, and tells how long they take.
          maxWorkers: 1,
          fileParallelism: false,
          sequence: { groupOrder: 6 },
          testTimeout: 300_000,
        },
      },
      {
        test: {
          ...shared,
          name: "fault",
          globalSetup: withKafka,
          include: ["test/**/*.fault.test.ts"],
          exclude: [...stress, "node_modules/**"],
          maxWorkers: 2,
          sequence: { groupOrder: 3 },
          testTimeout: 1_200_000,
        },
      },
      {
        test: {
          ...shared,
          name: "stress",
          globalSetup: withKafka,
          include: stress,
          // One after the other.
          maxWorkers: 1,
          fileParallelism: false,
          sequence: { groupOrder: 4 },
          testTimeout: 1_200_000,
        },
      },
    ],
  },
});
