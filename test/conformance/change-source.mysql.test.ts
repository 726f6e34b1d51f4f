import type { Connection } from "mysql2/promise";
import { MysqlSource } from "../../connectors/mysql/mysql-source.ts";
import { replicationGrant, serverName, startMysqlServer } from "../support/mysql-server.ts";
import { mysqlClient } from "../support/mysql-session.ts";
import { serverAddress } from "../support/server-address.ts";
import { waitUntil } from "../support/wait-until.ts";
import { type ChangeSourceHarness, type ItemChange, registerChangeSourceTests } from "./change-source.ts";

const patienceSeconds = 2;

registerChangeSourceTests(serverName, { reserves: false, tellsClock: true, clockStepMicros: 1_000_000 }, startHarness);

async function startHarness(): Promise<ChangeSourceHarness> {
  const server = await startMysqlServer({ net_write_timeout: patienceSeconds });
  await server.query(
    "CREATE USER dongbo_source",
    `${replicationGrant} TO dongbo_source`,
    "CREATE DATABASE items",
    "CREATE TABLE items.item (id INT PRIMARY KEY, text LONGTEXT)",
  );
  const [first, second] = await Promise.all([mysqlClient(server.url("items")), mysqlClient(server.url("items"))]);
  return {
    patienceMs: patienceSeconds * 1000,
    source: () => new MysqlSource({ address: serverAddress(server.url("", "dongbo_source")) }),
    async commit(changes) {
      await first.query("BEGIN");
      for (const change of changes) await run(first, change);
      await first.query("COMMIT");
    },
    async commitInterleaved(one, two) {
      await first.query("BEGIN");
      await second.query("BEGIN");
      for (let index = 0; index < Math.max(one.length, two.length); index++) {
        const [a, b] = [one[index], two[index]];
        if (a !== undefined) await run(first, a);
        if (b !== undefined) await run(second, b);
      }
      await second.query("COMMIT");
      await first.query("COMMIT");
    },
    confirmed: () => Promise.reject(new Error("nothing is confirmed to such a server")),
    async handedOut() {
      const [row] = await server.query("SELECT STATE AS state FROM information_schema.PROCESSLIST WHERE COMMAND LIKE 'Binlog Dump%'");
      const measure = row?.["state"] ?? "no reader";
      return { measure, all: /sent all binlog/i.test(measure) };
    },
    async forget() {
      await server.query("FLUSH BINARY LOGS");
      const files = () => server.query("SHOW BINARY LOGS");
      const newest = (await files()).at(-1)?.["Log_name"] ?? "";
      await waitUntil(
        async () => {
          // A reader that has just gone holds its file for a moment.
          await server.query(`PURGE BINARY LOGS TO '${newest}'`);
          return (await files()).length === 1;
        },
        { describe: "the old log to be purged" },
      );
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([first.end(), second.end()]);
      await server.destroy();
    },
  };
}

async function run(client: Connection, change: ItemChange): Promise<void> {
  if (change.op === "insert") await client.query("INSERT INTO item VALUES (?, ?)", [change.id, change.text]);
  else if (change.op === "update") await client.query("UPDATE item SET text = ? WHERE id = ?", [change.text, change.id]);
  else await client.query("DELETE FROM item WHERE id = ?", [change.id]);
}
