// The certificate of a comparison (biên bản đối soát): what was found, of what, and by which record that is proved. It names no row.
import type { AppliedDocument } from "../../../engine/config/applied-document.ts";
import { bindParameters } from "../../../engine/config/bind-parameters.ts";
import type { Configuration } from "../../../engine/config/configuration.ts";
import type { Predicate } from "../../../engine/model/predicate.ts";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import { printTable } from "../../../engine/model/table.ts";
import type { RecordedRun, RunRecord } from "../../../engine/ports/reconcile-records.ts";
import { printPredicate } from "./print-predicate.ts";

/** The same in Vietnamese and in English. */
export interface Bilingual {
  readonly vi: string;
  readonly en: string;
}

/** The shape of the certificate as JSON. */
export interface Certificate {
  readonly certificate: "reconcile";
  /** Counts up when the shape changes. */
  readonly format: 1;
  readonly provider: Party;
  readonly consumer: Party;
  readonly share: string;
  /** Which rows belong to the copy, in words; null: all. */
  readonly filter: string | null;
  readonly sentence: Bilingual;
  /** As it was recorded. `hash` is SHA-256, hexadecimal, of `previous_hash` and the record as JSON without blanks. */
  readonly record: RunRecord;
  readonly previous_hash: string;
  readonly hash: string;
}

interface Party {
  readonly id: string;
  readonly name: string;
}

/**
 * `document`: the configuration that was in force when the run was recorded; null: it is not known, and the one that is given says
 * which rows belong to the copy. Throws DB-RUN-021 when the subscription is in no configuration any more.
 */
export function certificateOf(
  { record, previousHash, hash }: RecordedRun,
  configuration: Configuration,
  document: AppliedDocument | null,
): Certificate {
  const share = configuration.shares.find(({ subscriptions }) => subscriptions.some(({ id }) => id === record.subscription));
  const subscription = share?.subscriptions.find(({ id }) => id === record.subscription);
  const provider = configuration.sources.get(share?.source ?? "")?.provider;
  const consumer = configuration.targets.get(subscription?.target ?? "")?.consumer;
  if (share === undefined || subscription === undefined || provider === undefined || consumer === undefined)
    throw new ReplicationError("DB-RUN-021", { subject: record.subscription });
  const where = share.tables.find(({ source }) => printTable(source) === record.source_table)?.where ?? null;
  const applied = appliedFilter(record, document);
  const filter = applied === undefined ? (where === null ? null : bindParameters(where, subscription.parameters)) : applied;
  return {
    certificate: "reconcile",
    format: 1,
    provider: { id: provider.id, name: provider.name },
    consumer: { id: consumer.id, name: consumer.name },
    share: share.id,
    filter: filter === null ? null : printPredicate(filter),
    sentence: verdictSentence(record),
    record,
    previous_hash: previousHash,
    hash,
  };
}

/** Undefined: the document does not know the table. */
function appliedFilter({ subscription, source_table: table }: RunRecord, document: AppliedDocument | null): Predicate | null | undefined {
  const applied = document?.subscriptions.find(({ id }) => id === subscription);
  return applied?.tables.find(({ source }) => printTable(source) === table)?.filter;
}

function verdictSentence(record: RunRecord): Bilingual {
  const { verdict, problem, skipped } = record;
  if (record.sent === "equal" || record.sent === "different") return sentSentence(record);
  switch (verdict) {
    case "equal":
      return {
        vi: `Bản sao khớp với dữ liệu chủ tại vị trí nêu trên, ${skipped.length === 0 ? "ở tất cả các cột được chia sẻ" : "ở tất cả các cột đã đối soát"}.`,
        en: `The copy equals the master at the position stated, in all columns ${skipped.length === 0 ? "that are shared" : "that were compared"}.`,
      };
    case "different": {
      const counts = differenceCounts(record);
      return { vi: `Bản sao sai khác với dữ liệu chủ: ${counts.vi}.`, en: `The copy differs from the master: ${counts.en}.` };
    }
    case "unverified": {
      const why = problem === null ? "" : ` (${problem.code})`;
      return {
        vi: `Chưa xác minh được bản sao có khớp với dữ liệu chủ hay không${why}.`,
        en: `It could not be found out whether the copy equals the master${why}.`,
      };
    }
  }
}

/** Of a copy whose master could not be asked: of the master nothing is claimed. */
function sentSentence(record: RunRecord): Bilingual {
  const not = {
    vi: "Dữ liệu chủ không được đối soát.",
    en: "It was not compared with the master.",
  };
  if (record.sent === "equal") {
    return {
      vi: `Bản sao khớp với dữ liệu đã gửi tại vị trí nêu trên, ở tất cả các cột đã đối soát. ${not.vi}`,
      en: `What was received equals what was sent at the position stated, in all columns that were compared. ${not.en}`,
    };
  }
  const counts = differenceCounts(record);
  return {
    vi: `Bản sao sai khác với dữ liệu đã gửi: ${counts.vi}. ${not.vi}`,
    en: `What was received differs from what was sent: ${counts.en}. ${not.en}`,
  };
}

function differenceCounts({ differences: { missing, extra, different, duplicate } }: RunRecord): Bilingual {
  return {
    vi: `thiếu ${count(missing.count)}, thừa ${count(extra.count)}, khác ${count(different.count)}, trùng khóa ${count(duplicate.count)} bản ghi`,
    en: `${count(missing.count)} rows missing, ${count(extra.count)} extra, ${count(different.count)} different, ${count(duplicate.count)} duplicate`,
  };
}

/** With a space between thousands, which neither language takes for a decimal mark. */
export function count(number: number): string {
  return String(number).replace(/\B(?=(\d{3})+$)/g, "\u00a0");
}
