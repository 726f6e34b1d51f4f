// What keeps a source from giving its subscriptions what they lack: judged from what source and targets say of themselves, so
// that `status` knows it also where no engine runs, and while a running one merely tries again. Pure.
import { type Heartbeats, silence, silentConnector } from "../../connectors/debezium/heartbeats.ts";
import type { ShareConfiguration, SourceConfiguration } from "../../engine/config/configuration.ts";
import { ReplicationError } from "../../engine/model/replication-error.ts";
import type { StoppedTable } from "../../engine/model/share.ts";
import { printTable } from "../../engine/model/table.ts";
import { lostReservation, verifyEnd, verifyPlace } from "../../engine/pipeline/admission.ts";
import type { Position, PositionOrder } from "../../engine/model/position.ts";
import type { SourceReservation } from "../../engine/ports/change-source.ts";
import type { CopyRecord } from "../../engine/ports/target-records.ts";

/** What a source says of itself. */
export interface SourceObservation {
  /** Which server answers. */
  readonly identity: string;
  /** Null: it keeps nothing for us. */
  readonly reservation: SourceReservation | null;
  /** Where the log ends, of a source that keeps it by a rule of its own; null: not asked. */
  readonly end: Position | null;
  readonly positions: PositionOrder;
  /** What a Debezium connector's heartbeats tell; null: the source is asked itself. */
  readonly heartbeats: Heartbeats | null;
  /** By subscription: tables that its catalogue or its publication does not give as they are wanted. */
  readonly withheld: ReadonlyMap<string, readonly StoppedTable[]>;
}

/** One subscription as its target and the control database know it. */
export interface SupplyFacts {
  readonly id: string;
  readonly share: ShareConfiguration;
  /** Its copies; empty where its target holds none, or cannot be asked. */
  readonly copies: readonly CopyRecord[];
  readonly parked: boolean;
  /** An engine runs: what it needs must be there, also for what has never been loaded. */
  readonly engineRuns: boolean;
  readonly at: Date;
}

/** What concerns all subscriptions of the source alike; null: nothing known. */
export function sourceTrouble(
  source: SourceConfiguration,
  seen: SourceObservation | ReplicationError,
  supplied: readonly SupplyFacts[],
): ReplicationError | null {
  if (seen instanceof ReplicationError) return seen;
  const wanted = supplied.filter(isWanted);
  const places = wanted.flatMap(placesOf);
  if (seen.reservation === null && places.length > 0) {
    const known = places.find(({ sourceIdentity }) => sourceIdentity !== seen.identity) ?? places[0];
    const what = source.connector === "postgres" ? `replication slot ${source.slot}` : `log of ${source.id}`;
    return lostReservation(what, known?.sourceIdentity ?? null, seen.identity);
  }
  return wanted.map((facts) => withheld(facts, seen)).find((error) => error?.code === "DB-SLOT-007") ?? null;
}

/** Why clocks stand still although nothing keeps the copies from being supplied; null: the connector is heard of. */
export function connectorTrouble(source: string, seen: SourceObservation, at: Date, validitySeconds: number): ReplicationError | null {
  if (seen.heartbeats === null) return null;
  const silent = silence(seen.heartbeats, validitySeconds, at.getTime() * 1000);
  return silent === null ? null : silentConnector(source, seen.heartbeats, silent);
}

/** What keeps one subscription from being supplied, when the source as a whole is well. */
export function supplyTrouble(facts: SupplyFacts, seen: SourceObservation): ReplicationError | null {
  if (!isWanted(facts)) return null;
  const refused = withheld(facts, seen);
  if (refused !== null) return refused;
  for (const { id, position, sourceIdentity } of placesOf(facts)) {
    if (seen.reservation === null) return null;
    try {
      const stored = { position: seen.positions.parse(position), sourceIdentity };
      const verified = verifyPlace(id, stored, seen.reservation, seen.positions);
      if (seen.end !== null) verifyEnd(id, verified, seen.end, seen.positions);
    } catch (error) {
      if (error instanceof ReplicationError) return error;
      throw error;
    }
  }
  return null;
}

/** Nobody supplies what is outside its agreement's term, or was withdrawn. */
function isWanted({ share: { agreement }, copies, at }: SupplyFacts): boolean {
  const inTerm = agreement.from <= at && (agreement.to === null || at < agreement.to);
  return inTerm && copies.every((copy) => copy.shareState !== "TERMINATED");
}

/** Where it, or each of its slices, must go on in the source's log; what is not among them starts anew. */
function placesOf({
  id,
  copies,
  parked,
}: SupplyFacts): { readonly id: string; readonly position: string; readonly sourceIdentity: string | null }[] {
  const [first] = copies;
  if (parked || first === undefined) return [];
  const parts = first.slices.length === 0 ? [{ ...first, id }] : first.slices;
  return parts.flatMap(({ id: part, position, sourceIdentity }) => (position === null ? [] : [{ id: part, position, sourceIdentity }]));
}

/**
 * What stands in a table's way and is not written down with its copy yet. A table that was never loaded may still be
 * published, by dongbo itself, when the configuration is applied.
 */
function withheld({ id, copies, engineRuns }: SupplyFacts, seen: SourceObservation): ReplicationError | null {
  const runs = (target: string): boolean => copies.some((copy) => copy.table === target && copy.stopped === null);
  const tables = seen.withheld.get(id) ?? [];
  const found = tables.find(({ target }) => (copies.length === 0 ? engineRuns : runs(printTable(target))));
  return found?.reason ?? null;
}
