// Where a change stands in its source's own log, as Debezium's source block tells it: what tells a redelivered record from a new one.

/**
 * A place in the source's log, printed so that it can be stored. `log` names what must be equal for two places to compare
 * (PostgreSQL `lsn`; MySQL `file` without GTIDs, or one GTID domain or server, `gtid:<domain>`; SQL Server and Db2 `lsn`; Oracle `scn`), `parts` compare
 * one after the other as numbers.
 */
export interface SourceOrder {
  readonly log: string;
  readonly parts: readonly bigint[];
}

/** Negative: a is before b. Null: they stand in different logs and do not compare. */
export function compareOrder(a: SourceOrder, b: SourceOrder): number | null {
  if (a.log !== b.log) return null;
  const length = Math.max(a.parts.length, b.parts.length);
  for (let index = 0; index < length; index++) {
    const [left, right] = [a.parts[index] ?? 0n, b.parts[index] ?? 0n];
    if (left !== right) return left < right ? -1 : 1;
  }
  return 0;
}

/** What the source block says of a place, as far as its connector says it. */
export interface LogPlace {
  /** PostgreSQL `sequence`: a JSON array of the last commit's LSN and this change's. */
  readonly sequence: string | null;
  readonly lsn: bigint | null;
  readonly gtid: string | null;
  readonly file: string | null;
  readonly pos: bigint | null;
  readonly row: bigint | null;
  readonly commitLsn: string | null;
  readonly changeLsn: string | null;
  readonly eventSerialNumber: bigint | null;
  readonly commitScn: string | null;
}

const mariaDbGtid = /^(\d+)-\d+-(\d+)$/;
const mysqlGtid = /^([0-9a-f-]{36}(?::[a-z_][a-z0-9_]*)?):(\d+)$/i;

/** The place of the last commit first, then of the change itself: transactions come whole, in the order of their commits. */
export function postgresOrder({ sequence, lsn }: LogPlace): SourceOrder | null {
  if (lsn === null) return null;
  const lastCommit = /^\[\s*"(\d+)"/.exec(sequence ?? "")?.[1];
  return { log: "lsn", parts: [BigInt(lastCommit ?? 0), lsn] };
}

export function mysqlOrder({ gtid, file, pos, row }: LogPlace): SourceOrder | null {
  if (pos === null) return null;
  const [, domain, sequence] = mariaDbGtid.exec(gtid ?? "") ?? [];
  if (domain !== undefined) return { log: `gtid:${domain}`, parts: [BigInt(sequence ?? 0), pos, row ?? 0n] };
  const [, server, number] = mysqlGtid.exec(gtid ?? "") ?? [];
  if (server !== undefined) return { log: `gtid:${server}`, parts: [BigInt(number ?? 0), pos, row ?? 0n] };
  const fileNumber = /\.(\d+)$/.exec(file ?? "")?.[1];
  return fileNumber === undefined ? null : { log: "file", parts: [BigInt(fileNumber), pos, row ?? 0n] };
}

/** SQL Server and Db2: LSNs are hexadecimal numbers with colons between. */
export function lsnOrder({ commitLsn, changeLsn, eventSerialNumber }: LogPlace): SourceOrder | null {
  if (commitLsn === null || changeLsn === null) return null;
  const parts = [...commitLsn.split(":"), ...changeLsn.split(":")];
  if (!parts.every((part) => /^[0-9a-f]+$/i.test(part))) return null;
  return { log: "lsn", parts: [...parts.map((part) => BigInt(`0x${part}`)), eventSerialNumber ?? 0n] };
}

/**
 * Oracle: the commit's SCN alone. Transactions may share it, and come whole one after the other with SCNs of changes that
 * go back; what has an equal order is applied again, which changes nothing.
 */
export function oracleOrder({ commitScn }: LogPlace): SourceOrder | null {
  const scn = /^\d+/.exec(commitScn ?? "")?.[0];
  return scn === undefined ? null : { log: "scn", parts: [BigInt(scn)] };
}

/**
 * The place of a transaction among all in the order of their commits, from the id in its END (Debezium documentation, "Transaction
 * metadata"): PostgreSQL's ends with the LSN behind the commit, MySQL's is a GTID or a place in the binary log, SQL Server's the
 * commit's LSN. Null: it tells none, as Oracle's.
 */
export function commitOrder(id: string): SourceOrder | null {
  const [, lsn] = /^[1-9]\d*:([1-9]\d*)$/.exec(id) ?? [];
  if (lsn !== undefined) return { log: "lsn", parts: [BigInt(lsn)] };
  const [, file, pos] = /^file=.*\.(\d+),pos=(\d+)$/.exec(id) ?? [];
  if (file !== undefined) return { log: "file", parts: [BigInt(file), BigInt(pos ?? 0)] };
  const [, domain, sequence] = mariaDbGtid.exec(id) ?? [];
  if (domain !== undefined) return { log: `gtid:${domain}`, parts: [BigInt(sequence ?? 0)] };
  const [, server, number] = mysqlGtid.exec(id) ?? [];
  if (server !== undefined) return { log: `gtid:${server}`, parts: [BigInt(number ?? 0)] };
  if (!/^[0-9a-f]{8}:[0-9a-f]{8}:[0-9a-f]{4}$/i.test(id)) return null;
  return { log: "lsn", parts: id.split(":").map((part) => BigInt(`0x${part}`)) };
}
