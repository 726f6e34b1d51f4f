// What is quoted comes back from the server as it was, whatever it holds and whatever the session says of quotes and backslashes.
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { quoteIdentifier, quoteLiteral } from "../../connectors/mysql/quote.ts";
import { runs, seed } from "../support/filter-samples.ts";
import type { MysqlTestServer } from "../support/given-mysql.ts";
import { hostileNames, hostileText } from "../support/hostile-names.ts";
import { startMysqlServer } from "../support/mysql-server.ts";
import { mysqlClient } from "../support/mysql-session.ts";

let server: MysqlTestServer;
let client: Awaited<ReturnType<typeof mysqlClient>>;
beforeAll(async () => {
  server = await startMysqlServer();
  client = await mysqlClient(server.url());
});
afterAll(async () => {
  await client?.end();
  await server?.destroy();
});

/** The server takes no blanks at the ends of an alias, and no characters beyond the first plane in any name. */
const names = fc
  .oneof(fc.constantFrom(...hostileNames), hostileText(12))
  .map((name) => `.${name.replaceAll(/[\u{10000}-\u{10FFFF}]/gu, "")}.`);

test.each(["", "ANSI_QUOTES", "NO_BACKSLASH_ESCAPES", "ANSI_QUOTES,NO_BACKSLASH_ESCAPES"])(
  "literals and names are themselves with sql_mode '%s'",
  async (mode) => {
    await client.query(`SET SESSION sql_mode = '${mode}'`);
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.constantFrom(...hostileNames), hostileText(80)), names, async (value, name) => {
        const [rows, fields] = await client.query(`SELECT ${quoteLiteral(value)} AS ${quoteIdentifier(name)}, 1 AS rest`);
        expect(fields.map((field) => field.name)).toEqual([name, "rest"]);
        expect((rows as object[]).map((row) => Object.values(row) as unknown)).toEqual([[value, "1"]]);
      }),
      { numRuns: runs(300), seed },
    );
  },
);
