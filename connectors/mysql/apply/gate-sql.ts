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
import { copyGravity, copyRefusals, refusalOrder, shareGravity, shareRefusals } from "../../../engine/validity/usability.ts";
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

/** A table that never was whole has no say in the share's oldest value. */
const oldestValidUntil = `(SELECT MIN(LEAST(COALESCE(o.valid_until, o.last_sync_at + s.validity_period), COALESCE(o.last_sync_at + s.validity_period, o.valid_until)))
    FROM dongbo.copy AS o WHERE o.subscription = s.id AND o.copy_state <> 'NEVER_SYNCED' AND o.withdrawn_at IS NULL)`;

/** What is judged, as named below: from c: copy, s: subscription. */
const facts: readonly (readonly [name: string, from: string, type: string])[] = [
  ["share_state", "s.share_state", "VARCHAR(16)"],
  ["suspended_reason", "s.suspended_reason", "VARCHAR(16)"],
  ["suspension_bars_use", "s.suspension_bars_use", "BOOLEAN"],
  ["has_position", "s.position IS NOT NULL", "BOOLEAN"],
  ["agreement_from", "s.agreement_from", "BIGINT"],
  ["agreement_to", "s.agreement_to", "BIGINT"],
  ["clock_floor", "s.clock_floor", "BIGINT"],
  ["copy_state", "c.copy_state", "VARCHAR(16)"],
  // What follows from the last sync and the period now in force, whichever of stored and computed is earlier.
  ["valid_until", "LEAST(c.valid_until, c.last_sync_at + s.validity_period)", "BIGINT"],
  ["oldest_valid_until", oldestValidUntil, "BIGINT"],
  ["stopped_code", "c.stopped_code", "VARCHAR(32)"],
  ["withdrawn_at", "c.withdrawn_at", "BIGINT"],
];

/**
 * One row a copy, and where a subscription is written in slices one row a slice of it, for the engine's user only. Kept small: the server parses a view at each use. The seal is in it, because a
 * TEMPORARY table can only take the place of the whole.
 */
const factView = `
CREATE OR REPLACE SQL SECURITY DEFINER VIEW dongbo.fact AS
SELECT c.subscription, c.target_table, ${facts.map(([name, from]) => `${from} AS ${name}`).join(", ")},
  c.last_sync_at, c.last_reconciled_at, c.rows_quarantined, m.seal, s.part_of, s.slices
FROM dongbo.copy AS c
JOIN dongbo.subscription AS s ON s.id = c.subscription
JOIN dongbo.schema_version AS m`;

/** When each reason holds. The same rules as engine/validity/usability.ts. */
const conditions = (now: string): Readonly<Record<RefusalReason, string>> => ({
  checkpoint_missing: "NOT has_position AND share_state IN ('ACTIVE', 'SUSPENDED') AND copy_state = 'VALID'",
  not_agreed: `share_state IN (${shareStates("not_agreed")})`,
  terminated: `share_state IN (${shareStates("terminated")})`,
  withdrawn: "withdrawn_at IS NOT NULL",
  agreement_not_begun: `${now} < agreement_from`,
  agreement_ended: `${now} >= agreement_to`,
  suspended: "share_state = 'SUSPENDED' AND suspension_bars_use",
  quarantined: `copy_state IN (${copyStates("quarantined")})`,
  stopped: "stopped_code IS NOT NULL",
  loading: `share_state IN (${shareStates("loading")})`,
  never_synced: `copy_state IN (${copyStates("never_synced")})`,
  resyncing: `copy_state IN (${copyStates("resyncing")})`,
  expired: `copy_state IN (${copyStates("expired")}) OR valid_until IS NULL OR ${now} >= valid_until OR ${now} >= oldest_valid_until`,
});

function reasonSql(now: string): string {
  const holds = conditions(now);
  return `CASE\n${refusalOrder.map((reason) => `    WHEN ${holds[reason]} THEN '${reason}'`).join("\n")}\n  END`;
}

const viewNow = "GREATEST(t.clock, f.clock_floor)";

/** Facts with what follows from them, for the engine's user only. The clock is a subquery without a table: it is looked at once. */
const verdictView = `
CREATE OR REPLACE SQL SECURITY DEFINER VIEW dongbo.verdict AS
SELECT f.subscription, f.target_table, f.share_state,
  CASE WHEN f.copy_state = 'VALID' AND (f.valid_until IS NULL OR ${viewNow} >= f.valid_until) THEN 'EXPIRED' ELSE f.copy_state END AS copy_state,
  ${reasonSql(viewNow)} AS reason,
  f.last_sync_at, f.valid_until, f.last_reconciled_at, f.rows_quarantined, f.agreement_to, f.withdrawn_at, ${viewNow} AS judged_at,
  f.part_of, f.slices
FROM dongbo.fact AS f
JOIN (SELECT dongbo.clock() AS clock) AS t`;

const instantSql = (micros: string): string => `TIMESTAMP'1970-01-01 00:00:00.000000' + INTERVAL ${micros} MICROSECOND`;

/** The gravest word of a group of rows; NULL when no row has one of these words. */
const gravest = (column: string, order: readonly string[]): string =>
  `ELT(MIN(NULLIF(FIELD(${column}, ${listOf(order)}), 0)), ${listOf(order)})`;

/** A copy in slices is as usable as the worst of them, and not at all when one is not on record. */
const slicesReason = (reason: string): string => `IF(COUNT(*) = MAX(slices), ${gravest(reason, refusalOrder)}, 'checkpoint_missing')`;

/** The oldest of a group of rows; of what never was there is none. */
const oldest = (column: string): string => `IF(COUNT(${column}) = COUNT(*), MIN(${column}), NULL)`;

