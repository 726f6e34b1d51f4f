// When the connector was last heard of, as its heartbeat topic tells without following it: for people who look, not for clocks of
// copies, which trust a heartbeat only when another has come after it.
import type { Micros } from "../../engine/model/change-message.ts";
import { ReplicationError } from "../../engine/model/replication-error.ts";
import type { RecordDecoder } from "./decode/change-event.ts";
import type { KafkaClient } from "./kafka/kafka-client.ts";

export interface Heartbeats {
  /** The connector's clock in its newest heartbeat; null: there is none. */
  readonly newest: Micros | null;
  /** Between the last two; null: there are no two. */
  readonly interval: Micros | null;
}

export const noHeartbeats: Heartbeats = { newest: null, interval: null };

/** What the topic's newest records tell; none where there is no such topic. */
export async function readHeartbeats(client: KafkaClient, decoder: RecordDecoder, topic: string): Promise<Heartbeats> {
  const records = await client.lastRecords(topic, 2);
  await decoder.prepare(records);
  const beats = records
    .flatMap((record) => {
      const event = decoder.decode(record);
      return event.kind === "heartbeat" ? [event.processedAt] : [];
    })
    .toSorted((a, b) => b - a);
  const [newest = null, before] = beats;
  return { newest, interval: newest === null || before === undefined ? null : newest - before };
}

/** Beats that may be missing before anybody calls it silence. */
const beatsLate = 3;
/** The connectors of MySQL and MariaDB beat only every 48 s, as they come, once their master has nothing to tell. */
const graceMaxMicros = 60_000_000;

/**
 * For how long the connector has said nothing although it should have; null: it is not silent, or nobody can tell.
 * `validitySeconds`: the shortest of the shares' validity periods, for which silence must not go unnoticed.
 */
export function silence({ newest, interval }: Heartbeats, validitySeconds: number, now: Micros): Micros | null {
  if (newest === null || interval === null) return null;
  const grace = Math.min(graceMaxMicros, validitySeconds * 500_000);
  return now - newest > beatsLate * interval + grace ? now - newest : null;
}

export function silentConnector(source: string, { interval }: Heartbeats, silent: Micros): ReplicationError {
  const cause = `the connector's newest heartbeat is ${printSeconds(silent)} old; they came every ${printSeconds(interval ?? 0)} before: it is down, makes a snapshot, or waits for the master`;
  return new ReplicationError("DB-KAF-143", { subject: source, cause });
}

function printSeconds(micros: Micros): string {
  const seconds = micros / 1_000_000;
  return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
}
