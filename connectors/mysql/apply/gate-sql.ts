// What is judged in the target itself: verdict, gate and status, as SQL. They need no running engine, only what the last
// commit stored and the server's own clock.
//
// A reader's view joins the copy with `(SELECT dongbo.gate(...) AS open)`. That subquery has no table, so that it can be
// merged into nothing and has one row: the server runs it while it optimizes, once for each execution and each mention of the
// view, before a row of the copy is read, also for LIMIT 0, for WHERE false and for copies without rows. The function is NOT
// DETERMINISTIC, so that no answer is kept for another execution or in the query cache.
//
// Three dangers shaped the rest:
// - A TEMPORARY table of a reader takes the place of a table that a function reads, not of one that a view reads. So the view
//   reads a random seal and hands it to the gate, which believes only records that carry the same. (Reading the records in
//   the view instead would lock the checkpoint for as long as an INSERT ... SELECT of a reader is open.)
// - NOW and UTC_TIMESTAMP obey `SET timestamp`, SYSDATE obeys `SET time_zone`, with an hour that comes twice where summer ends.
// - A session may set sql_select_limit, to 0 for example; a LIMIT of its own stands above it.
// What a function reads is of the read view of the statement that calls it: what is judged is what is read.
import type { CopyState, ShareState } from "../../../engine/model/share.ts";
import { type RefusalReason, refusalTexts } from "../../../engine/validity/refusal.ts";
import { copyRefusals, refusalOrder, shareRefusals } from "../../../engine/validity/usability.ts";
import type { Flavour } from "../mysql-client.ts";
import { quoteLiteral } from "../quote.ts";
import { nowMicrosSql } from "./checkpoint-sql.ts";

/**
 * The time by which everything in database dongbo is judged, for a row `s` of dongbo.subscription, in a session whose
 * time_zone is UTC: this server's clock, and never earlier than what an apply has seen on it.
 */
export const judgedTimeSql = `GREATEST(${nowMicrosSql}, s.clock_floor)`;

const shareStates = (reason: RefusalReason): string =>
  listOf((Object.keys(shareRefusals) as ShareState[]).filter((state) => shareRefusals[state] === reason));
const copyStates = (reason: RefusalReason): string =>
  listOf((Object.keys(copyRefusals) as CopyState[]).filter((state) => copyRefusals[state] === reason));

/** The words are ours: letters and underscores. */
function listOf(words: readonly string[]): string {
  return words.map((word) => `'${word}'`).join(", ");
}

const now = "GREATEST(t.clock, s.clock_floor)";
/** What follows from the last sync and the period now in force, whichever of stored and computed is earlier. */
const validUntil = "LEAST(c.valid_until, c.last_sync_at + s.validity_period)";
/** A table that never was whole has no say in the share's oldest value. */
const oldestValidUntil = `(SELECT MIN(LEAST(COALESCE(o.valid_until, o.last_sync_at + s.validity_period), COALESCE(o.last_sync_at + s.validity_period, o.valid_until)))
    FROM dongbo.copy AS o WHERE o.subscription = s.id AND o.copy_state <> 'NEVER_SYNCED' AND o.withdrawn_at IS NULL)`;

/** When each reason holds; s: subscription, c: copy, t: the clock. The same rules as engine/validity/usability.ts. */
const conditions: Readonly<Record<RefusalReason, string>> = {
  checkpoint_missing: "s.position IS NULL AND s.share_state IN ('ACTIVE', 'SUSPENDED') AND c.copy_state = 'VALID'",
  not_agreed: `s.share_state IN (${shareStates("not_agreed")})`,
  terminated: `s.share_state IN (${shareStates("terminated")})`,
  withdrawn: "c.withdrawn_at IS NOT NULL",
  agreement_not_begun: `${now} < s.agreement_from`,
  agreement_ended: `${now} >= s.agreement_to`,
  suspended: "s.share_state = 'SUSPENDED' AND s.suspension_bars_use",
  quarantined: `c.copy_state IN (${copyStates("quarantined")})`,
  stopped: "c.stopped_code IS NOT NULL",
  loading: `s.share_state IN (${shareStates("loading")})`,
  never_synced: `c.copy_state IN (${copyStates("never_synced")})`,
  resyncing: `c.copy_state IN (${copyStates("resyncing")})`,
  expired: `c.copy_state IN (${copyStates("expired")}) OR ${validUntil} IS NULL OR ${now} >= ${validUntil} OR ${now} >= ${oldestValidUntil}`,
};

