// Rows that are written many at a time: by a server that executes one statement for all of them, and by one that does not.
import { type AddressInfo, connect, createServer, type Server } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { EmbeddedMariaDb } from "../../deploy/embedded/mariadb-server.ts";
import { MysqlTargetLab } from "../support/mysql-target-lab.ts";
import { packed, row } from "../support/table-builders.ts";
import { subscriptionOf, Writer } from "../support/target-lab.ts";

const bulkOperations = 0x4;

/** Stands before a server whose hello it takes that capability from, as an old server or some proxies have it not. */
function withoutBulk(port: number): Promise<Server> {
  const proxy = createServer((client) => {
    const server = connect({ host: "127.0.0.1", port, noDelay: true });
    // Whoever ends a connection may do so while the other side still writes.
    for (const socket of [client, server]) socket.on("error", () => {});
    client.on("close", () => server.destroy());
    server.on("close", () => client.destroy());
    server.once("data", (hello: Buffer) => {
      // Header, protocol, version; then connection, scramble, filler, capabilities, collation, status, capabilities, length, filler.
      const at = hello.indexOf(0, 5) + 1 + 4 + 8 + 1 + 2 + 1 + 2 + 2 + 1 + 6;
      hello.writeUInt32LE(hello.readUInt32LE(at) & ~bulkOperations, at);
      client.write(hello);
      server.pipe(client);
    });
    client.pipe(server);
  });
  return new Promise((resolve) => {
    proxy.listen(0, "127.0.0.1", () => resolve(proxy));
  });
}

describe("rows of a load on MariaDB", () => {
  let lab: MysqlTargetLab<EmbeddedMariaDb>;
  let proxy: Server;

  beforeAll(async () => {
    lab = await MysqlTargetLab.openPrivate();
    proxy = await withoutBulk(lab.server.port);
  });
  afterAll(async () => {
    proxy?.close();
    await lab?.[Symbol.asyncDispose]();
  });

  const count = 300;
  const id = (place: number): string => String(place).padStart(4, "0");
  const prepared = async (): Promise<number> => {
    const [status] = await lab.sql("SHOW GLOBAL STATUS LIKE 'Com_stmt_prepare'");
    return Number(status?.["Value"]);
  };

  test.each([
    ["executes one statement for them", 1, false],
    ["does not, of 256, 32, 8 and 4 rows", 4, true],
  ])("come in whole where the server %s", async (_, statements, without) => {
    const table = lab.mapping(`t${statements}`, [
      ["id", "varchar(10)"],
      ["height", "decimal(5,2)", "decimal"],
      ["born", "datetime(3)", "timestamp"],
      ["flag", "tinyint(1)", "boolean"],
      ["data", "longblob", "bytes"],
      ["note", "mediumtext"],
    ]);
    const url = new URL(lab.url);
    if (without) url.port = String((proxy.address() as AddressInfo).port);
    const writer = await Writer.prepared(lab, subscriptionOf([table], { id: table.target.name, quarantineMax: 10 }), url.href);
    const note = "Số nhà,".repeat(10_000);
    const rows = Array.from({ length: count }, (__, place) => [
      id(place),
      place % 7 === 0 ? null : `-${place}.50`,
      "2024-02-29 13:05:00.25",
      place % 2 === 0 ? "t" : "f",
      `\\x00ff${id(place)}`,
      place === 9 ? note : "'; -- \\",
    ]);
    /** Gives the statements that it took. */
    const load = async (images: readonly (string | null)[][]): Promise<number> => {
      const transaction = await writer.begin();
      const before = await prepared();
      await transaction.load(table, packed(images.map((values) => row(...values))));
      const taken = (await prepared()) - before;
      await writer.commit(transaction);
      return taken;
    };
    expect(await load(rows)).toBe(statements);
    const stored = await lab.sql(
      `SELECT id, height, born, flag, HEX(data) AS data, note FROM public_copy.${table.target.name} ORDER BY id`,
    );
    expect(stored.map((found) => Object.values(found))).toEqual(
      rows.map(([key = "", height, , , , text]) => [
        key,
        height,
        "2024-02-29 13:05:00.250",
        Number(key) % 2 === 0 ? "1" : "0",
        `00FF${key ?? ""}`,
        text,
      ]),
    );
    // What is there already is not counted as new, and what does not fit does not keep the others out.
    await load([
      ...rows.slice(100).map(([key = null]) => [key, "1", "2024-02-29 13:05:00", "t", "\\x", "mới"]),
      ["more", "1000", "2024-02-29 13:05:00", "t", "\\x", "quá lớn"],
    ]);
    expect(await lab.copy(table)).toMatchObject({ rows: String(count), rows_quarantined: "1" });
    expect(await lab.sql(`SELECT COUNT(*) AS n FROM public_copy.${table.target.name} WHERE note = 'mới'`)).toEqual([
      { n: String(count - 100) },
    ]);
    await writer.target.close();
  });
});
