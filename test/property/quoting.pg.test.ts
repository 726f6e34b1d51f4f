// What is quoted comes back from the server as it was, whatever it holds and whatever the session says of backslashes.
import fc from "fast-check";
import type pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { quoteIdentifier, quoteLiteral } from "../../connectors/postgres/quote.ts";
import type { EmbeddedPostgres } from "../../deploy/embedded/postgres-server.ts";
import { startServer, textClient } from "../support/cluster.ts";
import { runs, seed } from "../support/filter-samples.ts";
import { hostileNames, hostileText } from "../support/hostile-names.ts";

let server: EmbeddedPostgres;
let client: pg.Client;
beforeAll(async () => {
  server = await startServer(18, {});
  client = textClient(server.url());
  await client.connect();
});
afterAll(async () => {
  await client?.end();
  await server?.destroy();
});

const given = (maxLength: number) => fc.oneof(fc.constantFrom(...hostileNames), hostileText(maxLength));

test.each(["on", "off"])("literals and names are themselves with standard_conforming_strings %s", async (conforming) => {
  await client.query(`SET standard_conforming_strings = ${conforming}`);
  await client.query("SET escape_string_warning = off");
  await fc.assert(
    fc.asyncProperty(given(80), given(12), async (value, name) => {
      const { rows, fields } = await client.query(`SELECT ${quoteLiteral(value)} AS ${quoteIdentifier(name)}, 1 AS rest`);
      expect(fields.map((field) => field.name)).toEqual([name, "rest"]);
      expect(rows).toHaveLength(1);
      expect(Object.values(rows[0] as object)).toEqual([value, "1"]);
    }),
    { numRuns: runs(300), seed },
  );
});
