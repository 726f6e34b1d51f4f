// Checkpoint, clock, counts and batch record: one statement, written in the transaction of the data (invariants 2 and 4).
import { assert } from "../../../engine/model/assert.ts";
import type { Micros } from "../../../engine/model/change-message.ts";
import type { Subscription, TableMapping } from "../../../engine/model/share.ts";
import { printTable, tableKey } from "../../../engine/model/table.ts";
import type { CheckpointWrite, LoadProgress } from "../../../engine/ports/change-target.ts";
import { TextArray } from "./array-parameter.ts";
import { judgedTimeSql } from "./gate-sql.ts";
import type { QuarantineBook } from "./quarantine.ts";
import type { RowTally } from "./row-tally.ts";
import type { Parameter, Statement } from "./statement-batch.ts";

/**
 * `own` is empty unless the row is there and the epoch is ours; then nothing at all is written and the last SELECT divides
 * by zero, so that a COMMIT sent behind this statement is never carried out. So it does when the record of a copy is gone.
 *
 * The clock of a copy moves only when it is asked to (`advancing`), whole and not stopped. Under the policy `resync` it
 * does not move either once it has run out: the copy is EXPIRED until a load is done.
 */
const checkpointSql = `
WITH own AS MATERIALIZED (
  SELECT s.id, s.validity_period, s.on_expiry, ${judgedTimeSql} AS now
  FROM dongbo.subscription AS s
  WHERE s.id = $1 AND s.epoch = $2::bigint AND s.next_batch <= $3::bigint
  FOR NO KEY UPDATE
), given AS (
  SELECT * FROM unnest($10::text[], $11::text[]::boolean[], $12::text[]::bigint[], $13::text[]::bigint[],
    $14::text[], $15::text[]::jsonb[], $16::text[], $17::text[], $18::text[])
    AS g(target_table, advancing, growth, quarantined, load_event, load, contract, stopped_code, stopped_message)
), judged AS MATERIALIZED (
  SELECT g.*, c.stopped_code IS NOT NULL AND g.load_event IS NULL OR g.stopped_code IS NOT NULL AS stopped,
    c.copy_state IN ('VALID', 'EXPIRED') AND g.load_event IS NULL AND own.on_expiry = 'resync'
      AND (c.copy_state = 'EXPIRED' OR coalesce(own.now >= c.valid_until, true)) AS expired,
    CASE g.load_event WHEN 'complete' THEN true WHEN 'progress' THEN false ELSE c.copy_state IN ('VALID', 'EXPIRED') END AS whole
  FROM own
  JOIN dongbo.copy AS c ON c.subscription = own.id
  JOIN given AS g ON g.target_table = c.target_table
), moved AS (
  UPDATE dongbo.copy AS c SET
    copy_state = CASE
      WHEN j.load_event = 'complete' THEN 'VALID'
      WHEN j.load_event = 'progress' THEN CASE c.copy_state WHEN 'NEVER_SYNCED' THEN 'NEVER_SYNCED' ELSE 'RESYNCING' END
      WHEN j.expired THEN 'EXPIRED'
      WHEN j.whole AND j.advancing AND NOT j.stopped THEN 'VALID'
      ELSE c.copy_state END,
    last_sync_at = CASE WHEN j.advancing AND j.whole AND NOT j.stopped AND NOT j.expired
      THEN greatest(c.last_sync_at, $6::timestamptz) ELSE c.last_sync_at END,
    valid_until = CASE WHEN j.advancing AND j.whole AND NOT j.stopped AND NOT j.expired
      THEN greatest(c.last_sync_at, $6::timestamptz) + own.validity_period ELSE c.valid_until END,
    rows = c.rows + j.growth,
    rows_quarantined = coalesce(j.quarantined, c.rows_quarantined),
    load = CASE j.load_event WHEN 'progress' THEN j.load WHEN 'complete' THEN NULL ELSE c.load END,
    contract = CASE j.load_event WHEN 'complete' THEN j.contract ELSE c.contract END,
    stopped_code = CASE WHEN j.stopped THEN coalesce(j.stopped_code, c.stopped_code) END,
    stopped_message = CASE WHEN j.stopped THEN coalesce(j.stopped_message, c.stopped_message) END
  FROM own, judged AS j
  WHERE c.subscription = own.id AND c.target_table = j.target_table
  RETURNING c.target_table, c.copy_state, c.last_sync_at, c.valid_until, c.load IS NULL AND c.copy_state <> 'NEVER_SYNCED' AS loaded
), batch AS (
  INSERT INTO dongbo.batch (subscription, id, kind, first_position, last_position, source_time_first, source_time_last,
    transactions, rows_written, rows_deleted, agreement_id)
  SELECT own.id, $3::bigint, b.kind, b.first_position, $4, b.first_time::timestamptz, $6::timestamptz,
    b.transactions::bigint, b.written::bigint, b.deleted::bigint, b.agreement
  FROM own, (VALUES ($19::text, $8, $9, $20::text, $21::text, $22::text, $23::text))
    AS b(kind, first_position, first_time, transactions, written, deleted, agreement)
  WHERE b.kind IS NOT NULL
), done AS (
  UPDATE dongbo.subscription AS s SET
    position = $4, source_identity = $5, source_time = greatest(s.source_time, $6::timestamptz),
    clock_floor = own.now, next_batch = CASE WHEN $7::boolean THEN $3::bigint + 1 ELSE s.next_batch END,
    last_sync_at = m.last_sync_at, valid_until = m.valid_until,
    share_state = CASE WHEN s.share_state = 'LOADING' AND m.loaded THEN 'ACTIVE' ELSE s.share_state END
  FROM own, (SELECT min(last_sync_at) AS last_sync_at, min(valid_until) AS valid_until, coalesce(bool_and(loaded), true) AS loaded FROM moved) AS m
  WHERE s.id = own.id
  RETURNING s.id
)
SELECT 1 / (SELECT count(*)::int FROM done WHERE (SELECT count(*) FROM moved) = (SELECT count(*) FROM given)) AS ours,
  coalesce((SELECT json_agg(target_table) FROM moved WHERE copy_state = 'EXPIRED'), '[]') AS expired`;

