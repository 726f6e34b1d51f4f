// MySQL's positions: the set of transactions of each server that were executed (manual, "GTID Format and Storage").

/** Closed interval of transaction numbers. */
export type Interval = readonly [first: bigint, last: bigint];

/** Ascending intervals that do not touch, by server: its UUID, or `<uuid>:<tag>` for tagged transactions (MySQL 8.3). */
export type GtidSet = ReadonlyMap<string, readonly Interval[]>;

const uuidForm = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const tagForm = /^[a-z_][a-z0-9_]{0,31}$/;
const intervalForm = /^(\d{1,19})(?:-(\d{1,19}))?$/;

/** Reads `uuid:1-5:7,uuid:tag:1`, with the blanks and line breaks that the server prints. Null when it is something else. */
export function parseGtidSet(text: string): GtidSet | null {
  const set = new Map<string, Interval[]>();
  const compact = text.replaceAll(/\s/g, "").toLowerCase();
  if (compact === "") return set;
  for (const part of compact.split(",")) {
    const [uuid = "", ...rest] = part.split(":");
    if (!uuidForm.test(uuid) || rest.length === 0) return null;
    let source = uuid;
    for (const item of rest) {
      const match = intervalForm.exec(item);
      if (match === null) {
        if (!tagForm.test(item)) return null;
        source = `${uuid}:${item}`;
        continue;
      }
      const first = BigInt(match[1] ?? "");
      const last = BigInt(match[2] ?? match[1] ?? "");
      if (first < 1n || last < first) return null;
      set.set(source, [...(set.get(source) ?? []), [first, last]]);
    }
  }
  for (const [source, intervals] of set) set.set(source, normalize(intervals));
  return set;
}

/** Sorted by server, so that equal sets are equal text. */
export function formatGtidSet(set: GtidSet): string {
  const sources = [...set].filter(([, intervals]) => intervals.length > 0).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return sources.map(([source, intervals]) => `${source}:${intervals.map(printInterval).join(":")}`).join(",");
}

export function gtidSetCovers(reached: GtidSet, wanted: GtidSet): boolean {
  for (const [source, intervals] of wanted) {
    const has = reached.get(source) ?? [];
    if (!intervals.every(([first, last]) => has.some((other) => other[0] <= first && last <= other[1]))) return false;
  }
  return true;
}

/** Transactions in both. */
export function gtidSetMeet(a: GtidSet, b: GtidSet): GtidSet {
  const meet = new Map<string, Interval[]>();
  for (const [source, intervals] of a) {
    const common: Interval[] = [];
    for (const [first, last] of intervals) {
      for (const [otherFirst, otherLast] of b.get(source) ?? []) {
        const from = first > otherFirst ? first : otherFirst;
        const to = last < otherLast ? last : otherLast;
        if (from <= to) common.push([from, to]);
      }
    }
    if (common.length > 0) meet.set(source, normalize(common));
  }
  return meet;
}

/** Transactions in either. */
export function gtidSetJoin(a: GtidSet, b: GtidSet): GtidSet {
  const join = new Map(a);
  for (const [source, intervals] of b) join.set(source, normalize([...(join.get(source) ?? []), ...intervals]));
  return join;
}

function normalize(intervals: readonly Interval[]): Interval[] {
  const result: Interval[] = [];
  for (const [first, last] of intervals.toSorted((a, b) => (a[0] < b[0] ? -1 : 1))) {
    const previous = result.at(-1);
    if (previous !== undefined && first <= previous[1] + 1n) {
      result[result.length - 1] = [previous[0], last > previous[1] ? last : previous[1]];
    } else result.push([first, last]);
  }
  return result;
}

function printInterval([first, last]: Interval): string {
  return first === last ? String(first) : `${first}-${last}`;
}