const reasonSql = `CASE\n${refusalOrder.map((reason) => `    WHEN ${conditions[reason]} THEN '${reason}'`).join("\n")}\n  END`;

/** One row a copy, for the engine's user only. The clock is a subquery without a table, so that it is looked at once. */
const verdictView = `
CREATE OR REPLACE SQL SECURITY DEFINER VIEW dongbo.verdict AS
SELECT c.subscription, c.target_table, s.share_state,
  CASE WHEN c.copy_state = 'VALID' AND (${validUntil} IS NULL OR ${now} >= ${validUntil}) THEN 'EXPIRED' ELSE c.copy_state END AS copy_state,
  ${reasonSql} AS reason,
  c.last_sync_at, ${validUntil} AS valid_until, ${oldestValidUntil} AS oldest_valid_until, c.last_reconciled_at, c.rows_quarantined,
  s.validity_period, s.agreement_from, s.agreement_to, s.suspended_reason, c.stopped_code, c.withdrawn_at, ${now} AS judged_at, m.seal
FROM dongbo.copy AS c
JOIN dongbo.subscription AS s ON s.id = c.subscription
JOIN dongbo.schema_version AS m
JOIN (SELECT dongbo.clock() AS clock) AS t`;

const instantSql = (micros: string): string => `TIMESTAMP'1970-01-01 00:00:00.000000' + INTERVAL ${micros} MICROSECOND`;

/** For every reader: holds states and times only. Times are UTC. */
const statusView = `
CREATE OR REPLACE SQL SECURITY DEFINER VIEW dongbo.status AS
SELECT v.subscription, v.target_table, v.share_state, v.copy_state, v.reason IS NULL AS usable, v.reason,
  ${instantSql("v.last_sync_at")} AS last_sync_at, ${instantSql("v.valid_until")} AS valid_until,
  ${instantSql("v.last_reconciled_at")} AS last_reconciled_at, v.rows_quarantined
FROM dongbo.verdict AS v`;

/** {since}: the instant the reason speaks of. */
const sinceSql = `CASE refusal
    WHEN 'withdrawn' THEN v.withdrawn_at
    WHEN 'agreement_not_begun' THEN v.agreement_from
    WHEN 'agreement_ended' THEN v.agreement_to
    WHEN 'expired' THEN LEAST(v.valid_until, v.oldest_valid_until)
  END`;

/** {detail}: the word that belongs to the reason. */
const detailSql = `CASE refusal
    WHEN 'suspended' THEN v.suspended_reason
    WHEN 'stopped' THEN v.stopped_code
    ELSE LOWER(v.share_state)
  END`;

const textSql = (part: (reason: RefusalReason) => string): string =>
  `CASE refusal\n${refusalOrder.map((reason) => `    WHEN '${reason}' THEN ${quoteLiteral(part(reason))}`).join("\n")}\n  END`;

/** Something that is made anew over an older one of its name. */
export interface Routine {
  readonly kind: "FUNCTION" | "PROCEDURE";
  /** Within database dongbo. */
  readonly name: string;
  /** From the parameters on. */
  readonly rest: string;
}

const text = (bytes: number): string => `VARCHAR(${bytes}) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`;
/** Data is only read; the server wants that said before it lets a function be made while it keeps a binary log. */
const asOwner = "READS SQL DATA SQL SECURITY DEFINER";

