// Loads of one source: first loads, joining, re-syncs and growing filters, each table read once for all who wait for it.
import type { Key } from "../model/row.ts";
import type { TableMapping } from "../model/share.ts";
import { tableKey } from "../model/table.ts";
import type { Lane } from "../pipeline/lane.ts";
import type { MappedChange, SnapshotMember, SnapshotRouter } from "../ports/change-mapper.ts";
import type { Clock } from "../ports/clock.ts";
import type { Logger } from "../ports/logger.ts";
import type { RowsAnswer, RowsRequest, SnapshotSource, SnapshotVisibility } from "../ports/snapshot-source.ts";
import type { CatalogTable } from "../model/table.ts";
import { asReplicationError } from "../fleet/retry-policy.ts";
import { ChunkWindow } from "./chunk-window.ts";
import { type LoadMember, memberKey } from "./load-member.ts";
import { rangeComplete } from "./load-progress.ts";
import { type ScanProblem, TableScan } from "./table-scan.ts";
import { UnsettledTransactions } from "./unsettled-transactions.ts";

export interface LoadParts {
  readonly snapshot: SnapshotSource;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Chunks read at the same time. */
  readonly parallel: number;
  /** Runs something between two source transactions, so that it has a place in every lane's order. */
  readonly atBoundary: (action: () => void) => Promise<void>;
  /** False while subscriptions are still on their way to a load: a scan waits a little so that they can share it. */
  readonly gathered: () => boolean;
  readonly router: (table: CatalogTable, columns: readonly string[], members: readonly SnapshotMember[]) => SnapshotRouter;
  /** Throws when the server that answers is not the one whose log is streamed. */
  readonly verifyServer: () => Promise<void>;
}

/** Smaller tables are read in one range. */
const splitBytesMin = 64 * 1024 * 1024;
/** How long a scan waits at most for subscriptions that are still on their way. */
const gatherMsMax = 3_000;
/** How long it is waited at most before a read that came too soon is made again. */
const unseenPauseMsMax = 500;

export class LoadCoordinator {
  readonly #parts: LoadParts;
  #unsettled = new UnsettledTransactions();
  readonly #windows = new Set<ChunkWindow<string>>();
  #waiting: LoadMember[] = [];
  #scans = new Map<TableScan, AbortController>();
  readonly #cuts = new Map<string, { readonly at: number; readonly keys: Promise<readonly Key[]> }>();
  #busyChunks = 0;
  #freed: (() => void)[] = [];

  constructor(parts: LoadParts) {
    this.#parts = parts;
  }

  /** A copy needs rows, from the beginning or from where an earlier process stopped. */
  add(member: LoadMember): void {
    if (member.progress.ranges.every(rangeComplete)) return;
    this.#waiting.push(member);
    void this.#schedule();
  }

  /** Keys that cut the table for loading; the same for all who ask at about the same time, so that they can share a scan. */
  async cuts(mapping: TableMapping, parts: number): Promise<readonly Key[]> {
    if (mapping.catalog.estimatedBytes < splitBytesMin || parts < 2) return [];
    const name = `${tableKey(mapping.source)} ${JSON.stringify(mapping.key)}`;
    const now = this.#parts.clock.monotonicMs();
    const known = this.#cuts.get(name);
    if (known !== undefined && now - known.at < gatherMsMax * 2) return known.keys;
    const keys = this.#parts.snapshot.splitKeys(mapping.catalog, mapping.key, parts);
    this.#cuts.set(name, { at: now, keys });
    return keys;
  }

