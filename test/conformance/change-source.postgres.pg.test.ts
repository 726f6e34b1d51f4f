import type pg from "pg";
import { lsnOrder } from "../../connectors/postgres/lsn.ts";
import { PostgresSource } from "../../connectors/postgres/postgres-source.ts";
import { startServer, textClient } from "../support/cluster.ts";
import { serverAddress } from "../support/server-address.ts";
import { type ChangeSourceHarness, type ItemChange, registerChangeSourceTests } from "./change-source.ts";

const patienceMs = 2000;

const traits = { reserves: true, tellsClock: true, clockStepMicros: 1 };

for (const major of [15, 16, 17, 18] as const) registerChangeSourceTests(`PostgreSQL ${major}`, traits, () => startHarness(major));

async function startHarness(major: 15 | 16 | 17 | 18): Promise<ChangeSourceHarness> {
  const server = await startServer(major, { wal_level: "logical", wal_sender_timeout: `${patienceMs}ms` });
  await server.query("CREATE ROLE dongbo_source LOGIN REPLICATION");
  const [first, second] = [textClient(server.url()), textClient(server.url())];
  await Promise.all([first.connect(), second.connect()]);
  await first.query("CREATE TABLE public.item (id int PRIMARY KEY, text text)");
  await first.query("CREATE PUBLICATION dongbo_items FOR TABLE public.item");
  const position = async (sql: string) => lsnOrder.parse(String((await first.query<{ lsn: string }>(sql)).rows[0]?.lsn));
  return {
    patienceMs,
    source: () =>
      new PostgresSource({
        address: serverAddress(server.url("postgres", "dongbo_source")),
        slot: "dongbo_items",
        publication: "dongbo_items",
      }),
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
    confirmed: () => position("SELECT confirmed_flush_lsn AS lsn FROM pg_replication_slots WHERE slot_name = 'dongbo_items'"),
    async handedOut() {
      const sent = await position("SELECT coalesce(max(sent_lsn), '0/0') AS lsn FROM pg_stat_replication");
      return { measure: sent, all: lsnOrder.covers(sent, await position("SELECT pg_current_wal_lsn() AS lsn")) };
    },
    async forget() {
      await first.query("SELECT pg_replication_slot_advance('dongbo_items', pg_current_wal_lsn())");
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([first.end(), second.end()]);
      await server.destroy();
    },
  };
}

async function run(client: pg.Client, change: ItemChange): Promise<void> {
  const id = String(change.id);
  if (change.op === "insert") await client.query("INSERT INTO public.item VALUES ($1, $2)", [id, change.text]);
  else if (change.op === "update") await client.query("UPDATE public.item SET text = $2 WHERE id = $1", [id, change.text]);
  else await client.query("DELETE FROM public.item WHERE id = $1", [id]);
}
