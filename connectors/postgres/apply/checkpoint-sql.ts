// Checkpoint, clock, counts and batch record, written in the transaction of the data (invariants 2 and 4).
import { assert } from "../../../engine/model/assert.ts";
import type { Micros } from "../../../engine/model/change-message.ts";
import type { Subscription, TableMapping } from "../../../engine/model/share.ts";
import { printTable, tableKey } from "../../../engine/model/table.ts";
import type { CheckpointWrite } from "../../../engine/ports/change-target.ts";
import { listedColumn, TextArray } from "./array-parameter.ts";
import { quoteTable } from "../quote.ts";
import { judgedTimeSql } from "./gate-sql.ts";
import { batchStep } from "../../../engine/target/batch-ids.ts";
import { batchKind } from "../../../engine/target/batch-kind.ts";
import { countedAnew } from "../../../engine/target/counted-anew.ts";
import type { QuarantineBook } from "../../../engine/target/quarantine-book.ts";
import type { RowTally } from "../../../engine/target/row-tally.ts";
import type { Parameter, Statement } from "./statement-batch.ts";

/** c: the copy's record, g: what this commit says of it, own: the subscription. */
const stopped = "(c.stopped_code IS NOT NULL AND g.load_event IS NULL OR g.stopped_code IS NOT NULL)";
const whole = "CASE g.load_event WHEN 'complete' THEN true WHEN 'progress' THEN false ELSE c.copy_state IN ('VALID', 'EXPIRED') END";
/** Its time has run out under the policy `resync`: only a load can end that. A copy without a time cannot be believed either. */
const expired = `(own.on_expiry = 'resync' AND g.load_event IS NULL AND c.copy_state IN ('VALID', 'EXPIRED')
      AND (c.copy_state = 'EXPIRED' OR coalesce(own.now >= c.valid_until, true)))`;
const moves = `g.advancing AND ${whole} AND NOT ${stopped} AND NOT ${expired}`;
/** A source whose clock is ahead would lengthen the use of what it gave: no sync is later than the time at which it is judged here. */
const synced = "greatest(c.last_sync_at, least($6::timestamptz, own.now))";
/**
 * What this server's clock has shown is held against it as far as to where every copy has expired, which nothing but a sync
 * undoes. A clock that was years ahead for a moment would otherwise close them for years, whatever is synchronised after it.
 */
const floor = "greatest(s.clock_floor, least(own.now, greatest(s.source_time, $6::timestamptz) + own.validity_period))";

const texts = new Map<number, string>();

/** The statement for so many tables. */
function sqlFor(tables: number): string {
  const text = texts.get(tables) ?? checkpointSql(tables);
  texts.set(tables, text);
  return text;
}

/** Kept short of plan nodes: it runs at every commit and every heartbeat. */
function checkpointSql(tables: number): string {
  const given = Array.from({ length: tables }, (_, table) => {
    const [target, ...others] = copyColumns.map(
      ([, type], place) => `$${fixedParameters + table * copyColumns.length + place + 1}::${type}`,
    );
    return `(${[target, ...others].join(", ")})`;
  });
  return `
WITH own AS MATERIALIZED (
  SELECT s.id, s.validity_period, s.on_expiry, ${judgedTimeSql} AS now
  FROM dongbo.subscription AS s
  WHERE s.id = $1 AND s.epoch = $2::bigint AND s.next_batch <= $3::bigint
  FOR NO KEY UPDATE
), moved AS (
  UPDATE dongbo.copy AS c SET
    copy_state = CASE
      WHEN g.load_event = 'complete' THEN 'VALID'
      WHEN g.load_event = 'progress' THEN CASE c.copy_state WHEN 'NEVER_SYNCED' THEN 'NEVER_SYNCED' ELSE 'RESYNCING' END
      WHEN ${expired} THEN 'EXPIRED'
      WHEN ${moves} THEN 'VALID'
      ELSE c.copy_state END,
    last_sync_at = CASE WHEN ${moves} THEN ${synced} ELSE c.last_sync_at END,
    valid_until = CASE WHEN ${moves} THEN ${synced} + own.validity_period ELSE c.valid_until END,
    rows = c.rows + g.growth,
    rows_quarantined = coalesce(g.quarantined, c.rows_quarantined),
    load = CASE g.load_event WHEN 'progress' THEN g.load WHEN 'complete' THEN NULL ELSE c.load END,
    contract = CASE g.load_event WHEN 'complete' THEN g.contract ELSE c.contract END,
    last_reconciled_at = CASE g.load_event WHEN 'complete' THEN NULL ELSE c.last_reconciled_at END,
    verdict = CASE g.load_event WHEN 'complete' THEN NULL ELSE c.verdict END,
    stopped_code = CASE WHEN ${stopped} THEN coalesce(g.stopped_code, c.stopped_code) END,
    stopped_message = CASE WHEN ${stopped} THEN coalesce(g.stopped_message, c.stopped_message) END
  FROM own, (VALUES ${given.join(", ")}) AS g(${copyColumns.map(([name]) => name).join(", ")})
  WHERE c.subscription = own.id AND c.target_table = g.target_table
  RETURNING c.target_table, c.copy_state, c.last_sync_at, c.valid_until, c.load IS NULL AND c.copy_state <> 'NEVER_SYNCED' AS loaded,
    c.stopped_code IS NOT NULL AS stopped,
    c.copy_state = 'EXPIRED' OR c.copy_state = 'RESYNCING' AND c.load IS NULL AND c.stopped_code IS NULL AS owes
), done AS (
  UPDATE dongbo.subscription AS s SET
    position = $4, source_identity = $5, source_time = greatest(s.source_time, $6::timestamptz),
    clock_floor = ${floor}, next_batch = coalesce($7::bigint, s.next_batch),
    last_sync_at = m.last_sync_at, valid_until = m.valid_until,
    share_state = CASE WHEN s.share_state = 'LOADING' AND m.loaded THEN 'ACTIVE' ELSE s.share_state END
  FROM own, (SELECT min(last_sync_at) AS last_sync_at, min(valid_until) AS valid_until, bool_or(loaded) AND bool_and(loaded OR stopped) AS loaded, count(*) AS copies,
      json_agg(target_table) FILTER (WHERE owes) AS expired FROM moved) AS m
  WHERE s.id = own.id AND m.copies = ${tables}
  RETURNING m.expired
)
SELECT 1 / count(*)::int AS ours, max(expired::text) AS expired FROM done`;
}

