// MariaDB's positions: the last transaction of each replication domain (MariaDB Knowledge Base, "Global Transaction ID").
// Within a domain transactions are counted up; domains know nothing of each other.

/** One transaction: `0-1-100`, domain, server and number in the domain. */
export interface MariaDbGtid {
  readonly domain: number;
  readonly server: number;
  readonly sequence: bigint;
}

/** The last transaction of each domain that has any, by domain. */
export type MariaDbPosition = ReadonlyMap<number, MariaDbGtid>;

const gtidForm = /^(\d{1,10})-(\d{1,10})-(\d{1,20})$/;

/** Reads `0-1-100,1-2-5`; the empty text is the position before everything. Null when it is something else. */
export function parseMariaDbPosition(text: string): MariaDbPosition | null {
  const position = new Map<number, MariaDbGtid>();
  if (text === "") return position;
  for (const part of text.split(",")) {
    const match = gtidForm.exec(part);
    if (match === null) return null;
    const gtid = { domain: Number(match[1]), server: Number(match[2]), sequence: BigInt(match[3] ?? "") };
    if (gtid.domain > 0xffff_ffff || gtid.server > 0xffff_ffff || gtid.sequence > 0xffff_ffff_ffff_ffffn) return null;
    if (position.has(gtid.domain)) return null;
    position.set(gtid.domain, gtid);
  }
  return position;
}

/** The server's own form, sorted by domain, so that equal positions are equal text. */
export function formatMariaDbPosition(position: MariaDbPosition): string {
  if (position.size === 1) for (const gtid of position.values()) return formatMariaDbGtid(gtid);
  const sorted = [...position.values()].toSorted((a, b) => a.domain - b.domain);
  return sorted.map(formatMariaDbGtid).join(",");
}

export function formatMariaDbGtid({ domain, server, sequence }: MariaDbGtid): string {
  return `${domain}-${server}-${sequence}`;
}

/** Everything at or before `wanted` is at or before `reached`. Which server wrote a transaction does not count. */
export function mariaDbCovers(reached: MariaDbPosition, wanted: MariaDbPosition): boolean {
  for (const [domain, { sequence }] of wanted) {
    const has = reached.get(domain);
    if (has === undefined || has.sequence < sequence) return false;
  }
  return true;
}

/** The newest position that both cover. */
export function mariaDbMeet(a: MariaDbPosition, b: MariaDbPosition): MariaDbPosition {
  const meet = new Map<number, MariaDbGtid>();
  for (const [domain, one] of a) {
    const other = b.get(domain);
    if (other !== undefined) meet.set(domain, one.sequence <= other.sequence ? one : other);
  }
  return meet;
}

/** The oldest position that covers both. */
export function mariaDbJoin(a: MariaDbPosition, b: MariaDbPosition): MariaDbPosition {
  const join = new Map(a);
  for (const [domain, other] of b) {
    const one = join.get(domain);
    if (one === undefined || one.sequence < other.sequence) join.set(domain, other);
  }
  return join;
}
