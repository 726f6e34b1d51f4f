// The queue that hands out jobs, on Redis. The only user of bullmq. Nothing is kept there that cannot be worked out again from the control
// database: a Redis that loses all merely has its jobs added once more. What bullmq promises is weak, so nothing depends on it: a job
// may be done twice, or by two at once (a lock is lost silently when Redis is away); leases in the control database keep such a pair apart.
import { DelayedError, type Job, Queue, Worker } from "bullmq";
import { Redis } from "ioredis";
import type { Micros } from "../../../engine/model/change-message.ts";
import type { ReplicationError } from "../../../engine/model/replication-error.ts";
import type { RedisAddress } from "../../../engine/model/server-address.ts";
import type { Clock } from "../../../engine/ports/clock.ts";
import type { Logger } from "../../../engine/ports/logger.ts";
import type { FleetMetrics } from "../../../engine/ports/metrics.ts";
import type { ComparisonPart } from "../../../engine/ports/reconcile-records.ts";
import { redisOptions } from "./redis-options.ts";
import { RedisProbe } from "./redis-probe.ts";

/** One job, bounded in time. Plain data. */
export type FleetJob = CompareJob | PartJob;

/** One table of a subscription, compared to the end, or split where it is large. */
interface CompareJob {
  readonly kind: "compare";
  readonly subscription: string;
  /** As readers name it. */
  readonly table: string;
  /** Number of the table's run that was the newest when it was made: afterwards there is nothing to do. */
  readonly after: number;
  /** When its copy was noticed not to be what the stream took it to be; null: its time has come. */
  readonly driftedAt: Micros | null;
}

/** One part of a comparison that was split. */
interface PartJob extends Pick<ComparisonPart, "part" | "split"> {
  readonly kind: "part";
  readonly subscription: string;
  readonly table: string;
}

/** The same job has the same id, whoever makes it. A name may hold any character; the queue's ids may not. */
export function idOf(job: FleetJob): string {
  const what = job.kind === "compare" ? [job.after, ...(job.driftedAt === null ? [] : [job.driftedAt])] : [job.split, job.part];
  return [job.kind, job.subscription, job.table, ...what].map((part) => encodeURIComponent(part)).join("/");
}

/** What became of it; with `againMs` it is to be done later, by whoever is free then. */
export interface JobEnd {
  readonly outcome: "done" | "skipped" | "postponed" | "failed";
  readonly againMs: number | null;
}

export type DoJob = (job: FleetJob, signal: AbortSignal) => Promise<JobEnd>;

interface QueueParts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: FleetMetrics;
}

const queueName = "jobs";
/** A job of a worker that died is another's so long after its last word, at most, and a look later. */
const lockMs = 15_000;
const stalledLookMs = 5_000;
/** Dying with a job is no fault of the job's. */
const stalledMax = 1_000_000;
const closeMsMax = 1_000;

export class JobQueue {
  readonly #address: RedisAddress;
  readonly #prefix: string;
  readonly #parts: QueueParts;
  readonly #probe: RedisProbe;
  /** Jobs at work here, by id. */
  readonly #working = new Map<string, AbortController>();
  #queue: Queue<FleetJob> | null = null;
  #worker: { readonly worker: Worker<FleetJob>; readonly connection: Redis } | null = null;
  #doJob: DoJob | null = null;
  #problem: ReplicationError | null = null;
  #since: Micros = 0;
  #closed = false;

  constructor(address: RedisAddress, fleet: string, parts: QueueParts) {
    this.#address = address;
    this.#prefix = `dongbo:${fleet}`;
    this.#parts = parts;
    this.#probe = new RedisProbe(address);
  }

  /** Why no jobs are handed out, and since when; null: nothing is known to be wrong. */
  get problem(): ReplicationError | null {
    return this.#problem;
  }

  get since(): Micros {
    return this.#since;
  }

  /** From now on jobs are done here, one at a time, whenever there are some. */
  work(doJob: DoJob): void {
    this.#doJob = doJob;
    this.#settle();
  }