export interface CheckpointFacts {
  readonly subscription: Subscription;
  readonly epoch: number;
  readonly batchId: number;
  readonly checkpoint: CheckpointWrite;
  readonly tally: RowTally;
  readonly book: QuarantineBook;
}

/** Whether this commit takes the batch id: everything but a mere heartbeat does, so that it can be told from the next one. */
export function takesBatchId({ checkpoint, tally, book }: CheckpointFacts): boolean {
  const { firstPosition, loads, stops } = checkpoint;
  return firstPosition !== null || loads.length + stops.length > 0 || tally.written + tally.deleted > 0 || book.changed;
}

export function checkpointStatement(facts: CheckpointFacts): Statement {
  const { subscription, checkpoint, tally } = facts;
  const copies = subscription.tables.map((table) => copyFacts(facts, table));
  const column = (value: (copy: CopyFacts) => string | null): TextArray => textColumn(copies.map(value));
  return {
    sql: checkpointSql,
    parameters: [
      subscription.id,
      String(facts.epoch),
      String(facts.batchId),
      checkpoint.position,
      checkpoint.sourceIdentity,
      microsText(checkpoint.sourceTime),
      String(takesBatchId(facts)),
      checkpoint.firstPosition,
      checkpoint.firstCommittedAt === null ? null : microsText(checkpoint.firstCommittedAt),
      column((copy) => copy.target),
      column((copy) => String(copy.advancing)),
      column((copy) => copy.growth),
      column((copy) => copy.quarantined),
      column((copy) => copy.loadEvent),
      column((copy) => copy.load),
      column((copy) => copy.contract),
      column((copy) => copy.stoppedCode),
      column((copy) => copy.stoppedMessage),
      batchKind(facts),
      String(checkpoint.transactions),
      String(tally.written),
      String(tally.deleted),
      checkpoint.agreementId,
    ],
  };
}

interface CopyFacts {
  readonly target: string;
  readonly advancing: boolean;
  readonly growth: string;
  readonly quarantined: string | null;
  readonly loadEvent: "progress" | "complete" | null;
  readonly load: string | null;
  readonly contract: string | null;
  readonly stoppedCode: string | null;
  readonly stoppedMessage: string | null;
}