/** For every reader: holds states and times only. Times are UTC. Of slices it says nothing. */
const statusView = `
CREATE OR REPLACE SQL SECURITY DEFINER VIEW dongbo.status AS
SELECT COALESCE(v.part_of, v.subscription) AS subscription, v.target_table,
  ${gravest("v.share_state", shareGravity)} AS share_state, ${gravest("v.copy_state", copyGravity)} AS copy_state,
  ${slicesReason("v.reason")} IS NULL AS usable, ${slicesReason("v.reason")} AS reason,
  ${instantSql(oldest("v.last_sync_at"))} AS last_sync_at, ${instantSql(oldest("v.valid_until"))} AS valid_until,
  ${instantSql(oldest("v.last_reconciled_at"))} AS last_reconciled_at, CAST(SUM(v.rows_quarantined) AS SIGNED) AS rows_quarantined
FROM dongbo.verdict AS v
GROUP BY COALESCE(v.part_of, v.subscription), v.target_table`;

/** {since}: the instant the reason speaks of. */
const sinceSql = `CASE refusal
    WHEN 'withdrawn' THEN withdrawn_at
    WHEN 'agreement_not_begun' THEN agreement_from
    WHEN 'agreement_ended' THEN agreement_to
    WHEN 'expired' THEN LEAST(valid_until, oldest_valid_until)
  END`;

/** {detail}: the word that belongs to the reason. */
const detailSql = `CASE refusal
    WHEN 'suspended' THEN suspended_reason
    WHEN 'stopped' THEN stopped_code
    ELSE LOWER(share_state)
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
/** The server wants this said before it lets a function be made while it keeps a binary log. */
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
  rest: `(of_subscription ${text(255)}, refusal ${text(32)}, since BIGINT, detail ${text(32)}) NO SQL SQL SECURITY DEFINER
BEGIN
  DECLARE instant ${text(32)} DEFAULT DATE_FORMAT(${instantSql("since")}, '%Y-%m-%dT%H:%i:%sZ');
  DECLARE words, hint ${text(2000)};
  SET words = CONCAT('DB001: ', of_subscription, ' is not usable: ', REPLACE(REPLACE(${textSql((reason) => refusalTexts[reason].words)},
    '{since}', COALESCE(instant, 'an unknown time')), '{detail}', COALESCE(detail, 'an unknown reason')));
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
  DECLARE refusal, seal_found ${text(32)};
  DECLARE judged_at BIGINT;
${facts.map(([name, , type]) => `  DECLARE ${name} ${type};`).join("\n")}
  SELECT f.seal, ${facts.map(([name]) => `f.${name}`).join(", ")}
    INTO seal_found, ${facts.map(([name]) => name).join(", ")}
    FROM dongbo.fact AS f WHERE f.subscription = of_subscription AND f.target_table = of_table
    LIMIT 1;
  SET judged_at = GREATEST(dongbo.clock(), COALESCE(clock_floor, 0));
  IF judged_at IS NULL OR seal_found IS NULL OR seal IS NULL OR seal_found <> seal THEN
    SET refusal = 'checkpoint_missing';
  ELSE
    SET refusal = ${reasonSql("judged_at")};
  END IF;
  IF refusal IS NOT NULL THEN
    CALL dongbo.refuse(of_subscription, refusal, ${sinceSql}, ${detailSql});
  END IF;
  RETURN refusal IS NULL;
END`,
};

/** The same for a copy in slices. Apart, so that the gate of others is no longer for it. What the variables are called is no column. */
const gateOfSlicesFunction: Routine = {
  kind: "FUNCTION",
  name: "gate_of_slices",
  rest: `(of_subscription ${text(255)}, of_table ${text(255)}, seal_given ${text(32)}) RETURNS BOOLEAN NOT DETERMINISTIC ${asOwner}
BEGIN
  DECLARE refusal, seal_found, word ${text(32)};
  DECLARE at_clock, instant BIGINT;
  SET at_clock = dongbo.clock();
  SELECT MIN(seal), ${slicesReason("judged")} INTO seal_found, refusal
    FROM (SELECT seal, slices, ${reasonSql("GREATEST(at_clock, clock_floor)")} AS judged
          FROM dongbo.fact WHERE part_of = of_subscription AND target_table = of_table) AS f
    LIMIT 1;
  IF at_clock IS NULL OR seal_found IS NULL OR seal_given IS NULL OR seal_found <> seal_given THEN
    SET refusal = 'checkpoint_missing';
  END IF;
  IF refusal IS NOT NULL THEN
    SELECT ${sinceSql}, ${detailSql} INTO instant, word
      FROM dongbo.fact WHERE part_of = of_subscription AND target_table = of_table
      ORDER BY COALESCE(${reasonSql("GREATEST(at_clock, clock_floor)")}, '') = refusal DESC, valid_until LIMIT 1;
    CALL dongbo.refuse(of_subscription, refusal, instant, word);
  END IF;
  RETURN refusal IS NULL;
END`,
};

/** Installs what is judged, in this order; each may be run again over an older version. */
export function gateObjects(flavour: Flavour): readonly (Routine | string)[] {
  return [clockFunction, factView, verdictView, statusView, refuseProcedure(flavour), gateFunction, gateOfSlicesFunction];
}

/** The row that stands before the copy in a reader's view; see the head of this file. Its column is `open`. */
export function gateSubquery(subscription: string, targetTable: string, inSlices: boolean): string {
  const gate = inSlices ? "gate_of_slices" : "gate";
  const parameters = `${quoteLiteral(subscription)}, ${quoteLiteral(targetTable)}`;
  return `(SELECT dongbo.${gate}(${parameters}, (SELECT m.seal FROM dongbo.schema_version AS m)) AS \`open\`)`;
}
