// The bare replication protocol, as pg_recvlogical reads it: frames are told apart, their content is not looked at beyond its kind.
import { ReplicationConnection } from "../../connectors/postgres/capture/replication-connection.ts";
import { encodeStandbyStatus } from "../../connectors/postgres/capture/standby-status.ts";
import { connectPostgres } from "../../connectors/postgres/postgres-client.ts";
import { invalidLsn, parseLsn } from "../../connectors/postgres/lsn.ts";
import { quoteIdentifier } from "../../connectors/postgres/quote.ts";
import type { PostgresSourceConfiguration } from "../../engine/config/configuration.ts";
import type { StageUsage } from "./stage.ts";
import { Stopwatch } from "./stopwatch.ts";

/** First byte of what CopyData carries; data then has start, end and clock before the plugin's own message. */
const content = { data: 0x77, keepalive: 0x6b } as const;
const startAt = 1;
const messageAt = 25;
/** First letter of pgoutput's messages. */
const commit = "C".charCodeAt(0);
const rows = new Set(["I", "U", "D"].map((letter) => letter.charCodeAt(0)));

/**
 * A reader that is faster than the server is woken for almost every message, which costs both of them more than the reading does:
 * 24 MB in 25,000 reads, where one that has work to do takes 400. So after less than this, bytes, it lets the socket fill.
 */
const shortRead = 32 * 1024;
const gatherMs = 1;

/** Reads from where the slot stands to the first commit after `end`, and acknowledges nothing. */
export async function readRaw({ address, publication }: PostgresSourceConfiguration, slot: string, end: string): Promise<StageUsage> {
  const connection = new ReplicationConnection(await connectPostgres(address, { role: "bench", replication: true }), slot);
  const last = parseLsn(end);
  let transactions = 0;
  let changes = 0;
  const options = `proto_version '3', publication_names '${quoteIdentifier(publication)}', messages 'false'`;
  let stopwatch = new Stopwatch();
  const read = new Promise<void>((resolve, reject) => {
    const begun = connection.start(`START_REPLICATION SLOT ${quoteIdentifier(slot)} LOGICAL 0/0 (${options})`, {
      copyData: (bytes, from, to) => {
        if (bytes[from] === content.keepalive && bytes[to - 1] === 1) connection.write(alive());
        if (bytes[from] !== content.data) return;
        const kind = bytes[from + messageAt] ?? 0;
        if (rows.has(kind)) changes += 1;
        if (kind !== commit) return;
        transactions += 1;
        if (bytes.readBigUInt64BE(from + startAt) > last) resolve();
      },
      readEnded: (bytes) => {
        if (bytes >= shortRead) return;
        connection.pause();
        setTimeout(() => connection.resume(), gatherMs);
      },
      ended: (error) => reject(error instanceof Error ? error : new Error("the server has ended the stream")),
    });
    begun.then(() => (stopwatch = new Stopwatch()), reject);
  });
  await read;
  const usage = stopwatch.read();
  connection.destroy();
  return { ...usage, transactions, changes };
}

function alive(): Buffer {
  return encodeStandbyStatus({ acknowledged: invalidLsn, at: BigInt(Date.now()) * 1000n, replyRequested: false });
}
