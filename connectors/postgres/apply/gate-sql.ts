// What is judged in the target database itself: verdict, gate and status, as SQL. They need no running engine, only what
// the last commit stored and the server's own clock.
//
// A reader's view calls the gate twice, for two different dangers:
// - `(SELECT dongbo.gate(...))` is an InitPlan and a One-Time Filter: judged once for each execution, before the first
//   row is read, so neither a cached plan nor a leaky function in WHERE gets past it.
// - `dongbo.gate_at_planning(...)` is declared IMMUTABLE, so that the planner itself calls it, once, and puts its TRUE in
//   its place. Planning already shows values of the table to whoever brings an operator of his own: selectivity
//   estimators apply it to the most common values. It also refuses queries whose plan reads nothing (LIMIT 0, WHERE false).
// Both are STABLE in effect: they see the same snapshot as the query, so what is judged is what is read.
import type { CopyState, ShareState } from "../../../engine/model/share.ts";
import { type RefusalReason, refusalTexts } from "../../../engine/validity/refusal.ts";
import { copyGravity, copyRefusals, refusalOrder, shareGravity, shareRefusals } from "../../../engine/validity/usability.ts";
import { quoteLiteral } from "../quote.ts";

/**
 * The time by which everything in schema dongbo is judged, for a row `s` of dongbo.subscription: this server's clock, and
 * never earlier than what an apply has seen on it.
 */
export const judgedTimeSql = "greatest(pg_catalog.clock_timestamp(), s.clock_floor)";

const shareStates = (reason: RefusalReason): string =>
  listOf((Object.keys(shareRefusals) as ShareState[]).filter((state) => shareRefusals[state] === reason));
const copyStates = (reason: RefusalReason): string =>
  listOf((Object.keys(copyRefusals) as CopyState[]).filter((state) => copyRefusals[state] === reason));

function listOf(words: readonly string[]): string {
  return words.map(quoteLiteral).join(", ");
}

/** When each reason holds; s: subscription, c: copy, t: judged times. The same rules as engine/validity/usability.ts. */
const conditions: Readonly<Record<RefusalReason, string>> = {
  checkpoint_missing: "s.position IS NULL AND s.share_state IN ('ACTIVE', 'SUSPENDED') AND c.copy_state = 'VALID'",
  not_agreed: `s.share_state IN (${shareStates("not_agreed")})`,
  terminated: `s.share_state IN (${shareStates("terminated")})`,
  withdrawn: "c.withdrawn_at IS NOT NULL",
  agreement_not_begun: "t.now < s.agreement_from",
  agreement_ended: "t.now >= s.agreement_to",
  suspended: "s.share_state = 'SUSPENDED' AND s.suspension_bars_use",
  quarantined: `c.copy_state IN (${copyStates("quarantined")})`,
  stopped: "c.stopped_code IS NOT NULL",
  loading: `s.share_state IN (${shareStates("loading")})`,
  never_synced: `c.copy_state IN (${copyStates("never_synced")})`,
  resyncing: `c.copy_state IN (${copyStates("resyncing")})`,
  expired: `c.copy_state IN (${copyStates("expired")}) OR t.valid_until IS NULL OR t.now >= t.valid_until OR t.now >= t.oldest_valid_until`,
};

const reasonSql = `CASE\n${refusalOrder.map((reason) => `    WHEN ${conditions[reason]} THEN '${reason}'`).join("\n")}\n  END`;

/**
 * One row a copy, and where a subscription is written in slices one row a slice of it, for the engine's role only. `valid_until` is what follows from the last sync and the period now in
 * force, whichever of stored and computed is earlier; a table that never was whole has no say in the share's oldest value.
 */
const verdictView = `
CREATE OR REPLACE VIEW dongbo.verdict AS
SELECT c.subscription, c.target_table, s.share_state,
  CASE WHEN c.copy_state = 'VALID' AND (t.valid_until IS NULL OR t.now >= t.valid_until) THEN 'EXPIRED' ELSE c.copy_state END AS copy_state,
  ${reasonSql} AS reason,
  c.last_sync_at, t.valid_until, t.oldest_valid_until, c.last_reconciled_at, c.rows_quarantined,
  s.validity_period, s.agreement_from, s.agreement_to, s.suspended_reason, c.stopped_code, c.withdrawn_at, t.now AS judged_at,
  s.part_of, s.slices
FROM dongbo.copy AS c
JOIN dongbo.subscription AS s ON s.id = c.subscription
CROSS JOIN LATERAL (
  SELECT ${judgedTimeSql} AS now,
    CASE WHEN c.valid_until IS NOT NULL AND c.last_sync_at IS NOT NULL
      THEN least(c.valid_until, c.last_sync_at + s.validity_period) END AS valid_until,
    (SELECT min(least(o.valid_until, o.last_sync_at + s.validity_period)) FROM dongbo.copy AS o
     WHERE o.subscription = s.id AND o.copy_state <> 'NEVER_SYNCED' AND o.withdrawn_at IS NULL) AS oldest_valid_until
) AS t`;

/** The gravest word of a group of rows. */
const gravest = (column: string, order: readonly string[]): string =>
  `(ARRAY[${listOf(order)}])[min(array_position(ARRAY[${listOf(order)}], ${column}))]`;

/** A copy in slices is as usable as the worst of them, and not at all when one is not on record. */
const slicesReason = `CASE WHEN count(*) = max(v.slices) THEN ${gravest("v.reason", refusalOrder)} ELSE 'checkpoint_missing' END`;

/** The oldest of a group of rows; of what never was there is none. */
const oldest = (column: string): string => `CASE WHEN count(${column}) = count(*) THEN min(${column}) END AS`;

