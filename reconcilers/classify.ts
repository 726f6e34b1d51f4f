// In what rows differ: which columns, and whether in more than in how characters are composed.
import type { Difference } from "../engine/model/reconcile-report.ts";
import type { Key } from "../engine/model/row.ts";
import { sourceKey } from "../engine/model/source-key.ts";
import type { CanonicalKey } from "../engine/ports/compared-table.ts";
import type { ComparisonParts } from "./comparison-parts.ts";
import { printKey } from "./digest-difference.ts";
import type { JudgedRow, Settled, SettledJudgement } from "./settle.ts";

/** Rows looked up at once. */
const keysAtOnce = 500;

/** A difference, its row's key as both servers print it, and the row's digests. */
export interface FoundDifference extends Pick<JudgedRow, "copyDigest" | "masterDigest"> {
  readonly canonical: CanonicalKey;
  readonly difference: Difference;
}

/** What was judged, with the keys in the source's text form. */
export async function classify(
  parts: ComparisonParts,
  { judged }: Pick<Settled, "judged">,
  signal: AbortSignal,
): Promise<FoundDifference[]> {
  const { compared } = parts;
  const differing = judged.flatMap(({ key, judgement }) => (judgement === "different" ? [key] : []));
  const details = new Map<string, ColumnsOfRow>();
  for (let from = 0; from < differing.length; from += keysAtOnce) {
    await parts.mayRead(signal);
    for (const [key, found] of await differingColumns(parts, differing.slice(from, from + keysAtOnce))) details.set(key, found);
  }
  return judged.map((row) => {
    const { key: canonical, judgement, copyDigest, masterDigest } = row;
    const columns = details.get(printKey(canonical)) ?? nothingFound;
    return { canonical, copyDigest, masterDigest, difference: toDifference(sourceKey(compared, canonical), judgement, columns) };
  });
}

function toDifference(key: Key, judgement: SettledJudgement, columns: ColumnsOfRow): Difference {
  switch (judgement) {
    case "different":
      return { class: "different", key, ...columns };
    case "extra":
    case "outside filter":
      return { class: "extra", key, outsideFilter: judgement === "outside filter" };
    default:
      return { class: judgement, key };
  }
}

interface ColumnsOfRow {
  readonly columns: readonly string[];
  readonly unicodeFormOnly: boolean;
}

/** The row has changed since it was judged. */
const nothingFound: ColumnsOfRow = { columns: [], unicodeFormOnly: false };

async function differingColumns(parts: ComparisonParts, keys: readonly CanonicalKey[]): Promise<Map<string, ColumnsOfRow>> {
  const { master, copy, compared } = parts;
  const [ours, theirs] = [await master.columns(keys), await copy.columns(keys)];
  const copies = new Map(theirs.answer.map((row) => [printKey(row.key), row.digests]));
  const places = new Map<string, number[]>();
  for (const { key, digests } of ours.answer) {
    const other = copies.get(printKey(key));
    if (other === undefined) continue;
    const differ = digests.flatMap((digest, place) => (digest === other[place] ? [] : [place]));
    places.set(printKey(key), differ);
  }
  const composed = await sameButComposed(parts, keys, places);
  return new Map(
    [...places].map(([key, differ]) => {
      const columns = differ.map((place) => compared.columns[place]?.target ?? "");
      return [key, { columns, unicodeFormOnly: differ.length > 0 && differ.every((place) => composed.has(`${place} ${key}`)) }];
    }),
  );
}

/** Those of the differing values, as `<column's place> <key>`, that are the same characters composed otherwise (NFC, NFD). */
async function sameButComposed(
  { master, copy }: ComparisonParts,
  keys: readonly CanonicalKey[],
  places: ReadonlyMap<string, readonly number[]>,
): Promise<Set<string>> {
  const same = new Set<string>();
  for (const place of new Set([...places.values()].flat())) {
    const wanted = keys.filter((key) => places.get(printKey(key))?.includes(place) === true);
    const [ours, theirs] = [await master.values(wanted, place), await copy.values(wanted, place)];
    const copies = new Map(theirs.map(({ key, value }) => [printKey(key), value]));
    for (const { key, value } of ours) {
      const other = copies.get(printKey(key)) ?? null;
      if (value !== null && other !== null && value !== other && value.normalize("NFC") === other.normalize("NFC")) {
        same.add(`${place} ${printKey(key)}`);
      }
    }
  }
  return same;
}
