// The servers of a session: a broker, and one PostgreSQL for every copy, whoever writes it.
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EmbeddedKafka } from "../../deploy/embedded/kafka-broker.ts";
import { EmbeddedPostgres } from "../../deploy/embedded/postgres-server.ts";
import { serverSeconds } from "../suite/process-usage.ts";
import type { Point } from "../suite/workload.ts";

/** What one reader of the topic needed; processor time and memory are those of the whole reading process. */
export interface Run {
  /** Its start included. */
  readonly wholeSeconds: number;
  /** Without it. */
  readonly workSeconds: number;
  readonly cpuSeconds: number;
  /** Largest resident memory, MB. */
  readonly peakMb: number;
  /** Resident memory over time, MB; empty where it was not looked at. */
  readonly memory: readonly Point[];
  /** Processor time of the copies' server meanwhile. */
  readonly serverCpuSeconds: number;
}

export class Stand implements AsyncDisposable {
  readonly folder: string;
  readonly broker: EmbeddedKafka;
  readonly copies: EmbeddedPostgres;

  private constructor(folder: string, broker: EmbeddedKafka, copies: EmbeddedPostgres) {
    this.folder = folder;
    this.broker = broker;
    this.copies = copies;
  }

  static async start(): Promise<Stand> {
    const folder = mkdtempSync(join(tmpdir(), "dongbo-bench-"));
    chmodSync(folder, 0o711);
    const broker = await EmbeddedKafka.start({ dataDir: join(folder, "kafka"), jvmOptions: ["-Xmx1g"] });
    const settings = { shared_buffers: "512MB", max_wal_size: "4GB", max_connections: 200 };
    const copies = await EmbeddedPostgres.start({ dataDir: join(folder, "copies"), settings });
    await copies.query("CREATE ROLE dongbo LOGIN");
    return new Stand(folder, broker, copies);
  }

  async createDatabases(...names: readonly string[]): Promise<void> {
    for (const name of names) await this.copies.query(`CREATE DATABASE ${name} OWNER dongbo`);
  }

  async dropDatabases(...names: readonly string[]): Promise<void> {
    for (const name of names) await this.copies.query(`DROP DATABASE ${name} WITH (FORCE)`);
  }

  /** Adds what the copies' server spends; what earlier runs have left it to write is written before. */
  async measure(work: () => Promise<Omit<Run, "serverCpuSeconds">>): Promise<Run> {
    await this.copies.query("CHECKPOINT");
    const before = serverSeconds(this.#serverPid);
    const run = await work();
    return { ...run, serverCpuSeconds: serverSeconds(this.#serverPid) - before };
  }

  async version(): Promise<string> {
    const [row] = await this.copies.query("SHOW server_version");
    return String(row?.["server_version"]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.broker.destroy();
    await this.copies.destroy();
    rmSync(this.folder, { recursive: true, force: true });
  }

  get #serverPid(): number {
    const { pid } = this.copies;
    if (pid === null) throw new Error("the copies' server has ended");
    return pid;
  }
}
