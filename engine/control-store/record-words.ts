// How the history words what was recorded, and how a store refuses: the same in every store.
import { ReplicationError } from "../model/replication-error.ts";
import type { Order } from "../ports/control-store.ts";
import type { ErrorNoticeRequest, RepairPlan, RepairRequest } from "../ports/reconcile-records.ts";

/** What an order is of. */
export function orderText({ kind, table }: Pick<Order, "kind" | "table">): string {
  return `${kind} of ${table ?? "all tables"}`;
}

/** The same for the order of a repair. */
export function repairText({ table, keys, run }: RepairRequest): string {
  return `repair of ${table}: ${keys.length} rows${run === null ? "" : ` of run ${run}`}`;
}

/** What a plan is of. */
export function planText(run: number, table: string, rows: number): string {
  return `run ${run} of ${table}: ${rows} rows`;
}

/** What a notice is of. */
export function noticeText(id: number, { run, sourceTable, count, class: kind }: ErrorNoticeRequest): string {
  return `notice ${id} of run ${run}: ${count} ${kind} rows of ${sourceTable}`;
}

/** There is no such run, plan or notice. */
export function unknown(subject: string): ReplicationError {
  return new ReplicationError("DB-REC-008", { subject });
}

/** The plan was decided on before. */
export function settled({ run, state }: Pick<RepairPlan, "run" | "state">): ReplicationError {
  return new ReplicationError("DB-REC-009", { subject: `plan of run ${run}`, cause: `it was ${state} already` });
}

export function brokenChain(cause: string): ReplicationError {
  return new ReplicationError("DB-REC-012", { subject: "control database", cause });
}
