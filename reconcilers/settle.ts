// Suspects are looked at, row by row, until each is judged or will not stand still.
import type { CanonicalKey, CopyReading, FoundRow, MasterReading, MasterRow } from "../engine/ports/compared-table.ts";
import type { ComparisonParts } from "./comparison-parts.ts";
import type { CopyWatch } from "./copy-watch.ts";
import { printKey } from "./digest-difference.ts";
import { judgeRow, owedRow, type RowJudgement } from "./judge-row.ts";

/** Keys looked up at once. */
const keysAtOnce = 500;
/** Looks, one after the other, in all of which a row was probably missing: then it is. */
const looksMin = 3;
const pauseMsMin = 20;
const pauseMsMax = 1_000;

export type SettledJudgement = Exclude<RowJudgement, "same" | "again" | "probably missing">;

export interface JudgedRow {
  readonly key: CanonicalKey;
  readonly judgement: SettledJudgement;
  /** Digest of the row in the copy; null: it is not there. */
  readonly copyDigest: string | null;
  /** Of the row that the copy should have; null: none. */
  readonly masterDigest: string | null;
}

export interface Settled {
  readonly judged: readonly JudgedRow[];
  /** Rows that never stood still for long enough. */
  readonly unsettled: number;
}

interface Suspect {
  readonly key: CanonicalKey;
  probablyMissing: number;
}

export async function settle(
  parts: ComparisonParts,
  watch: CopyWatch,
  keys: readonly CanonicalKey[],
  signal: AbortSignal,
): Promise<Settled> {
  const { clock, limits } = parts;
  const judged: JudgedRow[] = [];
  let open = [...new Map(keys.map((key): [string, Suspect] => [printKey(key), { key, probablyMissing: 0 }])).values()];
  let movedAt = clock.monotonicMs();
  for (let pauseMs = pauseMsMin; open.length > 0; pauseMs = Math.min(pauseMs * 2, pauseMsMax)) {
    const still: Suspect[] = [];
    for (let from = 0; from < open.length; from += keysAtOnce) {
      await parts.mayRead(signal);
      const part = open.slice(from, from + keysAtOnce);
      for (const { suspect, judgement, copyDigest, masterDigest } of await look(parts, watch, part)) {
        if (judgement === "same") continue;
        suspect.probablyMissing = judgement === "probably missing" ? suspect.probablyMissing + 1 : 0;
        if (judgement === "again" || (judgement === "probably missing" && suspect.probablyMissing < looksMin)) still.push(suspect);
        else
          judged.push({ key: suspect.key, judgement: judgement === "probably missing" ? "missing" : judgement, copyDigest, masterDigest });
      }
    }
    if (still.length < open.length) movedAt = clock.monotonicMs();
    open = still;
    if (open.length === 0 || clock.monotonicMs() - movedAt > limits.settleMs) break;
    await clock.sleep(pauseMs, signal);
    signal.throwIfAborted();
  }
  return { judged, unsettled: open.length };
}

interface Look extends Pick<JudgedRow, "copyDigest" | "masterDigest"> {
  readonly suspect: Suspect;
  readonly judgement: RowJudgement;
}

/** One look at each of the rows, in the order that judge-row.ts speaks of. */
async function look(parts: ComparisonParts, watch: CopyWatch, suspects: readonly Suspect[]): Promise<Look[]> {
  const { master, copy } = parts;
  const keys = suspects.map(({ key }) => key);
  const before = await watch.read(() => copy.find(keys));
  const markBefore = await master.mark();
  const first = await master.find(keys);
  const after = await watch.readAt(first.position, () => copy.find(keys));
  const markAfter = await master.mark();
  const second = await master.find(keys);
  // A copy that was set back between the readings does not answer for the positions between them.
  const standsFirm = before.stand.position !== null && covers(parts, after, before);
  const [copyBefore, copyAfter] = [byKey(before), byKey(after)];
  const [masterFirst, masterSecond] = [byMasterKey(first), byMasterKey(second)];
  const [showsBefore, showsAfter] = [standsFirm && first.shows(markBefore), second.shows(markAfter)];
  return suspects.map((suspect) => {
    const text = printKey(suspect.key);
    const observation = {
      copyBefore: standsFirm ? (copyBefore.get(text) ?? []) : [],
      copyAfter: copyAfter.get(text) ?? [],
      master: masterFirst.get(text) ?? null,
      masterAfter: masterSecond.get(text) ?? null,
      masterShowsBefore: showsBefore,
      masterShowsAfter: showsAfter,
      versioned: master.versioned,
    };
    const copyDigest = observation.copyAfter[0]?.digest ?? null;
    return { suspect, judgement: judgeRow(observation), copyDigest, masterDigest: owedRow(observation.masterAfter)?.digest ?? null };
  });
}

function covers({ positions }: ComparisonParts, after: CopyReading<unknown>, before: CopyReading<unknown>): boolean {
  const [reached, wanted] = [after.stand.position, before.stand.position];
  return reached !== null && wanted !== null && positions.covers(reached, wanted);
}

function byKey({ answer }: CopyReading<readonly FoundRow[]>): Map<string, FoundRow[]> {
  const rows = new Map<string, FoundRow[]>();
  for (const row of answer) {
    const text = printKey(row.key);
    const same = rows.get(text);
    if (same === undefined) rows.set(text, [row]);
    else same.push(row);
  }
  return rows;
}

function byMasterKey({ answer }: MasterReading<readonly MasterRow[]>): Map<string, MasterRow> {
  return new Map(answer.map((row) => [printKey(row.key), row]));
}