/** The server's clock in microseconds since 1970, whatever the session's time_zone and timestamp. */
const clockFunction: Routine = {
  kind: "FUNCTION",
  name: "clock",
  rest: `() RETURNS BIGINT NOT DETERMINISTIC ${asOwner}
BEGIN
  DECLARE zone ${text(64)} DEFAULT @@SESSION.time_zone;
  DECLARE micros BIGINT;
  SET SESSION time_zone = '+00:00';
  SET micros = ${nowMicrosSql};
  SET SESSION time_zone = zone;
  RETURN micros;
END`,
};

/**
 * Bytes that a message may have. MariaDB sends at most 511; MySQL refuses a MESSAGE_TEXT of more than 128 characters
 * (manual, "Condition Information Item Names").
 */
const messageBytesMax: Readonly<Record<Flavour, number>> = { mariadb: 500, mysql: 128 };

/** Only runs when a query is refused. A hint that would not fit whole gives way to where more is told. */
const refuseProcedure = (flavour: Flavour): Routine => ({
  kind: "PROCEDURE",
  name: "refuse",
  rest: `(of_subscription ${text(255)}, of_table ${text(255)}, refusal ${text(32)}) ${asOwner}
BEGIN
  DECLARE since, detail ${text(64)};
  DECLARE words, hint ${text(2000)};
  SELECT DATE_FORMAT(${instantSql(`(${sinceSql})`)}, '%Y-%m-%dT%H:%i:%sZ'), ${detailSql} INTO since, detail
    FROM dongbo.verdict AS v WHERE v.subscription = of_subscription AND v.target_table = of_table
    LIMIT 1;
  SET words = CONCAT('DB001: ', of_subscription, ' is not usable: ', REPLACE(REPLACE(${textSql((reason) => refusalTexts[reason].words)},
    '{since}', COALESCE(since, 'an unknown time')), '{detail}', COALESCE(detail, 'an unknown reason')));
  SET hint = ${textSql((reason) => `. ${refusalTexts[reason].hint} / ${refusalTexts[reason].hintVi}`)};
  IF LENGTH(words) + LENGTH(hint) > ${messageBytesMax[flavour]} THEN
    SET hint = '. See / Xem: dongbo.status';
  END IF;
  IF LENGTH(words) + LENGTH(hint) > ${messageBytesMax[flavour]} THEN
    SET hint = '';
    SET words = LEFT(words, 120);
  END IF;
  SET words = CONCAT(words, hint);
  SIGNAL SQLSTATE 'DB001' SET MESSAGE_TEXT = words;
END`,
});

/** Gives true or fails; never NULL, never false. A missing record, or one of another's making, is a refusal. */
const gateFunction: Routine = {
  kind: "FUNCTION",
  name: "gate",
  rest: `(of_subscription ${text(255)}, of_table ${text(255)}, seal ${text(32)}) RETURNS BOOLEAN NOT DETERMINISTIC ${asOwner}
BEGIN
  DECLARE refusal ${text(32)} DEFAULT 'checkpoint_missing';
  DECLARE seal_found ${text(32)};
  SELECT v.reason, v.seal INTO refusal, seal_found
    FROM dongbo.verdict AS v WHERE v.subscription = of_subscription AND v.target_table = of_table
    LIMIT 1;
  IF seal_found IS NULL OR seal IS NULL OR seal_found <> seal THEN
    SET refusal = 'checkpoint_missing';
  END IF;
  IF refusal IS NOT NULL THEN
    CALL dongbo.refuse(of_subscription, of_table, refusal);
  END IF;
  RETURN refusal IS NULL;
END`,
};

/** Installs what is judged, in this order; each may be run again over an older version. */
export function gateObjects(flavour: Flavour): readonly (Routine | string)[] {
  return [clockFunction, verdictView, statusView, refuseProcedure(flavour), gateFunction];
}

/** The row that stands before the copy in a reader's view; see the head of this file. Its column is `open`. */
export function gateSubquery(subscription: string, targetTable: string): string {
  const parameters = `${quoteLiteral(subscription)}, ${quoteLiteral(targetTable)}`;
  return `(SELECT dongbo.gate(${parameters}, (SELECT m.seal FROM dongbo.schema_version AS m)) AS \`open\`)`;
}