  /** The subscription takes no part any more. */
  remove(lane: Lane): void {
    this.#waiting = this.#waiting.filter((member) => member.lane !== lane);
    for (const scan of this.#scans.keys()) scan.leave(lane);
  }

  /** What keeps rows of the subscription's loads from being read; null: nothing known. */
  problem(lane: Lane): ScanProblem | null {
    for (const scan of this.#scans.keys()) if (scan.problem !== null && scan.serves(lane)) return scan.problem;
    return null;
  }

  /** The stream is read again: chunks under way lose their place in it. Whoever still needs rows is added anew. */
  reset(): void {
    this.#waiting = [];
    this.#windows.clear();
    for (const abort of this.#scans.values()) abort.abort();
    this.#scans.clear();
  }

  /** From the router: a change on its way to a copy. */
  observe(lane: Lane, table: number, transactionId: string, change: MappedChange): void {
    if (this.#windows.size === 0) return;
    const member = memberKey(lane, table);
    for (const window of this.#windows) window.observe(member, transactionId, change);
  }

  /** From the router: a transaction comes. */
  brought(transactionId: string): void {
    this.#unsettled.brought(transactionId);
  }

  /**
   * Rows as they are at the source now. A read that has not seen all that the stream has brought is made again: what it lacks would
   * not come a second time.
   */
  async readRows(request: RowsRequest, signal: AbortSignal): Promise<RowsAnswer> {
    const { snapshot, clock } = this.#parts;
    const unsettled = this.#unsettled;
    const brought = unsettled.current();
    for (let pauseMs = 5; ; pauseMs = Math.min(2 * pauseMs, unseenPauseMsMax)) {
      const answer = await snapshot.readRows(request);
      unsettled.settle(answer.visibility);
      if (brought.every((id) => answer.visibility.sees(id)) || unsettled !== this.#unsettled) return answer;
      await clock.sleep(pauseMs, signal);
      signal.throwIfAborted();
    }
  }

  /** The log is another one: what was brought from the one before may never be seen. */
  forgetLog(): void {
    this.#unsettled = new UnsettledTransactions();
  }

  /** From the heartbeat: what a reader sees now. */
  settle(visibility: SnapshotVisibility): void {
    this.#unsettled.settle(visibility);
  }

  async #schedule(): Promise<void> {
    const { clock, gathered } = this.#parts;
    const deadline = clock.monotonicMs() + gatherMsMax;
    while (!gathered() && clock.monotonicMs() < deadline) await clock.sleep(20);
    while (this.#waiting.length > 0) {
      const members = this.#nextGroup();
      const scan = new TableScan(members, this.#scanParts());
      void this.#run(scan);
    }
  }

  /** The longest waiting member, and all who want the same ranges of the same table. */
  #nextGroup(): LoadMember[] {
    const first = this.#waiting[0] as LoadMember;
    const shape = groupKey(first);
    const group = this.#waiting.filter((member) => groupKey(member) === shape);
    this.#waiting = this.#waiting.filter((member) => !group.includes(member));
    return group;
  }

  async #run(scan: TableScan): Promise<void> {
    const abort = new AbortController();
    this.#scans.set(scan, abort);
    const { clock, logger } = this.#parts;
    for (let failures = 0; !abort.signal.aborted; failures++) {
      try {
        await scan.run(abort.signal);
        break;
      } catch (error) {
        // Nobody waits for it any more.
        if (abort.signal.aborted) break;
        const problem = asReplicationError(error, scan.name);
        scan.failed(problem);
        logger.warn("snapshot retries", { table: scan.name, code: problem.code, problem: problem.message });
        await clock.sleep(Math.min(15_000, 250 * 2 ** Math.min(failures, 6)), abort.signal);
      }
    }
    this.#scans.delete(scan);
  }

  #scanParts(): ConstructorParameters<typeof TableScan>[1] {
    const { snapshot, clock, atBoundary, router, verifyServer } = this.#parts;
    return {
      snapshot,
      verifyServer,
      clock,
      atBoundary,
      router,
      openWindow: (members) => {
        const window = new ChunkWindow(members);
        this.#windows.add(window);
        return window;
      },
      closeWindow: (window) => this.#windows.delete(window),
      unsettled: this.#unsettled,
      takeTurn: (signal) => this.#takeTurn(signal),
      endTurn: () => {
        this.#busyChunks -= 1;
        this.#freed.shift()?.();
      },
      parallel: this.#parts.parallel,
    };
  }

  /** Waits until fewer than `parallel` chunks are being read, all scans together. */
  async #takeTurn(signal: AbortSignal): Promise<void> {
    while (this.#busyChunks >= this.#parts.parallel && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const go = (): void => {
          signal.removeEventListener("abort", go);
          resolve();
        };
        this.#freed.push(go);
        signal.addEventListener("abort", go);
      });
    }
    this.#busyChunks += 1;
  }
}

function groupKey(member: LoadMember): string {
  return `${tableKey(member.mapping.source)} ${JSON.stringify(member.mapping.key)} ${JSON.stringify(member.progress.ranges)}`;
}
