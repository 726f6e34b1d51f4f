// The certificate as a page to be printed and signed: A4, one sheet, nothing to be fetched, in Vietnamese and English.
import type { RunRecord } from "../../../engine/ports/reconcile-records.ts";
import { type Bilingual, type Certificate, count } from "./certificate.ts";
import { nameOf } from "./print-references.ts";
import type { TimePrinter } from "./print-time.ts";

/** Columns that are named; of more the number is told. */
const columnsShown = 40;

const style = `
@page { size: A4; margin: 14mm 16mm; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 178mm; color: #111; background: #fff; font: 9.5pt/1.35 "Times New Roman", "Liberation Serif", serif; }
header { display: flex; justify-content: space-between; text-align: center; gap: 8mm; }
header div { flex: 1; }
header strong { display: block; }
h1 { margin: 6mm 0 4mm; font-size: 15pt; text-align: center; }
small { color: #444; font-size: 85%; font-weight: normal; font-style: italic; }
h1 small { display: block; font-size: 10pt; }
table { width: 100%; border-collapse: collapse; margin-bottom: 3mm; }
th, td { border: 0.3mm solid #999; padding: 0.9mm 2mm; text-align: left; vertical-align: top; overflow-wrap: anywhere; }
th { width: 34%; font-weight: normal; background: #f3f3f3; }
.counts th, .counts td { width: auto; text-align: center; }
.counts td { font-size: 13pt; font-variant-numeric: tabular-nums; }
.verdict { margin: 4mm 0; padding: 3mm 4mm; border: 0.8mm solid; font-size: 12pt; font-weight: bold; }
.verdict small { display: block; }
.equal { border-color: #1a7f37; }
.different { border-color: #b3261e; }
.unverified { border-color: #9a6700; }
code { font: 8pt/1.3 "DejaVu Sans Mono", monospace; }
.signatures { display: flex; justify-content: space-between; margin-top: 6mm; text-align: center; break-inside: avoid; }
.signatures div { width: 45%; padding-bottom: 22mm; border-bottom: 0.2mm dotted #555; }
@media screen { body { padding: 10mm; } }
`;

/** `times`: how instants are shown; one in Vietnam's time for whoever signs there. */
export function certificatePage(certificate: Certificate, times: TimePrinter): string {
  const { record, provider, consumer, sentence } = certificate;
  return `<!DOCTYPE html>
<html lang="vi">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Biên bản đối soát số ${record.id}: ${escapeHtml(record.table)}</title>
<style>${style}</style>
</head>
<body>
<header>
<div><strong>${escapeHtml(provider.name)}</strong>${words({ vi: "Bên cung cấp", en: "provider" })}</div>
<div><strong>${escapeHtml(consumer.name)}</strong>${words({ vi: "Bên tiếp nhận", en: "consumer" })}</div>
</header>
<h1>BIÊN BẢN ĐỐI SOÁT DỮ LIỆU<small>${titleOf(record)}, No. ${record.id}</small></h1>
<table>
${facts(certificate, times)}
</table>
<table class="counts">
${counts(record)}
</table>
<p class="verdict ${record.verdict}">${escapeHtml(sentence.vi)}<small>${escapeHtml(sentence.en)}</small></p>
<table>
${proof(certificate, times)}
</table>
<div class="signatures">
<div>${words({ vi: "ĐẠI DIỆN BÊN CUNG CẤP", en: "for the provider" })}</div>
<div>${words({ vi: "ĐẠI DIỆN BÊN TIẾP NHẬN", en: "for the consumer" })}</div>
</div>
</body>
</html>
`;
}

function titleOf({ sent }: RunRecord): string {
  return sent === undefined
    ? "Record of a comparison of a copy with its master"
    : "Record of a comparison of what was received with what was sent";
}

function facts({ record, provider, consumer, share, filter }: Certificate, times: TimePrinter): string {
  const { columns, skipped } = record;
  const names = columns.slice(0, columnsShown).map(({ name }) => name);
  const more = columns.length > names.length ? ` … (${columns.length})` : "";
  return [
    fact({ vi: "Bên cung cấp", en: "Provider" }, `${provider.name} (${provider.id})`),
    fact({ vi: "Bên tiếp nhận", en: "Consumer" }, `${consumer.name} (${consumer.id})`),
    fact({ vi: "Nội dung chia sẻ, thỏa thuận", en: "Share, agreement" }, `${share}, ${record.agreement}`),
    fact({ vi: "Bảng dữ liệu chủ, bản sao", en: "Master table, copy" }, `${record.source_table}, ${record.table}`),
    fact({ vi: "Phạm vi bản ghi", en: "Rows" }, filter ?? "tất cả / all"),
    fact({ vi: "Các cột đã đối soát", en: "Columns compared" }, `${names.join(", ")}${more}`),
    fact(
      { vi: "Các cột không đối soát", en: "Not compared" },
      skipped.map(({ column, why }) => `${column} (${why})`).join(", ") || "không / none",
    ),
    fact({ vi: "Bảng tham chiếu đến bản sao", en: "Tables that refer to the copy" }, referencesText(record)),
    fact({ vi: "Thời gian đối soát", en: "Time" }, `${times.full(new Date(record.started_at))} – ${times.full(new Date(record.ended_at))}`),
    fact(
      record.sent === undefined
        ? { vi: "Vị trí trong nhật ký dữ liệu chủ", en: "Position in the master's log" }
        : { vi: "Vị trí trong dữ liệu đã gửi", en: "Position in what was sent" },
      record.position ?? "không / none",
    ),
    fact({ vi: "Xử lý", en: "Action" }, actionText(record)),
  ].join("\n");
}

