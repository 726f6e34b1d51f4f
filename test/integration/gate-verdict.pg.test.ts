// The gate in the target and engine/validity/usability.ts are one rule written twice: here they are held against each other.
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { EmbeddedPostgres } from "../../deploy/embedded/postgres-server.ts";
import type { CopyState, ShareState } from "../../engine/model/share.ts";
import { type CopyFacts, refusalOrder, type ShareFacts, usability } from "../../engine/validity/usability.ts";
import { judgedCopyState } from "../../engine/validity/validity-state.ts";
import { oldest, validUntil } from "../../engine/validity/validity-clock.ts";
import { startServer } from "../support/cluster.ts";
import { CopyDatabase, makeCopyRoles, subscriptionOf } from "../support/copy-database.ts";

let server: EmbeddedPostgres;
let database: CopyDatabase;

beforeAll(async () => {
  server = await startServer(18, {});
  await makeCopyRoles(server);
  database = await CopyDatabase.create(
    server,
    "verdict",
    "CREATE TABLE master.a (id int PRIMARY KEY)",
    "CREATE TABLE master.b (id int PRIMARY KEY)",
  );
  await database.prepare(subscriptionOf([await database.mapping("a"), await database.mapping("b")]));
});

afterAll(async () => {
  await database[Symbol.asyncDispose]();
  await server.destroy();
});

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
    const copies = [first, second];
    const oldestValidUntil = oldest(
      copies.filter((row) => row.state !== "NEVER_SYNCED" && row.withdrawnAt === null).map((row) => validUntilOf(row)),
    );
    const facts: ShareFacts = { ...share, oldestValidUntil };
    for (const [index, row] of copies.entries()) {
      const copy: CopyFacts = { ...row, validUntil: validUntilOf(row) };
      const expected = usability(facts, copy, now);
      expect(shown[index]).toEqual({
        usable: expected.usable ? "t" : "f",
        reason: expected.usable ? null : expected.reason,
        copy_state: judgedCopyState(row.state, copy.validUntil, now),
        gate: expected.usable ? "open" : "DB001",
      });
      reasons.add(expected.usable ? "usable" : expected.reason);
    }
  });
  await fc.assert(property, { numRuns: 600, ...(process.env["SEED"] === undefined ? {} : { seed: Number(process.env["SEED"]) }) });
  // A generator that no longer reaches a reason proves nothing about it.
  expect([...reasons].toSorted()).toEqual([...refusalOrder, "usable"].toSorted());
});

function validUntilOf(row: CopyRow): number | null {
  return row.lastSyncAt === null ? null : validUntil(row.lastSyncAt, periodSeconds);
}

async function judgedByDatabase(share: ShareRow, copies: readonly CopyRow[]): Promise<Record<string, string | null>[]> {
  const at = (micros: number | null): string | null => (micros === null ? null : new Date(micros / 1000).toISOString());
  await database.engine.query(
    `UPDATE dongbo.subscription SET share_state = $1, suspension_bars_use = $2, position = $3, agreement_from = $4, agreement_to = $5,
       clock_floor = $6, validity_period = make_interval(secs => $7)`,
    [
      share.state,
      share.suspensionBarsUse,
      share.hasPosition ? "0/1" : null,
      at(share.agreementFrom),
      at(share.agreementTo),
      at(now),
      periodSeconds,
    ],
  );
  for (const [index, row] of copies.entries())
    await database.engine.query(
      `UPDATE dongbo.copy SET copy_state = $2, last_sync_at = $3, valid_until = $4, stopped_code = $5, withdrawn_at = $6 WHERE target_table = $1`,
      [
        `population.${"ab"[index]}`,
        row.state,
        at(row.lastSyncAt),
        at(validUntilOf(row)),
        row.stopped ? "DB-MAP-001" : null,
        at(row.withdrawnAt),
      ],
    );
  const { rows } = await database.engine.query<Record<string, string | null>>(
    "SELECT target_table, usable, reason, copy_state FROM dongbo.status ORDER BY target_table",
  );
  const judged: Record<string, string | null>[] = [];
  for (const { target_table: table, ...rest } of rows) {
    const answer = await database.engine.query(`SELECT FROM ${table ?? ""}`).then(
      () => "open",
      (error: unknown) => (error as { code: string }).code,
    );
    judged.push({ ...rest, gate: answer });
  }
  return judged;
}
