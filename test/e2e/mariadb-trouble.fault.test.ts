// What a MariaDB master may do to whoever reads its binary log: rotate, restart, freeze, forget, refuse. Nothing is lost, and
// what cannot go on by itself says so with a code and goes on after a re-sync (reliability.md B3, 45 to 53).
import { expect, test } from "vitest";
import { MysqlSource } from "../../connectors/mysql/mysql-source.ts";
import { EmbeddedMariaDb } from "../../deploy/embedded/mariadb-server.ts";
import { roles } from "../support/cluster.ts";
import { serverAddress } from "../support/server-address.ts";
import { runMysql } from "../support/mysql-session.ts";
import { waitUntil } from "../support/wait-until.ts";
import { type PairOptions, PairStage } from "./pair-stage.ts";

const citizen = { source: "national.citizen", target: "population.citizen", key: ["id"], columns: ["id", "full_name"] };
const shape = { key: ["id"], forms: { id: "integer", full_name: "text" } } as const;
const count = "SELECT count(*) AS n FROM population.citizen";

async function streaming(changes: Partial<PairOptions> = {}): Promise<PairStage> {
  const stage = await PairStage.create({
    master: "mysql",
    tables: [
      "CREATE TABLE citizen (id int PRIMARY KEY, full_name varchar(200))",
      "INSERT INTO citizen SELECT seq, CONCAT('Nguyễn ', seq) FROM seq_1_to_100",
    ],
    shares: { population: [citizen] },
    copies: [
      { target: "hcm", share: "population", connector: "mysql" },
      { target: "hue", share: "population" },
    ],
    ...changes,
  });
  stage.start();
  for (const target of ["hcm", "hue"]) await stage.shows(target, count, [["100"]]);
  return stage;
}

function master(stage: PairStage) {
  const { mysqlMaster } = stage.servers;
  if (!(mysqlMaster instanceof EmbeddedMariaDb)) throw new Error("the master is not MariaDB");
  return mysqlMaster;
}

async function bothShow(stage: PairStage, rows: number): Promise<void> {
  for (const target of ["hcm", "hue"]) await stage.shows(target, count, [[String(rows)]]);
}

async function bothEqual(stage: PairStage): Promise<void> {
  for (const target of ["hcm", "hue"]) expect(await stage.differences(target, "citizen", "population.citizen", shape)).toEqual([]);
}

/** Ids of the sessions that read the master's log. */
async function dumps(stage: PairStage): Promise<string[]> {
  const rows = await stage.onMasterAsSuperuser("SELECT id FROM information_schema.processlist WHERE command LIKE 'Binlog Dump%'");
  return rows.map((row) => row["id"] ?? "");
}

/** `status` names the code beside the subscription or its source, and leaves with 5. */
async function expectTold(stage: PairStage, code: RegExp): Promise<void> {
  await waitUntil(
    async () => {
      const told = await stage.home.run(["status"]);
      return told.code === 5 && code.test(told.stdout) && told;
    },
    { describe: `status to tell ${code}`, deadlineMs: 60_000, everyMs: 500, detail: async () => (await stage.home.run(["status"])).stdout },
  );
}

test("the log is rotated, flushed and its position carried over files while rows come", async () => {
  await using stage = await streaming();
  for (let round = 0; round < 5; round++) {
    await stage.onMaster(`INSERT INTO citizen VALUES (${200 + round}, 'Trước khi xoay')`);
    await stage.onMasterAsSuperuser("FLUSH BINARY LOGS", "FLUSH LOGS", "FLUSH TABLES", "FLUSH PRIVILEGES", "FLUSH STATUS");
    await stage.onMaster(`UPDATE citizen SET full_name = 'vòng ${round}' WHERE id = ${200 + round}`);
  }
  await bothShow(stage, 105);
  await stage.kill();
  await stage.onMasterAsSuperuser("FLUSH BINARY LOGS");
  await stage.onMaster("INSERT INTO citizen VALUES (300, 'Sau')");
  await stage.catchUp();
  await bothEqual(stage);
});