/** Id, epoch, batch id, position, source identity, source time, next batch id or NULL when this one is not taken. */
const fixedParameters = 7;
const copyColumns: readonly (readonly [name: string, type: string])[] = [
  ["target_table", "text"],
  ["advancing", "boolean"],
  ["growth", "bigint"],
  ["quarantined", "bigint"],
  ["load_event", "text"],
  ["load", "jsonb"],
  ["contract", "text"],
  ["stopped_code", "text"],
  ["stopped_message", "text"],
];

const batchSql = `
INSERT INTO dongbo.batch (subscription, id, kind, first_position, last_position, source_time_first, source_time_last,
  transactions, rows_written, rows_deleted, agreement_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`;

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

/**
 * The clock of a copy moves only when it is asked to (`advancing`), whole and not stopped. Nothing at all is written unless
 * subscription and copies are on record and the epoch is ours: then the last SELECT divides by zero, so that a COMMIT sent
 * behind this statement is never carried out.
 */
export function checkpointStatement(facts: CheckpointFacts): Statement {
  const { subscription, checkpoint } = facts;
  return {
    sql: sqlFor(subscription.tables.length + subscription.stopped.length),
    parameters: [
      subscription.id,
      String(facts.epoch),
      String(facts.batchId),
      checkpoint.position,
      checkpoint.sourceIdentity,
      microsText(checkpoint.sourceTime),
      takesBatchId(facts) ? String(facts.batchId + batchStep(subscription.slice)) : null,
      ...subscription.tables.flatMap((table) => copyParameters(facts, table)),
      ...subscription.stopped.flatMap(({ target }) => [printTable(target), "false", "0", ...copyColumns.slice(3).map(() => null)]),
    ],
  };
}

/** For behind the checkpoint statement, which adds what the tally knows. */
export function countStatements({ subscription, checkpoint, tally }: CheckpointFacts): Statement[] {
  return countedAnew(subscription, checkpoint, tally).map((table) => ({
    sql: `UPDATE dongbo.copy SET rows = (SELECT count(*) FROM ${quoteTable(table.physical)}) WHERE subscription = $1 AND target_table = $2`,
    parameters: [subscription.id, printTable(table.target)],
  }));
}

/** The record that rows of this transaction are traced to; none when it holds nothing that could be. */
export function batchStatements({ subscription, batchId, checkpoint, tally }: CheckpointFacts): Statement[] {
  const fromStream = checkpoint.firstPosition !== null;
  if (!fromStream && tally.written + tally.deleted === 0) return [];
  const { firstPosition, firstCommittedAt, position, sourceTime, transactions, agreementId } = checkpoint;
  const parameters = [
    subscription.id,
    String(batchId),
    batchKind(checkpoint),
    firstPosition,
    position,
    firstCommittedAt === null ? null : microsText(firstCommittedAt),
    microsText(sourceTime),
    String(transactions),
    String(tally.written),
    String(tally.deleted),
    agreementId,
  ];
  return [{ sql: batchSql, parameters }];
}

/** In the order of copyColumns. */
function copyParameters({ checkpoint, tally, book }: CheckpointFacts, table: TableMapping): (string | null)[] {
  const id = tableKey(table.target);
  const isThis = (entry: { readonly table: TableMapping }): boolean => tableKey(entry.table.target) === id;
  const load = checkpoint.loads.find(isThis);
  const stop = book.stops.find(isThis) ?? checkpoint.stops.find(isThis);
  const complete = load?.complete === true && stop === undefined;
  return [
    printTable(table.target),
    String(checkpoint.advancing.some((entry) => tableKey(entry.target) === id)),
    String(tally.growth(table)),
    book.touches(table) ? String(book.count(table)) : null,
    load === undefined ? null : complete ? "complete" : "progress",
    load === undefined ? null : JSON.stringify(load.progress),
    complete ? load.progress.contract : null,
    stop?.code ?? null,
    stop?.message ?? null,
  ];
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
  return new TextArray(listedColumn(values.map((value) => (value === null ? null : Buffer.from(value, "utf8")))));
}
