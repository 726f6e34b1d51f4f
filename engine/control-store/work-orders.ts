// Orders that commands give and the engine carries out, in the control database.
import type pg from "pg";
import { keysDigest } from "../model/key-fingerprint.ts";
import type { SliceNumber } from "../model/slice.ts";
import type { Actor } from "../ports/actor.ts";
import type { HistoryEvent, OrderRequest } from "../ports/control-commands.ts";
import { carriedOut, type Order } from "../ports/control-store.ts";
import type { RepairRequest } from "../ports/reconcile-records.ts";
import type { ControlSession } from "./control-session.ts";
import { orderText, repairText } from "./record-words.ts";
import { keysText, readKeys } from "./stored-keys.ts";

/** Gives the order, unless the same one is pending, and its id. Within a transaction. */
export async function giveOrder(
  client: pg.Client,
  order: OrderRequest | ({ readonly kind: "repair" } & RepairRequest),
  by: Actor,
): Promise<number> {
  const repair = order.kind === "repair" ? order : null;
  const values = [order.kind, order.subscription, order.table, repair === null ? null : keysDigest(repair.keys)];
  const made = await client.query<{ id: string }>(
    `INSERT INTO dongbo_control.work_order (kind, subscription, target_table, keys_digest, ordered_by, keys, run) VALUES ($1, $2, $3, $4, $5, $6, $7)
     ON CONFLICT (kind, subscription, target_table, keys_digest) WHERE closed_at IS NULL DO NOTHING RETURNING id`,
    [...values, by, repair === null ? null : keysText(repair.keys), repair?.run ?? null],
  );
  const pending = `SELECT id FROM dongbo_control.work_order WHERE closed_at IS NULL AND kind = $1 AND subscription = $2
    AND target_table IS NOT DISTINCT FROM $3 AND keys_digest IS NOT DISTINCT FROM $4`;
  const found = made.rows[0] ?? (await client.query<{ id: string }>(pending, values)).rows[0];
  const detail = repair === null ? orderText(order) : repairText(repair);
  await noteEvent(client, { subscription: order.subscription, kind: "ordered", detail, by });
  return Number(found?.id);
}

export async function pendingOrders(session: ControlSession): Promise<Order[]> {
  const rows = await session.query(
    `SELECT id, kind, subscription, target_table, keys::text,
       (SELECT json_agg(json_build_object('index', slice, 'of', slices) ORDER BY slices, slice)
        FROM dongbo_control.order_slice WHERE work_order = id) AS done
     FROM dongbo_control.work_order WHERE closed_at IS NULL ORDER BY id`,
  );
  return rows.map((row) => ({
    id: Number(row["id"]),
    kind: row["kind"] as Order["kind"],
    subscription: row["subscription"] ?? "",
    table: row["target_table"] ?? null,
    ...(row["kind"] === "repair" ? { keys: readKeys(row["keys"]) } : {}),
    done: JSON.parse(row["done"] ?? "[]") as SliceNumber[],
  }));
}

/** The keys are forgotten with the order; the plan that it came from is carried out, or open again. */
export async function closeOrder(session: ControlSession, id: number, outcome: string, by: Actor): Promise<void> {
  await session.query(
    `WITH closed AS (
       UPDATE dongbo_control.work_order SET closed_at = now(), outcome = $2, keys = NULL WHERE id = $1 AND closed_at IS NULL
       RETURNING id, subscription, kind, target_table),
     settled AS (
       UPDATE dongbo_control.repair_plan AS p SET
         state = CASE WHEN $2::text = $4::text THEN 'carried out' ELSE 'open' END,
         keys = CASE WHEN $2::text = $4::text THEN NULL ELSE p.keys END
       FROM closed WHERE p.work_order = closed.id AND p.state = 'approved')
     INSERT INTO dongbo_control.event (subscription, kind, detail, actor)
     SELECT subscription, 'order_closed', kind || ' of ' || coalesce(target_table, 'all tables') || ': ' || $2, $3 FROM closed`,
    [id, outcome, by, carriedOut],
  );
}

/** Whether that was the last slice. */
export async function noteSlice(session: ControlSession, id: number, { index, of }: SliceNumber): Promise<boolean> {
  return session.transaction(async (client) => {
    // Two slices that come at the same time must not each take the other for the last.
    await client.query("SELECT FROM dongbo_control.work_order WHERE id = $1 FOR UPDATE", [id]);
    await client.query(
      "INSERT INTO dongbo_control.order_slice (work_order, slice, slices) SELECT id, $2, $3 FROM dongbo_control.work_order WHERE id = $1 ON CONFLICT DO NOTHING",
      [id, index, of],
    );
    const { rows } = await client.query<{ done: string }>(
      "SELECT count(*) AS done FROM dongbo_control.order_slice WHERE work_order = $1 AND slices = $2",
      [id, of],
    );
    return Number(rows[0]?.done) === of;
  });
}

/** Leaves a line in the history. */
export async function noteEvent(client: pg.Client, { subscription, kind, detail, by }: Omit<HistoryEvent, "at">): Promise<void> {
  await client.query("INSERT INTO dongbo_control.event (subscription, kind, detail, actor) VALUES ($1, $2, $3, $4)", [
    subscription,
    kind,
    detail,
    by,
  ]);
}