/** For every reader: holds states and times only. Of slices it says nothing. */
const statusView = `
CREATE OR REPLACE VIEW dongbo.status AS
SELECT w.subscription, w.target_table, w.share_state, w.copy_state, w.reason IS NULL AS usable, w.reason,
  w.last_sync_at, w.valid_until, w.last_reconciled_at, w.rows_quarantined
FROM (
  SELECT coalesce(v.part_of, v.subscription) AS subscription, v.target_table,
    ${gravest("v.share_state", shareGravity)} AS share_state, ${gravest("v.copy_state", copyGravity)} AS copy_state, ${slicesReason} AS reason,
    ${oldest("v.last_sync_at")} last_sync_at, ${oldest("v.valid_until")} valid_until, ${oldest("v.last_reconciled_at")} last_reconciled_at,
    sum(v.rows_quarantined)::bigint AS rows_quarantined
  FROM dongbo.verdict AS v
  GROUP BY coalesce(v.part_of, v.subscription), v.target_table
) AS w`;

/** Everything the functions name is found in pg_catalog or is qualified: what a reader puts into search_path is not looked at. */
const asOwner = "SECURITY DEFINER SET search_path = pg_catalog, pg_temp";

// {since}: the instant the reason speaks of.
const sinceSql = `CASE reason
    WHEN 'withdrawn' THEN v.withdrawn_at
    WHEN 'agreement_not_begun' THEN v.agreement_from
    WHEN 'agreement_ended' THEN v.agreement_to
    WHEN 'expired' THEN CASE WHEN v.valid_until IS NOT NULL THEN least(v.valid_until, v.oldest_valid_until) END
  END`;

// {detail}: the word that belongs to the reason.
const detailSql = `CASE reason
    WHEN 'suspended' THEN v.suspended_reason
    WHEN 'stopped' THEN v.stopped_code
    ELSE lower(v.share_state)
  END`;

const textSql = (part: (reason: RefusalReason) => string): string =>
  `CASE reason\n${refusalOrder.map((reason) => `    WHEN '${reason}' THEN ${quoteLiteral(part(reason))}`).join("\n")}\n  END`;

/** Only runs when a query is refused; the engine's role alone may call it, and the gate, which runs as that role. */
const refuseFunction = `
CREATE OR REPLACE FUNCTION dongbo.refuse(of_subscription text, of_table text, reason text) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ${asOwner} SET intervalstyle = iso_8601
AS $refuse$
DECLARE
  v dongbo.verdict%ROWTYPE;
  iso CONSTANT text := 'YYYY-MM-DD"T"HH24:MI:SS"Z"';
  since text;
BEGIN
  -- Of slices the one that the reason is true of, and that is furthest behind.
  SELECT * INTO v FROM dongbo.verdict AS o WHERE coalesce(o.part_of, o.subscription) = of_subscription AND o.target_table = of_table
    ORDER BY o.reason IS NOT DISTINCT FROM refuse.reason DESC, o.valid_until NULLS FIRST LIMIT 1;
  since := coalesce(to_char((${sinceSql}) AT TIME ZONE 'UTC', iso), 'an unknown time');
  RAISE EXCEPTION USING
    ERRCODE = 'DB001',
    MESSAGE = 'DB001: ' || of_subscription || ' is not usable: ' || replace(replace(${textSql((reason) => refusalTexts[reason].words)},
      '{since}', since), '{detail}', coalesce(${detailSql}, 'an unknown reason')),
    DETAIL = 'Table ' || of_table || ': last sync ' || coalesce(to_char(v.last_sync_at AT TIME ZONE 'UTC', iso), 'never')
      || ', validity period ' || coalesce(v.validity_period::text, 'unknown')
      || ', valid until ' || coalesce(to_char(v.valid_until AT TIME ZONE 'UTC', iso), 'never')
      || ', copy state ' || coalesce(v.copy_state, 'unknown') || ', share state ' || coalesce(v.share_state, 'unknown') || '.',
    HINT = ${textSql((reason) => `${refusalTexts[reason].hint} / ${refusalTexts[reason].hintVi}`)};
END
$refuse$`;

/** Gives true or raises; never NULL, never false. A missing record is a refusal. */
const gateFunction = (name: string, volatility: "STABLE" | "IMMUTABLE"): string => `
CREATE OR REPLACE FUNCTION dongbo.${name}(of_subscription text, of_table text) RETURNS boolean
LANGUAGE plpgsql ${volatility} PARALLEL RESTRICTED ${asOwner}
AS $gate$
DECLARE
  refusal text;
BEGIN
  SELECT v.reason INTO refusal FROM dongbo.verdict AS v WHERE v.subscription = of_subscription AND v.target_table = of_table;
  IF NOT FOUND THEN
    SELECT ${slicesReason} INTO refusal FROM dongbo.verdict AS v WHERE v.part_of = of_subscription AND v.target_table = of_table;
  END IF;
  IF refusal IS NOT NULL THEN
    PERFORM dongbo.refuse(of_subscription, of_table, refusal);
  END IF;
  RETURN refusal IS NULL;
END
$gate$`;

/** Installs what is judged; each statement may be run again over an older version. */
export const gateStatements: readonly string[] = [
  verdictView,
  statusView,
  refuseFunction,
  gateFunction("gate", "STABLE"),
  gateFunction("gate_at_planning", "IMMUTABLE"),
];

/** The condition in a reader's view; both parts are needed, see the head of this file. */
export function gateCondition(subscription: string, targetTable: string): string {
  const parameters = `${quoteLiteral(subscription)}, ${quoteLiteral(targetTable)}`;
  return `dongbo.gate_at_planning(${parameters}) AND (SELECT dongbo.gate(${parameters}))`;
}
