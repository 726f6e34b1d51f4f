// How a copy stands by the records in schema dongbo of a PostgreSQL target.
import type { CopyState, ShareState } from "../../../engine/model/share.ts";
import type { PartStand } from "../../../engine/target/copy-stand.ts";
import type { AnswerRow } from "../../compared-answers.ts";
import { quoteLiteral } from "../quote.ts";

/** One row for each slice of the whole subscription, or for the whole. */
export function standSql(subscription: string, table: string): string {
  const id = quoteLiteral(subscription);
  return `
SELECT s.slices, s.share_state, s.position, s.epoch, s.source_identity, c.copy_state, c.contract, c.load IS NOT NULL, c.stopped_code, c.stopped_message,
  (extract(epoch FROM s.source_time) * 1000000)::int8
FROM dongbo.subscription AS s
LEFT JOIN dongbo.copy AS c ON c.subscription = s.id AND c.target_table = ${quoteLiteral(table)}
WHERE s.id = ${id} OR s.part_of = ${id}`;
}

export function toPartStand(row: AnswerRow): PartStand {
  const [of, shareState, position, epoch, sourceIdentity, copyState, contract, loading, code, message, sourceTime] = row;
  return {
    of: Number(of),
    shareState: shareState as ShareState,
    position: position ?? null,
    sourceTime: sourceTime === null || sourceTime === undefined ? null : Number(sourceTime),
    epoch: Number(epoch),
    sourceIdentity: sourceIdentity ?? null,
    copyState: (copyState ?? null) as CopyState | null,
    contract: contract ?? null,
    loading: loading === "t",
    stopped: code === null || code === undefined ? null : { code, message: message ?? "" },
  };
}

/** Keys of the copy's rows that were set aside, each as a JSON list. */
export function quarantinedSql(subscription: string, table: string): string {
  const id = quoteLiteral(subscription);
  return `SELECT to_json(q.key) FROM dongbo.quarantine AS q
WHERE q.subscription IN (SELECT s.id FROM dongbo.subscription AS s WHERE s.id = ${id} OR s.part_of = ${id}) AND q.target_table = ${quoteLiteral(table)}`;
}