const counted: readonly (readonly [Bilingual, (record: RunRecord) => number])[] = [
  [{ vi: "Đã đối soát", en: "checked" }, (record) => record.rows_checked],
  [{ vi: "Thiếu", en: "missing" }, ({ differences }) => differences.missing.count],
  [{ vi: "Thừa", en: "extra" }, ({ differences }) => differences.extra.count],
  [{ vi: "Ngoài phạm vi", en: "of these outside the filter" }, (record) => record.outside_filter_count],
  [{ vi: "Khác", en: "different" }, ({ differences }) => differences.different.count],
  [{ vi: "Trùng khóa", en: "duplicate" }, ({ differences }) => differences.duplicate.count],
  [{ vi: "Chưa xác định", en: "not settled" }, (record) => record.unsettled],
  [{ vi: "Cách ly", en: "in quarantine" }, (record) => record.quarantined],
  [{ vi: "Đã khắc phục", en: "repaired" }, (record) => record.repaired],
];

function counts(record: RunRecord): string {
  const titles = counted.map(([title]) => `<th>${words(title)}</th>`).join("");
  const cells = counted.map(([, of]) => `<td>${count(of(record))}</td>`).join("");
  return `<tr>${titles}</tr>\n<tr>${cells}</tr>`;
}

function proof({ record, previous_hash: previous, hash }: Certificate, times: TimePrinter): string {
  return [
    fact({ vi: "Mã băm nội dung bản sao", en: "Digest of the copy's rows" }, record.digest, "code"),
    fact({ vi: "Phiên bản chuẩn hóa", en: "Version of the canonical forms" }, String(record.canonical_version)),
    fact({ vi: "Mã băm phạm vi chia sẻ", en: "Digest of filter and columns" }, record.contract_digest, "code"),
    fact({ vi: "Phiên bản cấu hình", en: "Version of the configuration" }, String(record.configuration_version ?? "không rõ / unknown")),
    fact({ vi: "Ghi nhận lúc, bởi", en: "Recorded, by" }, `${times.full(new Date(record.recorded_at))}, ${record.by}`),
    fact({ vi: "Số thứ tự, mã chuỗi", en: "Number, hash in the chain" }, `${record.id}, ${hash}`, "code"),
    fact({ vi: "Mã chuỗi trước đó", en: "Hash before it" }, previous, "code"),
  ].join("\n");
}

/** Counts only: the certificate names no row. */
function referencesText({ references }: RunRecord): string {
  const texts = references.map((reference) => {
    const { values_count: values, rows_count: rows, problem } = reference;
    const counts = `${count(values)} giá trị trong ${count(rows)} bản ghi không có trong bản sao / ${count(values)} values in ${count(rows)} rows are not in the copy`;
    const why = problem === null ? counts : `${values === 0 ? "" : `${counts}, `}${problem.code}`;
    return `${nameOf(reference)}: ${why}`;
  });
  return texts.join("; ") || "không đăng ký / none registered";
}

function actionText({ action, repaired, problem }: RunRecord): string {
  const why = problem === null ? "" : `${problem.code}: ${problem.cause}. `;
  switch (action.kind) {
    case "none":
      return `${why}không / none`;
    case "plan":
      return `${why}chờ phê duyệt khắc phục / a repair waits for approval${action.breaker === null ? "" : ` (${action.breaker})`}`;
    case "repaired":
      return `${why}đã khắc phục ${count(action.rows)} bản ghi, đối soát lại khớp ${count(repaired)} / ${count(action.rows)} rows repaired, ${count(repaired)} found equal afterwards`;
  }
}

function fact(title: Bilingual, value: string, tag: "span" | "code" = "span"): string {
  return `<tr><th>${words(title)}</th><td><${tag}>${escapeHtml(value)}</${tag}></td></tr>`;
}

function words({ vi, en }: Bilingual): string {
  return `${escapeHtml(vi)} <small>${escapeHtml(en)}</small>`;
}

/** Names and texts of others are text and nothing else. */
function escapeHtml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;").replaceAll("'", "&#39;");
}
