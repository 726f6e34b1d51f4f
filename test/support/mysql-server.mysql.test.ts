import { expect, test } from "vitest";
import { connectMysql } from "../../connectors/mysql/mysql-client.ts";
import { quoteLiteral } from "../../connectors/mysql/quote.ts";
import { startMariaDb } from "./mysql-server.ts";
import { runMysql } from "./mysql-session.ts";
import { serverAddress } from "./server-address.ts";

test("a private server starts, survives a kill, and holds text as it was given", async () => {
  await using server = await startMariaDb();
  await server.query("CREATE DATABASE national", "CREATE TABLE national.citizen (name VARCHAR(40) PRIMARY KEY)");
  await runMysql(server.url("national"), `INSERT INTO citizen VALUES (${quoteLiteral("Nguyễn 👩‍👩‍👧 '\\")})`);
  await server.kill();
  await server.restart();
  const session = await connectMysql(serverAddress(server.url("national")), { role: "test" });
  expect(session).toMatchObject({ flavour: "mariadb", lost: false });
  expect(session.version).toBeGreaterThan(100_600);
  expect(await session.query("SELECT name, ? AS given, @@time_zone AS zone FROM citizen", ["Đ"])).toEqual([
    { name: "Nguyễn 👩‍👩‍👧 '\\", given: "Đ", zone: "+00:00" },
  ]);
  await expect(session.query("SELECT * FROM gone")).rejects.toMatchObject({ code: "DB-MY-020" });
  await session.end();
  await expect(connectMysql(serverAddress(server.url("nowhere")), { role: "test" })).rejects.toMatchObject({ code: "DB-MY-005" });
  const wrong = serverAddress(server.url("", "nobody", "wrong"));
  await expect(connectMysql(wrong, { role: "test" })).rejects.toMatchObject({ code: "DB-MY-002" });
});