function copyFacts({ checkpoint, tally, book }: CheckpointFacts, table: TableMapping): CopyFacts {
  const id = tableKey(table.target);
  const isThis = (entry: { readonly table: TableMapping }): boolean => tableKey(entry.table.target) === id;
  const load = checkpoint.loads.find(isThis);
  const stop = book.stops.find(isThis) ?? checkpoint.stops.find(isThis);
  const complete = load?.complete === true && stop === undefined;
  return {
    target: printTable(table.target),
    advancing: checkpoint.advancing.some((entry) => tableKey(entry.target) === id),
    growth: String(tally.growth(table)),
    quarantined: book.touches(table) ? String(book.count(table)) : null,
    loadEvent: load === undefined ? null : complete ? "complete" : "progress",
    load: load === undefined ? null : JSON.stringify(load.progress satisfies LoadProgress),
    contract: complete ? load.progress.contract : null,
    stoppedCode: stop?.code ?? null,
    stoppedMessage: stop?.message ?? null,
  };
}

/** Null: nothing that a row could be traced to. */
function batchKind({ checkpoint, tally }: CheckpointFacts): "stream" | "load" | null {
  if (checkpoint.firstPosition !== null) return "stream";
  return tally.written + tally.deleted > 0 ? "load" : null;
}

/** Sets aside: a row that is there already is counted once more. */
const setAsideSql = `
INSERT INTO dongbo.quarantine AS q (subscription, target_table, key_digest, key, code, sqlstate, detail, position, source_time)
SELECT $1, g.target_table, g.key_digest, ARRAY(SELECT json_array_elements_text(g.key::json)), g.code, g.sqlstate, g.detail, $2, $3::timestamptz
FROM unnest($4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[]) AS g(target_table, key_digest, key, code, sqlstate, detail)
ON CONFLICT (subscription, target_table, key_digest) DO UPDATE SET
  code = excluded.code, sqlstate = excluded.sqlstate, detail = excluded.detail, position = excluded.position,
  source_time = excluded.source_time, last_seen = excluded.last_seen, attempts = q.attempts + 1`;

const clearSql = `
DELETE FROM dongbo.quarantine AS q USING unnest($2::text[], $3::text[]) AS g(target_table, key_digest)
WHERE q.subscription = $1 AND q.target_table = g.target_table AND q.key_digest = g.key_digest`;

/** Statements that write what the book says; none when it says nothing. */
export function quarantineStatements({ subscription, book, checkpoint }: CheckpointFacts): Statement[] {
  const statements: Statement[] = [];
  const { added, cleared } = book;
  if (cleared.length > 0) {
    const parameters: Parameter[] = [
      subscription.id,
      textColumn(cleared.map((row) => row.table)),
      textColumn(cleared.map((row) => row.digest)),
    ];
    statements.push({ sql: clearSql, parameters });
  }
  if (added.length > 0) {
    const column = (value: (row: (typeof added)[number]) => string | null): TextArray => textColumn(added.map(value));
    statements.push({
      sql: setAsideSql,
      parameters: [
        subscription.id,
        checkpoint.position,
        microsText(checkpoint.sourceTime),
        column((row) => printTable(row.table.target)),
        column((row) => row.digest),
        // A NUL cannot be stored; a key that holds one cannot be replayed either, only seen.
        column((row) => JSON.stringify(row.key.map((part) => part.toString("utf8").replaceAll("\0", "\uFFFD")))),
        column((row) => row.code),
        column((row) => row.sqlstate),
        column((row) => row.detail),
      ],
    });
  }
  return statements;
}

/** `2026-01-02T03:04:05.678901Z`. */
export function microsText(micros: Micros): string {
  assert(Number.isSafeInteger(micros), "an instant is a whole number of microseconds");
  const seconds = Math.floor(micros / 1_000_000);
  const rest = String(micros - seconds * 1_000_000).padStart(6, "0");
  return `${new Date(seconds * 1000).toISOString().slice(0, -5)}.${rest}Z`;
}

function textColumn(values: readonly (string | null)[]): TextArray {
  return new TextArray(values.map((value) => (value === null ? null : Buffer.from(value, "utf8"))));
}
