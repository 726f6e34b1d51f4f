// What a comparison came to, as tests need it: equal unless they say otherwise.
import type { ReferenceReport } from "../../engine/model/copy-reference.ts";
import type { Difference, ReconcileReport } from "../../engine/model/reconcile-report.ts";
import type { Key } from "../../engine/model/row.ts";

export function reconcileReport(changes: Partial<ReconcileReport> = {}): ReconcileReport {
  return {
    subscription: "population/hcm",
    table: "population.citizen",
    sourceTable: "public.citizen",
    agreementId: "TT-07/2026",
    configurationVersion: 3,
    contractDigest: "c".repeat(64),
    canonicalVersion: 1,
    sent: null,
    policy: "none",
    action: { kind: "none" },
    repaired: 0,
    repairs: [],
    references: [],
    verdict: "equal",
    problem: null,
    startedAt: new Date("2026-01-02T03:04:05.678Z"),
    endedAt: new Date("2026-01-02T03:05:06.789Z"),
    position: "0/1A2B3C",
    sourceIdentity: "7300000000000000001/1",
    rowsChecked: 1_234_567,
    digest: "d".repeat(32),
    differences: [],
    unsettled: 0,
    quarantined: 0,
    columns: [
      { name: "personal_id", form: "text" },
      { name: "full_name", form: "text" },
    ],
    skipped: [],
    bytesSent: 4_096,
    ...changes,
  };
}

export function keyOf(...parts: readonly string[]): Key {
  return parts.map((part) => Buffer.from(part, "utf8"));
}

/** Two missing, one extra that is another consumer's, two different, one duplicate. */
export const someDifferences: readonly Difference[] = [
  { class: "missing", key: keyOf("079000000002") },
  { class: "missing", key: keyOf("079000000001") },
  { class: "extra", key: keyOf("046000000001"), outsideFilter: true },
  { class: "different", key: keyOf("079000000003"), columns: ["full_name", "birth_date"], unicodeFormOnly: false },
  { class: "different", key: keyOf("079000000004"), columns: ["full_name"], unicodeFormOnly: true },
  { class: "duplicate", key: keyOf("079000000005") },
];

/** A table whose rows refer to four values that the copy does not have, and one that could not be read. */
export const someReferences: readonly ReferenceReport[] = [
  {
    table: "app.resident",
    columns: ["province_code"],
    valuesCount: 4,
    rowsCount: 1_240,
    dangling: [
      { values: ["01"], rows: 1_200, cause: "not in the master" },
      { values: ["46"], rows: 38, cause: "outside the share's filter" },
      { values: ["92"], rows: 1, cause: "in quarantine" },
      { values: ["93"], rows: 1, cause: "not in the master" },
    ],
    problem: null,
  },
  {
    table: "app.house",
    columns: ["province_code", "ward"],
    valuesCount: 0,
    rowsCount: 0,
    dangling: [],
    problem: { code: "DB-REC-016", cause: "permission denied for table house (SQLSTATE 42501)", remedy: "Grant it" },
  },
];
