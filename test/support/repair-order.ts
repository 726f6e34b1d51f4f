// Gives an installation's engine orders of repairs, as whoever has compared copies does.
import { connectPostgres } from "../../connectors/postgres/postgres-client.ts";
import { systemClock } from "../../deploy/processes/system-clock.ts";
import { PostgresControlStore } from "../../engine/control-store/postgres-control-store.ts";
import type { Key } from "../../engine/model/row.ts";
import { serverAddress } from "./server-address.ts";
import { waitUntil } from "./wait-until.ts";

/** `url`: of the control database. */
async function openControlStore(url: string): Promise<PostgresControlStore> {
  return PostgresControlStore.open((role) => connectPostgres(serverAddress(url), { role }), systemClock);
}

/** Orders the rows of one copy to be repaired; resolves with the order's id. */
export async function orderRepair(url: string, subscription: string, table: string, keys: readonly Key[]): Promise<number> {
  const store = await openControlStore(url);
  try {
    return await store.reconcile.orderRepair({ subscription, table, keys, run: null }, "lan@máy-1");
  } finally {
    await store.close();
  }
}

/** Waits until no order is pending; resolves with what became of the newest of the subscription's. */
export async function ordersClosed(url: string, subscription: string): Promise<string> {
  const store = await openControlStore(url);
  try {
    await waitUntil(async () => (await store.pendingOrders()).length === 0, { describe: "every order to be closed", deadlineMs: 60_000 });
    const history = await store.history(subscription, 100);
    return history.find(({ kind }) => kind === "order_closed")?.detail ?? "nothing";
  } finally {
    await store.close();
  }
}
