// Which rows may differ: digests of ranges first, of groups within a range where those are unequal, then the rows of unequal groups.
// The master is read ahead while the copy comes up to where it was read.
import { assert } from "../engine/model/assert.ts";
import type { CanonicalKey, GroupDigest, KeyRange, MasterReading } from "../engine/ports/compared-table.ts";
import type { ComparisonParts } from "./comparison-parts.ts";
import type { CopyWatch } from "./copy-watch.ts";
import { differingGroups, DigestSum, suspectKeys } from "./digest-difference.ts";
import { KeyRanges, wholeTable } from "./key-ranges.ts";
import type { BadRange, SearchProgress } from "./search-progress.ts";

/** Ranges that the master may be ahead of the copy: fewer where they are read once more, since more rows would change meanwhile. */
const aheadMax = 6;
const aheadAgainMax = 2;
/** Rows of a group, about: few enough to list a group for one row, many enough for its digest to be worth it. */
const groupRows = 64;
const groupsMax = 16_384;
/** More are not remembered: whoever differs in so many rows is loaded anew. */
const suspectsMax = 200_000;
/** What a digest, and a row listed beside its key, take on the way. */
const digestBytes = 40;
const rowBytes = 34;

export interface Suspects {
  readonly keys: readonly CanonicalKey[];
  /** There are more, which were not looked for. */
  readonly cut: boolean;
  /** How rows were hashed; see SearchProgress. */
  readonly hash: string | null;
  /** When the first range was read, by whoever did. */
  readonly startedAt: Date;
  /** Of the copy. */
  readonly sum: DigestSum;
  /** Of the master, within the filter. */
  readonly masterRows: number;
  readonly bytesSent: number;
}

interface RangeReading {
  readonly range: KeyRange;
  readonly groups: number;
  readonly reading: MasterReading<readonly GroupDigest[]>;
}

/** One search. What failed in the middle of it goes on from there when it is run again. */
export class SuspectSearch {
  readonly #parts: ComparisonParts;
  readonly #watch: CopyWatch;
  readonly #hash: string | null;
  readonly #signal: AbortSignal;
  readonly #sum: DigestSum;
  readonly #bad: BadRange[];
  readonly #startedAt: number;
  #after: CanonicalKey | null;
  /** Every range was read. */
  #scanned: boolean;
  #masterRows: number;
  #bytes = 0;
  #ranges: KeyRanges | null = null;

  /** `hash`: how both sides hash rows. What an earlier run had found out is of no use when that was another way. */
  constructor(parts: ComparisonParts, { watch, hash }: { readonly watch: CopyWatch; readonly hash: string | null }, signal: AbortSignal) {
    const resume = parts.resume?.hash === hash ? parts.resume : null;
    this.#parts = parts;
    this.#watch = watch;
    this.#hash = hash;
    this.#signal = signal;
    this.#sum = resume === null ? new DigestSum() : DigestSum.of(resume.copyRows, resume.digest);
    this.#masterRows = resume?.masterRows ?? 0;
    this.#bad = [...(resume?.bad ?? [])];
    this.#startedAt = resume?.startedAt ?? parts.clock.now() / 1_000;
    this.#after = resume === null ? parts.range.after : resume.after;
    this.#scanned = resume !== null && resume.after === null;
  }

