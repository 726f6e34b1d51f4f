// A certificate of each comparison that was made, as files: JSON for machines, a page to print and sign (biên bản đối soát).
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readDocument } from "../../../engine/config/applied-document.ts";
import { certificateOf } from "../output/certificate.ts";
import { certificatePage } from "../output/certificate-page.ts";
import type { TimePrinter } from "../output/print-time.ts";
import type { ReconciledCopy, ReconcileParts } from "./reconcile-copies.ts";

/** Gives the files that were written. The folder is made where it is not there. */
export async function writeCertificates(
  folder: string,
  { configuration, control }: ReconcileParts,
  copies: readonly ReconciledCopy[],
  times: TimePrinter,
): Promise<string[]> {
  mkdirSync(folder, { recursive: true });
  const applied = await control.appliedConfiguration();
  const document = applied === null ? null : readDocument(applied.document);
  return copies.flatMap(({ run }) => {
    const certificate = certificateOf(run, configuration, document);
    const base = join(folder, `${run.record.subscription}-${run.record.table}-${run.id}`.replaceAll(/[^\p{L}\p{N}._-]/gu, "_"));
    writeFileSync(`${base}.json`, `${JSON.stringify(certificate, null, 2)}\n`);
    writeFileSync(`${base}.html`, certificatePage(certificate, times));
    return [`${base}.json`, `${base}.html`];
  });
}
