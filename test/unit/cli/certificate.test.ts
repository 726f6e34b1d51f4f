import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { certificatePage } from "../../../deploy/processes/output/certificate-page.ts";
import { type Certificate, certificateOf } from "../../../deploy/processes/output/certificate.ts";
import { TimePrinter } from "../../../deploy/processes/output/print-time.ts";
import { systemClock } from "../../../deploy/processes/system-clock.ts";
import { toDocument } from "../../../engine/config/applied-document.ts";
import type { Configuration } from "../../../engine/config/configuration.ts";
import { readConfiguration } from "../../../engine/config/load-config.ts";
import { MemoryControlStore } from "../../../engine/control-store/memory-control-store.ts";
import type { ReconcileReport } from "../../../engine/model/reconcile-report.ts";
import type { RecordedRun } from "../../../engine/ports/reconcile-records.ts";
import { reconcileReport, someDifferences, someReferences } from "../../support/reconcile-report.ts";

const times = new TimePrinter("Asia/Ho_Chi_Minh", new Date("2026-01-02T03:04:05Z"));

function configuration(provinces: readonly string[] = ["79", "46"], provider = "Bộ Công an"): Configuration {
  const url = "postgres://dongbo@127.0.0.1:1/x";
  const text = JSON.stringify({
    version: 1,
    sources: { population: { connector: "postgres", url, provider: { id: "G01", name: provider } } },
    targets: { hcm: { connector: "postgres", url: `${url}2`, consumer: { id: "79", name: "Thành phố Hồ Chí Minh" } } },
    shares: [
      {
        id: "population",
        source: "population",
        regulation: { id: "QC-01/2025", validity_period: "PT24H", log_retention: "P1Y" },
        agreement: { id: "TT-07/2026", from: "2026-01-01", purpose: "thử nghiệm", storage_basis: "42.1" },
        platform: "Nền tảng",
        tables: [
          {
            source: "public.citizen",
            target: "population.citizen",
            key: ["personal_id"],
            columns: ["personal_id", "full_name"],
            where: { province_code: { in: "$provinces" } },
          },
        ],
        subscriptions: [{ target: "hcm", parameters: { provinces } }],
      },
    ],
  });
  const loaded = readConfiguration(text, "dongbo.yaml", {});
  if (loaded.configuration === null) throw new Error(JSON.stringify(loaded.findings));
  return loaded.configuration;
}

async function runOf(changes: Partial<ReconcileReport> = {}): Promise<RecordedRun> {
  const store = new MemoryControlStore(systemClock);
  await store.reconcile.recordReconcile(reconcileReport(), "lan@máy-1");
  return store.reconcile.recordReconcile(reconcileReport(changes), "lan@máy-1");
}

async function certificate(changes: Partial<ReconcileReport> = {}, of = configuration()): Promise<Certificate> {
  return certificateOf(await runOf(changes), of, toDocument(of, new Map()));
}

const different = { verdict: "different", differences: someDifferences } as const;

describe("the certificate of a comparison (RC-10)", () => {
  test("says whose data, by which agreement, which rows and columns, and what was found", async () => {
    expect(await certificate(different)).toMatchObject({
      certificate: "reconcile",
      format: 1,
      provider: { id: "G01", name: "Bộ Công an" },
      consumer: { id: "79", name: "Thành phố Hồ Chí Minh" },
      share: "population",
      filter: "province_code in (46, 79)",
      sentence: {
        vi: "Bản sao sai khác với dữ liệu chủ: thiếu 2, thừa 1, khác 2, trùng khóa 1 bản ghi.",
        en: "The copy differs from the master: 2 rows missing, 1 extra, 2 different, 1 duplicate.",
      },
      record: { id: 2, table: "population.citizen", agreement: "TT-07/2026", verdict: "different" },
    });
  });

  test("RC-02: counts what refers to nothing, by table and cause, and names no value", async () => {
    const found = await certificate({ references: someReferences });
    expect(found.record.references).toEqual([
      {
        table: "app.resident",
        columns: ["province_code"],
        values_count: 4,
        rows_count: 1_240,
        causes: { "in quarantine": 1, "not in the master": 2, "outside the share's filter": 1 },
        problem: null,
      },
      {
        table: "app.house",
        columns: ["province_code", "ward"],
        values_count: 0,
        rows_count: 0,
        causes: {},
        problem: someReferences[1]?.problem,
      },
    ]);
    const page = certificatePage(found, times);
    expect(page).toContain(
      "app.resident (province_code): 4 giá trị trong 1\u00a0240 bản ghi không có trong bản sao / 4 values in 1\u00a0240 rows are not in the copy",
    );
    expect(page).toContain("app.house (province_code, ward): DB-REC-016<");
    expect(certificatePage(await certificate(), times)).toContain("không đăng ký / none registered");
  });

  test("whoever has it can compute the hash of the record", async () => {
    const { record, previous_hash: previous, hash } = JSON.parse(JSON.stringify(await certificate(different))) as Certificate;
    expect(createHash("sha256").update(previous).update(JSON.stringify(record)).digest("hex")).toBe(hash);
  });

  test("a verdict is a sentence in both languages", async () => {
    expect((await certificate()).sentence).toEqual({
      vi: "Bản sao khớp với dữ liệu chủ tại vị trí nêu trên, ở tất cả các cột được chia sẻ.",
      en: "The copy equals the master at the position stated, in all columns that are shared.",
    });
    expect((await certificate({ skipped: [{ column: "photo", why: "no common form" }] })).sentence).toEqual({
      vi: "Bản sao khớp với dữ liệu chủ tại vị trí nêu trên, ở tất cả các cột đã đối soát.",
      en: "The copy equals the master at the position stated, in all columns that were compared.",
    });
    const problem = { code: "DB-REC-001", cause: "the copy is behind", remedy: "Wait" };
    expect((await certificate({ verdict: "unverified", problem })).sentence).toEqual({
      vi: "Chưa xác minh được bản sao có khớp với dữ liệu chủ hay không (DB-REC-001).",
      en: "It could not be found out whether the copy equals the master (DB-REC-001).",
    });
  });

  test("of a copy whose master could not be asked nothing is claimed but that it was received as it was sent", async () => {
    const equal = await certificate({ verdict: "unverified", sent: "equal" });
    expect(equal.sentence).toEqual({
      vi: "Bản sao khớp với dữ liệu đã gửi tại vị trí nêu trên, ở tất cả các cột đã đối soát. Dữ liệu chủ không được đối soát.",
      en: "What was received equals what was sent at the position stated, in all columns that were compared. It was not compared with the master.",
    });
    expect(equal.record).toMatchObject({ verdict: "unverified", sent: "equal" });
    expect(certificatePage(equal, times)).toMatch(
      /Record of a comparison of what was received with what was sent[^]*Position in what was sent/,
    );
    expect((await certificate({ ...different, sent: "different" })).sentence).toEqual({
      vi: "Bản sao sai khác với dữ liệu đã gửi: thiếu 2, thừa 1, khác 2, trùng khóa 1 bản ghi. Dữ liệu chủ không được đối soát.",
      en: "What was received differs from what was sent: 2 rows missing, 1 extra, 2 different, 1 duplicate. It was not compared with the master.",
    });
    expect((await certificate()).record).not.toHaveProperty("sent");
  });

  test("RC-08: the filter is the one that was in force, also when it was changed since", async () => {
    const [then, now] = [configuration(["79"]), configuration(["46"])];
    const run = await runOf();
    expect(certificateOf(run, now, toDocument(then, new Map())).filter).toBe("province_code = 79");
    expect(certificateOf(run, now, null).filter).toBe("province_code in (46)");
  });

  test("there is none of a subscription that nobody knows any more", async () => {
    const run = await runOf({ subscription: "population/hue" });
    expect(() => certificateOf(run, configuration(), null)).toThrow("DB-RUN-021");
  });
});

