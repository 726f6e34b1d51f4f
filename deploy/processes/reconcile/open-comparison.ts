// The two sides of one copy's comparison, opened as the configuration says.
import type { SourceConfiguration, TargetConfiguration } from "../../../engine/config/configuration.ts";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import type { PositionOrder } from "../../../engine/model/position.ts";
import type { ServerAddress } from "../../../engine/model/server-address.ts";
import type { TableMapping } from "../../../engine/model/share.ts";
import { printTable } from "../../../engine/model/table.ts";
import { comparedCopy } from "../../../mappings/compared-columns.ts";
import { sentCopy } from "../../../mappings/sent-columns.ts";
import { refuseSkippedKey } from "../../../reconcilers/compare-table.ts";
import type { ComparisonParts } from "../../../reconcilers/comparison-parts.ts";
import { pacedCopy, pacedMaster } from "../../../reconcilers/paced-tables.ts";
import { openCopyTable, openMasterTable } from "../connections.ts";
import { contractText } from "../copy-contract.ts";
import { openMaster, openSentTopic } from "../debezium-connections.ts";
import { atMaster, copyByClock, masterByClock, timePositions } from "./by-clock.ts";
import { SentTable } from "./sent-table.ts";

export interface ComparisonRequest {
  readonly source: SourceConfiguration;
  readonly target: TargetConfiguration;
  /** The whole's id. */
  readonly subscription: string;
  readonly table: TableMapping;
  readonly positions: PositionOrder;
}

type Around = Pick<ComparisonParts, "clock" | "limits" | "mayRead" | "hurry" | "range" | "resume" | "progressed">;

/** To be disposed of: both sides keep a session. */
export interface OpenComparison extends AsyncDisposable {
  readonly parts: ComparisonParts;
  /** sent: nobody may ask the master, and what its topic says was sent is in its place. */
  readonly against: "master" | "sent";
}

/** Throws DB-REC-013 for what cannot be compared, and what describing the table at a Debezium source's master throws. */
export async function openComparison(request: ComparisonRequest, around: Around, signal: AbortSignal): Promise<OpenComparison> {
  const { source, target, subscription, table, positions } = request;
  const subject = `${subscription} ${printTable(table.target)}`;
  if (target.connector === "kafka") throw new ReplicationError("DB-REC-013", { subject });
  const contract = contractText(table);
  if (source.connector !== "debezium") {
    const compared = comparedCopy(table, target.connector);
    const master = openMasterTable(source, compared);
    const copy = openCopyTable(target, { copy: compared, subscription, positions });
    return opened({ compared, master, copy, positions, contract, ...around }, "master", signal);
  }
  const { master: address } = source.debezium;
  if (address === null) {
    const compared = sentCopy(comparedCopy(table, target.connector), target.connector);
    refuseSkippedKey(compared);
    const topic = openSentTopic(source, table.source);
    const master = new SentTable({ ...topic, copy: compared, signal });
    const copy = openCopyTable(target, { copy: compared, subscription, positions: topic.positions });
    return opened({ compared, master, copy, positions: topic.positions, contract, ...around }, "sent", signal);
  }
  const compared = comparedCopy(await describedAtMaster(address, table), target.connector);
  const master = masterByClock(openMasterTable({ connector: address.kind, address }, compared));
  const copy = copyByClock(openCopyTable(target, { copy: compared, subscription, positions }));
  return opened({ compared, master, copy, positions: timePositions, contract, ...around }, "master", signal);
}

function opened(parts: ComparisonParts, against: OpenComparison["against"], signal: AbortSignal): OpenComparison {
  const pace = { clock: parts.clock, share: parts.limits.share, signal };
  return {
    parts: { ...parts, master: pacedMaster(parts.master, pace), copy: pacedCopy(parts.copy, pace) },
    against,
    [Symbol.asyncDispose]: async () => {
      await Promise.all([parts.master.close(), parts.copy.close()]);
    },
  };
}

async function describedAtMaster(address: ServerAddress, table: TableMapping): Promise<TableMapping> {
  const catalog = openMaster(address, 1);
  try {
    const [found] = await catalog.describe([table.source]);
    if (found === undefined) throw new ReplicationError("DB-MAP-030", { subject: printTable(table.source) });
    return atMaster(table, found);
  } finally {
    await catalog.close();
  }
}