test.each(["cleanly", "by kill -9"])("the server is restarted %s in the middle of a stream", async (how) => {
  await using stage = await streaming();
  for (let round = 0; round < 3; round++) {
    await stage.onMaster(`INSERT INTO citizen SELECT seq, REPEAT('x', 100) FROM seq_${1000 * (round + 1)}_to_${1000 * (round + 1) + 499}`);
    await (how === "cleanly" ? master(stage).stop() : master(stage).kill());
    await master(stage).restart();
    await stage.onMaster(`DELETE FROM citizen WHERE id = ${round + 1}`);
  }
  await bothShow(stage, 100 + 1500 - 3);
  await stage.stop();
  await bothEqual(stage);
});

test("a server that is frozen and woken again loses nothing, and while it is frozen the copies' clock stands", async () => {
  await using stage = await streaming();
  master(stage).signal("SIGSTOP");
  const frozen = await stage.recorded("hcm", "population.citizen", () => true);
  // Longer than the watchdog: the session is given up, and taken up anew when the server answers.
  await waitUntil(
    async () => Date.now() * 1000 - Number((await stage.record("hcm", "population.citizen"))?.["last_sync_at"]) > 20_000_000,
    {
      describe: "twenty seconds without a sync",
      deadlineMs: 60_000,
      everyMs: 500,
    },
  );
  const still = await stage.record("hcm", "population.citizen");
  expect(Number(still?.["last_sync_at"]) - Number(frozen["last_sync_at"])).toBeLessThan(3_000_000);
  master(stage).signal("SIGCONT");
  await stage.onMaster("INSERT INTO citizen VALUES (101, 'Sau khi tỉnh')");
  await bothShow(stage, 101);
  await stage.stop();
  await bothEqual(stage);
});

test("a position that the log no longer has is a coded stop, and a re-sync brings the copies back", async () => {
  await using stage = await streaming();
  await stage.stop();
  await stage.onMaster("INSERT INTO citizen VALUES (101, 'Bị bỏ lỡ')", "DELETE FROM citizen WHERE id = 1");
  // Nobody of ours holds on to the log when the engine is gone, however often status is asked on an idle master.
  for (let look = 0; look < 3; look++) await stage.status("population/hcm");
  await waitUntil(async () => (await dumps(stage)).length === 0, { describe: "the master to be rid of us" });
  await stage.onMasterAsSuperuser("FLUSH BINARY LOGS", "FLUSH BINARY LOGS");
  const files = await stage.onMasterAsSuperuser("SHOW BINARY LOGS");
  const purge = async (): Promise<boolean> => {
    await stage.onMasterAsSuperuser(`PURGE BINARY LOGS TO '${files.at(-1)?.["Log_name"]}'`);
    return (await stage.onMasterAsSuperuser("SHOW BINARY LOGS")).length === 1;
  };
  // The server keeps a file, without a word, until the tables' own log has been written as far.
  await waitUntil(purge, { describe: "the log to be purged" });
  await expectTold(stage, /DB-(SLOT|MY)-\d+/);
  stage.start();
  await expectTold(stage, /DB-(SLOT|MY)-\d+/);
  // What the copies show is the master of before, and nothing of later.
  await stage.onMaster("INSERT INTO citizen VALUES (102, 'Sau')");
  expect(await stage.read("hcm", "SELECT count(*) AS n FROM population.citizen WHERE id > 100")).toEqual([{ n: "0" }]);
  for (const id of ["population/hcm", "population/hue"]) await stage.command("resync", id);
  await bothShow(stage, 101);
  await stage.stop();
  await bothEqual(stage);
  expect((await stage.home.run(["status"])).code).toBe(0);
});

