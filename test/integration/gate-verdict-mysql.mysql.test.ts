// The gate in a MariaDB target and engine/validity/usability.ts are one rule written twice: here they are held against each other.
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { sqlState } from "../../connectors/mysql/mysql-errors.ts";
import type { CopyState, ShareState } from "../../engine/model/share.ts";
import { type CopyFacts, refusalOrder, type ShareFacts, usability } from "../../engine/validity/usability.ts";
import { judgedCopyState } from "../../engine/validity/validity-state.ts";
import { oldest, validUntil } from "../../engine/validity/validity-clock.ts";
import { MysqlCopies } from "../support/mysql-copies.ts";

let copies: MysqlCopies;

beforeAll(async () => {
  copies = await MysqlCopies.open({ a: "x INT", b: "x INT" });
});

afterAll(() => copies?.[Symbol.asyncDispose]());

// The clock's floor lies in a far future and is therefore the time of judgement: exact, and the same on both sides.
const now = Date.UTC(2150, 0, 1) * 1000;
const periodSeconds = 100;
const second = 1_000_000;

const instant = fc.option(
  fc.constantFrom(-200, -101, -100, -99, -1, 0, 1, 50).map((seconds) => now + seconds * second),
  { nil: null },
);
const copyRow = fc.record({
  state: fc.constantFrom<CopyState>("NEVER_SYNCED", "VALID", "VALID", "VALID", "EXPIRED", "RESYNCING", "QUARANTINED"),
  lastSyncAt: instant,
  stopped: fc.integer({ min: 0, max: 5 }).map((n) => n === 0),
  withdrawnAt: fc.integer({ min: 0, max: 5 }).map((n) => (n === 0 ? now - 5 * second : null)),
});
const shareRow = fc.record({
  state: fc.constantFrom<ShareState>(
    "DRAFT",
    "AGREED",
    "LOADING",
    "ACTIVE",
    "ACTIVE",
    "ACTIVE",
    "ACTIVE",
    "SUSPENDED",
    "TERMINATING",
    "TERMINATED",
  ),
  suspensionBarsUse: fc.boolean(),
  hasPosition: fc.integer({ min: 0, max: 5 }).map((n) => n !== 0),
  agreementFrom: fc.constantFrom(null, now - second, now - second, now, now + second),
  agreementTo: fc.constantFrom(null, now + second, now + second, now, now - second),
});
type CopyRow = typeof copyRow extends fc.Arbitrary<infer Row> ? Row : never;
type ShareRow = typeof shareRow extends fc.Arbitrary<infer Row> ? Row : never;

test("VL-02, VL-03, VL-04, VL-09, VL-12, VL-14: the database judges every combination of states and times as the engine does", async () => {
  const reasons = new Set<string>();
  const property = fc.asyncProperty(shareRow, copyRow, copyRow, async (share, first, second) => {
    const shown = await judgedByDatabase(share, [first, second]);
    const rows = [first, second];
    const oldestValidUntil = oldest(
      rows.filter((row) => row.state !== "NEVER_SYNCED" && row.withdrawnAt === null).map((row) => validUntilOf(row)),
    );
    const facts: ShareFacts = { ...share, oldestValidUntil };
    for (const [index, row] of rows.entries()) {
      const copy: CopyFacts = { ...row, validUntil: validUntilOf(row) };
      const expected = usability(facts, copy, now);
      expect(shown[index]).toEqual({
        usable: expected.usable ? "1" : "0",
        reason: expected.usable ? null : expected.reason,
        copy_state: judgedCopyState(row.state, copy.validUntil, now),
        gate: expected.usable ? "open" : "DB001",
      });
      reasons.add(expected.usable ? "usable" : expected.reason);
    }
  });
  await fc.assert(property, { numRuns: 400, ...(process.env["SEED"] === undefined ? {} : { seed: Number(process.env["SEED"]) }) });
  // A generator that no longer reaches a reason proves nothing about it.
  expect([...reasons].toSorted()).toEqual([...refusalOrder, "usable"].toSorted());
});

function validUntilOf(row: CopyRow): number | null {
  return row.lastSyncAt === null ? null : validUntil(row.lastSyncAt, periodSeconds);
}

async function judgedByDatabase(share: ShareRow, rows: readonly CopyRow[]): Promise<Record<string, string | null>[]> {
  const { engine } = copies;
  await engine.execute(
    `UPDATE dongbo.subscription SET share_state = ?, suspension_bars_use = ?, position = ?, agreement_from = ?, agreement_to = ?,
       clock_floor = ?, validity_period = ?`,
    [
      share.state,
      share.suspensionBarsUse ? 1 : 0,
      share.hasPosition ? "0-1-1" : null,
      share.agreementFrom,
      share.agreementTo,
      now,
      periodSeconds * second,
    ],
  );
  for (const [index, row] of rows.entries())
    await engine.execute(
      "UPDATE dongbo.copy SET copy_state = ?, last_sync_at = ?, valid_until = ?, stopped_code = ?, withdrawn_at = ? WHERE target_table = ?",
      [row.state, row.lastSyncAt, validUntilOf(row), row.stopped ? "DB-MAP-001" : null, row.withdrawnAt, `population.${"ab"[index]}`],
    );
  const shown = await engine.query("SELECT target_table, usable, reason, copy_state FROM dongbo.status ORDER BY target_table");
  const judged: Record<string, string | null>[] = [];
  for (const { target_table: table, ...rest } of shown) {
    const gate = await engine.query(`SELECT 1 FROM ${table ?? ""}`).then(
      () => "open",
      (error: unknown) => sqlState(error),
    );
    judged.push({ ...rest, gate });
  }
  return judged;
}