describe("the page of a certificate (RC-10)", () => {
  test("shows on a sheet of A4, in Vietnamese and in English, what there is to sign", async () => {
    const made = await certificate({ ...different, skipped: [{ column: "photo", why: "no common form" }], unsettled: 3 });
    const page = certificatePage(made, times);
    for (const text of [
      '<html lang="vi">',
      "size: A4",
      "BIÊN BẢN ĐỐI SOÁT DỮ LIỆU",
      "No. 2",
      "Bộ Công an (G01)",
      "Thành phố Hồ Chí Minh (79)",
      "population, TT-07/2026",
      "public.citizen, population.citizen",
      "province_code in (46, 79)",
      "personal_id, full_name",
      "photo (no common form)",
      "2026-01-02 10:04:05 +07:00 (2026-01-02T03:04:05Z)",
      "0/1A2B3C",
      "1\u00a0234\u00a0567",
      made.sentence.vi,
      made.sentence.en,
      '<p class="verdict different">',
      made.hash,
      made.previous_hash,
      "d".repeat(32),
      "c".repeat(64),
      "lan@máy-1",
      "ĐẠI DIỆN BÊN CUNG CẤP",
      "ĐẠI DIỆN BÊN TIẾP NHẬN",
      "for the consumer",
    ])
      expect(page).toContain(text);
    const cells = [...page.matchAll(/<td>([\d\u00a0]+)<\/td>/g)].map(([, number]) => number);
    expect(cells).toEqual(["1\u00a0234\u00a0567", "2", "1", "1", "2", "1", "3", "0", "0"]);
  });

  test("fetches nothing and runs nothing", async () => {
    const page = certificatePage(await certificate(), times);
    expect(page).not.toMatch(/<script|<link|<img|src=|href=|url\(|@import|https?:/i);
  });

  test("holds no key, nor does its JSON", async () => {
    const made = await certificate(different);
    for (const text of [JSON.stringify(made), certificatePage(made, times)]) expect(text).not.toMatch(/0(79|46)0000/);
  });

  test("takes names and texts for text, whatever they hold", async () => {
    const hostile = `<script>alert("1")</script>&'`;
    const of = configuration([`'"><b>`], hostile);
    const made = await certificate(
      { skipped: [{ column: "<i>", why: "&amp;" }], columns: [{ name: '"x"', form: "text" }], position: "<u>", agreementId: "<s>" },
      of,
    );
    const page = certificatePage(made, times);
    expect(page).not.toMatch(/<(script|b|i|u|s)>/);
    expect(page).toContain("&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;&#39;");
    expect(page).toContain("&lt;i&gt; (&amp;amp;)");
  });

  test.each<[Partial<ReconcileReport>, string]>([
    [{}, "không / none"],
    [{ ...different, action: { kind: "plan", breaker: null } }, "chờ phê duyệt khắc phục / a repair waits for approval<"],
    [{ ...different, action: { kind: "plan", breaker: "too many rows" } }, "a repair waits for approval (too many rows)"],
    [{ action: { kind: "repaired", rows: 12 }, repaired: 11 }, "12 rows repaired, 11 found equal afterwards"],
  ])("RC-05: tells what was done: %j", async (changes, told) => {
    expect(certificatePage(await certificate(changes), times)).toContain(told);
  });

  test("of a table with very many columns the page stays a page", async () => {
    const columns = Array.from({ length: 300 }, (_, index) => ({ name: `column_${index}`, form: "text" as const }));
    const page = certificatePage(await certificate({ columns }), times);
    expect(page).toContain("column_39 … (300)");
    expect(page).not.toContain("column_40");
  });
});