test.each([
  ["the log is emptied", ["RESET MASTER"], /DB-SLOT-004/],
  [
    "a distributed transaction is logged",
    ["XA START 'a'", "INSERT INTO citizen VALUES (101, 'XA')", "XA END 'a'", "XA PREPARE 'a'", "XA COMMIT 'a'"],
    /DB-SLOT-023/,
  ],
])("when %s under a running stream that is told, and re-syncs go on behind it", async (_, statements, code) => {
  await using stage = await streaming();
  await runMysql(master(stage).url("national", "root"), ...statements, "REPLACE INTO citizen VALUES (101, 'Sau')");
  await expectTold(stage, code);
  expect(await stage.read("hcm", count)).toEqual([{ n: "100" }]);
  for (const id of ["population/hcm", "population/hue"]) await stage.command("resync", id);
  await bothShow(stage, 101);
  await stage.onMaster("INSERT INTO citizen VALUES (102, 'Nữa')");
  await bothShow(stage, 102);
  await stage.stop();
  await bothEqual(stage);
});

test("a privilege that is taken away is told, and the copies go on when it is back", async () => {
  await using stage = await streaming();
  await stage.onMasterAsSuperuser(`REVOKE REPLICATION SLAVE ON *.* FROM ${roles.source}`);
  // Sessions keep the rights that they began with; the next one has them no more.
  for (const { Id: id } of await stage.onMasterAsSuperuser(
    `SELECT id AS Id FROM information_schema.processlist WHERE user = '${roles.source}'`,
  )) {
    await stage.onMasterAsSuperuser(`KILL ${id}`).catch(() => []);
  }
  await stage.onMaster("INSERT INTO citizen VALUES (101, 'Không được đọc')");
  await expectTold(stage, /DB-MY-\d+/);
  expect(await stage.read("hcm", count)).toEqual([{ n: "100" }]);
  await stage.onMasterAsSuperuser(`GRANT REPLICATION SLAVE ON *.* TO ${roles.source}`);
  await bothShow(stage, 101);
  await stage.stop();
  await bothEqual(stage);
});

test("another reader under our server_id throws us out again and again: nothing is lost, and it is told", async () => {
  const serverId = 4242;
  await using stage = await streaming({ source: { server_id: serverId } });
  expect(await dumps(stage)).toHaveLength(1);
  const other = new MysqlSource({ address: serverAddress(stage.servers.sourceUrl(roles.source)), serverId });
  const { position } = await other.reservation();
  for (let round = 0; round < 5; round++) {
    const stop = new AbortController();
    const [ours] = await dumps(stage);
    const stream = await other.open(position, stop.signal);
    // The server ends the reader that was there before (MariaDB, "server_id", one dump for each).
    await waitUntil(async () => !(await dumps(stage)).includes(ours ?? ""), { describe: "our reader to be thrown out" });
    await stage.onMaster(`INSERT INTO citizen VALUES (${101 + round}, 'Vòng')`);
    await bothShow(stage, 101 + round);
    stop.abort();
    await stream.close();
  }
  await other.close();
  expect(stage.start().stderr).toMatch(/"event":"source retries"/);
  await stage.stop();
  await bothEqual(stage);
});

test("a log that stopped being as it must be is told: row image and format", async () => {
  await using stage = await streaming();
  await stage.stop();
  await stage.onMasterAsSuperuser("SET GLOBAL binlog_row_image = 'MINIMAL'");
  const check = await stage.home.run(["check"]);
  expect(check.code).toBe(1);
  expect(check.stdout + check.stderr).toMatch(/binlog_row_image/);
  await stage.onMasterAsSuperuser("SET GLOBAL binlog_row_image = 'FULL'");
  expect((await stage.home.run(["check"])).code).toBe(0);
  const owner = stage.servers.sourceUrl(roles.owner);
  await runMysql(owner, "INSERT INTO citizen VALUES (101, 'Lại')");
  await stage.catchUp();
  await bothEqual(stage);
});