  /** Reads every range, and those that are unequal once more; gives what somebody else may go on from. */
  async scan(): Promise<SearchProgress> {
    await this.#scanOnce();
    return { ...this.#progress(null), bad: await this.#compareGroups() };
  }

  async run(): Promise<Suspects> {
    await this.#scanOnce();
    const keys = await this.#listRows(await this.#compareGroups());
    const cut = keys.length >= suspectsMax;
    const startedAt = new Date(this.#startedAt);
    return { keys, cut, hash: this.#hash, startedAt, sum: this.#sum, masterRows: this.#masterRows, bytesSent: this.#bytes };
  }

  async #scanOnce(): Promise<void> {
    if (!this.#scanned) await this.#compareRanges();
    this.#scanned = true;
  }

  async #compareRanges(): Promise<void> {
    const { copy } = this.#parts;
    for await (const { range, groups, reading } of readAhead(this.#readRanges(), aheadMax)) {
      const { answer } = await this.#watch.readAt(reading.position, () => copy.digest(range, groups));
      const rows = rowsOf(reading.answer);
      const wanted = this.#differing(reading.answer, answer);
      this.#ranges?.judged(wanted.length > 0);
      if (wanted.length > 0) this.#bad.push({ range, rows, groups, wanted });
      this.#sum.add(answer);
      this.#masterRows += rows;
      this.#after = range.until;
      const last = range.until === this.#parts.range.until;
      await this.#parts.progressed(this.#progress(last ? null : range.until));
    }
  }

  #progress(after: CanonicalKey | null): SearchProgress {
    const { rows: copyRows } = this.#sum;
    const [hash, digest] = [this.#hash, this.#sum.toString()];
    return { startedAt: this.#startedAt, after, copyRows, hash, digest, masterRows: this.#masterRows, bad: this.#bad };
  }

  async *#readRanges(): AsyncGenerator<RangeReading> {
    const { master, clock, limits, mayRead, range: within } = this.#parts;
    const ordered = await orderAlike(this.#parts);
    assert(ordered || isWhole(within), "parts of a table have borders");
    const ranges = ordered ? new KeyRanges(master, { after: this.#after, until: within.until }) : null;
    this.#ranges = ranges;
    for (let range = ranges === null ? wholeTable : await ranges.next(); range !== null; range = (await ranges?.next()) ?? null) {
      await mayRead(this.#signal);
      this.#signal.throwIfAborted();
      const startedAt = clock.monotonicMs();
      const groups = ranges === null ? groupsFor(master.estimatedRows) : 1;
      const reading = await master.digest(range, groups);
      const tookMs = clock.monotonicMs() - startedAt;
      ranges?.learn(tookMs);
      yield { range, groups, reading };
      if (limits.rowsPerSecondMax === null) continue;
      await clock.sleep((rowsOf(reading.answer) / limits.rowsPerSecondMax) * 1_000 - tookMs, this.#signal);
    }
  }

  /** Narrows ranges that were read as one down to groups: most rows that had just been changed are equal by now. */
  async #compareGroups(): Promise<BadRange[]> {
    const { master, copy, mayRead } = this.#parts;
    const coarse = this.#bad.filter(({ groups }) => groups === 1);
    const narrowed = this.#bad.filter(({ groups }) => groups > 1);
    const signal = this.#signal;
    const read = async function* () {
      for (const { range, rows } of coarse) {
        await mayRead(signal);
        const groups = groupsFor(rows);
        yield { range, rows, groups, reading: await master.digest(range, groups) };
      }
    };
    for await (const { range, rows, groups, reading } of readAhead(read(), aheadAgainMax)) {
      const { answer } = await this.#watch.readAt(reading.position, () => copy.digest(range, groups));
      const wanted = this.#differing(reading.answer, answer);
      if (wanted.length > 0) narrowed.push({ range, rows, groups, wanted });
    }
    return narrowed;
  }

  async #listRows(bad: readonly BadRange[]): Promise<CanonicalKey[]> {
    const { master, copy, mayRead } = this.#parts;
    const signal = this.#signal;
    const read = async function* () {
      for (const choice of bad) {
        await mayRead(signal);
        yield { choice, reading: await master.list(choice.range, choice) };
      }
    };
    const keys: CanonicalKey[] = [];
    for await (const { choice, reading } of readAhead(read(), 1)) {
      const { answer } = await this.#watch.readAt(reading.position, () => copy.list(choice.range, choice));
      for (const { key } of [...reading.answer, ...answer]) this.#bytes += rowBytes + key.join("").length;
      for (const key of suspectKeys(reading.answer, answer)) keys.push(key);
      if (keys.length >= suspectsMax) break;
    }
    return keys;
  }

  #differing(master: readonly GroupDigest[], copy: readonly GroupDigest[]): number[] {
    this.#bytes += (master.length + copy.length) * digestBytes;
    return differingGroups(master, copy);
  }
}

/** The two servers order keys alike: a range of the one holds the rows of that range of the other. */
export async function orderAlike({ master, copy }: Pick<ComparisonParts, "master" | "copy">): Promise<boolean> {
  const [theirs, ours] = [await master.keyOrder(), await copy.keyOrder()];
  return theirs !== null && theirs === ours;
}

function isWhole({ after, until }: KeyRange): boolean {
  return after === null && until === null;
}

function rowsOf(digests: readonly GroupDigest[]): number {
  return digests.reduce((sum, { count }) => sum + count, 0);
}

/** Groups for so many rows, a power of two; negative: nobody knows how many there are. */
function groupsFor(rows: number): number {
  if (rows < 0) return groupsMax;
  return Math.min(groupsMax, 2 ** Math.max(1, Math.ceil(Math.log2((rows + 1) / groupRows))));
}

/** Asks for items before they are wanted, at most so many. They are made one after the other. */
async function* readAhead<T>(items: AsyncGenerator<T>, ahead: number): AsyncGenerator<T> {
  const asked: Promise<IteratorResult<T>>[] = [];
  try {
    for (;;) {
      while (asked.length <= ahead) {
        const next = items.next();
        // Whoever awaits it is told; until then nobody may be.
        next.catch(() => {});
        asked.push(next);
      }
      const item = await asked.shift();
      if (item === undefined || item.done === true) return;
      yield item.value;
    }
  } finally {
    await items.return(undefined).catch(() => {});
  }
}