  /** Sees whether Redis is there; to be called every few seconds. Never rejects. */
  async look(): Promise<void> {
    const { logger, metrics, clock } = this.#parts;
    const found = await this.#probe.ask();
    if (this.#closed) return;
    if (found !== null && this.#problem?.code !== found.code) {
      this.#since = clock.now();
      logger.warn("no jobs are handed out, streaming goes on", { code: found.code, problem: found.message });
    }
    if (found === null && this.#problem !== null) {
      logger.info("jobs are handed out again");
      // A client that has lived through an outage is not trusted to fetch jobs again: another takes its place once it is idle.
      if (this.#working.size === 0) await this.#stopWorking();
    }
    this.#problem = found;
    metrics.queueConnected(found === null);
    this.#settle();
  }

  /** The same job twice is one job while it waits or is at work. Rejects when Redis is away. */
  async add(jobs: readonly FleetJob[]): Promise<void> {
    if (this.#problem !== null || this.#closed || jobs.length === 0) return;
    this.#queue ??= this.#open();
    const removed = { removeOnComplete: true, removeOnFail: true };
    await this.#queue.addBulk(jobs.map((job) => ({ name: job.kind, data: job, opts: { jobId: idOf(job), ...removed } })));
  }

  /** Jobs that are at work here are told to stop, and are another's later. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#stopWorking();
    this.#probe.close();
  }

  #open(): Queue<FleetJob> {
    const queue = new Queue<FleetJob>(queueName, {
      connection: this.#probe.client,
      prefix: this.#prefix,
      skipVersionCheck: true,
      skipWaitingForReady: true,
      skipMetasUpdate: true,
    });
    queue.on("error", () => {});
    return queue;
  }

  /** A worker where there can and should be one. */
  #settle(): void {
    if (this.#worker !== null || this.#doJob === null || this.#problem !== null || this.#closed) return;
    const connection = new Redis({ ...redisOptions(this.#address), maxRetriesPerRequest: null });
    connection.on("error", () => {});
    const worker = new Worker<FleetJob>(queueName, (job, token) => this.#perform(job, token), {
      connection,
      prefix: this.#prefix,
      concurrency: 1,
      lockDuration: lockMs,
      stalledInterval: stalledLookMs,
      maxStalledCount: stalledMax,
      skipVersionCheck: true,
      removeOnComplete: { count: 0 },
      removeOnFail: { count: 0 },
    });
    worker.on("error", (error) => this.#parts.logger.debug("the job queue complains", { problem: error.message }));
    // Somebody else may have the job now, or the queue has forgotten it.
    worker.on("lockRenewalFailed", (ids) => {
      for (const id of ids) this.#working.get(id)?.abort();
    });
    this.#worker = { worker, connection };
  }

  async #perform(job: Job<FleetJob>, token: string | undefined): Promise<void> {
    const { metrics, logger } = this.#parts;
    const stop = new AbortController();
    const id = job.id ?? "";
    this.#working.set(id, stop);
    try {
      const { outcome, againMs } = await (this.#doJob as DoJob)(job.data, stop.signal);
      if (againMs !== null) await job.moveToDelayed(Date.now() + againMs, token);
      metrics.job(job.data.kind, outcome);
      if (againMs === null) return;
    } catch (error) {
      metrics.job(job.data.kind, stop.signal.aborted ? "lost" : "failed");
      logger.warn("a job was not finished", { job: id, problem: (error as Error).message });
      throw error;
    } finally {
      this.#working.delete(id);
    }
    throw new DelayedError();
  }

  async #stopWorking(): Promise<void> {
    for (const stop of this.#working.values()) stop.abort();
    const at = this.#worker;
    this.#worker = null;
    if (at === null) return;
    // What was stopped is handed back to the queue; a Redis that does not answer is not waited for.
    await Promise.race([at.worker.close().catch(() => {}), this.#parts.clock.sleep(closeMsMax)]);
    at.connection.disconnect();
  }
}
