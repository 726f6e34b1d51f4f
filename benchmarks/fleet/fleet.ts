// One fleet: its workers, with empty copies of their own of some of the stand's masters, until it is disposed of.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { stringify } from "yaml";
import { runDongbo } from "../../deploy/processes/cli.ts";
import { exitCode } from "../../deploy/processes/terminal.ts";
import { EngineProcess } from "../stands/engine-process.ts";
import { copyTable } from "../stands/installation.ts";
import { citizenColumns, digestSql } from "../stands/register-sql.ts";
import type { FleetStand } from "./fleet-stand.ts";

export interface FleetOptions {
  /** Databases of the masters, one source each. */
  readonly masters: readonly string[];
  readonly workers: number;
}

/** Parts of a comparison that is shared. */
const comparisonParts = 8;
const patienceMs = 600_000;
/** Each look is a connection, which costs the machine that is measured. */
const lookMs = 100;
let fleets = 0;

export class Fleet implements AsyncDisposable {
  readonly #stand: FleetStand;
  readonly #options: FleetOptions;
  /** Begins the names of its databases. */
  readonly #name = `dongbo_fleet${++fleets}`;
  #workers: readonly EngineProcess[] = [];
  #marks = 0;

  private constructor(stand: FleetStand, options: FleetOptions) {
    this.#stand = stand;
    this.#options = options;
  }

  /** Every copy is loaded once, and the sources are spread over the workers as evenly as can be. */
  static async start(stand: FleetStand, options: FleetOptions): Promise<Fleet> {
    const fleet = new Fleet(stand, options);
    for (const database of fleet.#databases) await stand.stand.target.query(`CREATE DATABASE ${database} OWNER dongbo`);
    mkdirSync(fleet.#home);
    await fleet.#startWorkers(null);
    await fleet.#reached();
    await fleet.#spread();
    return fleet;
  }

  /** Seconds until empty copies hold all again. */
  async load(): Promise<number> {
    for (const copy of this.#copies) await this.#stand.stand.target.query(`TRUNCATE ${copyTable}`, copy);
    await this.#stand.stand.checkpoint();
    const startedMs = performance.now();
    for (const master of this.#options.masters) await this.#command("resync", `${master}/${master}`);
    const sql = `SELECT bool_and(usable) AND EXISTS (SELECT 1 FROM ${copyTable}) AS done FROM dongbo.status`;
    await this.#untilCopies("copies to be loaded", (copy) => this.#holds(copy, sql));
    const seconds = (performance.now() - startedMs) / 1_000;
    await this.#verify();
    return seconds;
  }

  /** Seconds that the workers take for so many changes at each master, which were made while they stood still. */
  async catchUp(changes: number): Promise<number> {
    const { source } = this.#stand.stand;
    for (const worker of this.#workers) worker.signal("SIGSTOP");
    for (const master of this.#options.masters) await source.query(`CALL public.change(${Math.ceil(changes / 10)}, 10, 0)`, master);
    const mark = await this.#mark();
    await this.#stand.stand.checkpoint();
    const startedMs = performance.now();
    for (const worker of this.#workers) worker.signal("SIGCONT");
    await this.#reached(mark);
    const seconds = (performance.now() - startedMs) / 1_000;
    await this.#verify();
    return seconds;
  }

  /** Starts the workers anew, to compare again and again, in parts. */
  async compareInTime(): Promise<void> {
    await this.#stopWorkers();
    await this.#startWorkers({ every: "PT1S" });
    await this.#spread();
  }

  /** Seconds of the second comparison, as it is on record: the first one may have met workers that were not there yet. */
  async comparison(): Promise<number> {
    const sql = "SELECT record FROM dongbo_control.reconcile_run ORDER BY id";
    const found = await this.#until("two comparisons", async () => {
      const rows = await this.#stand.stand.target.query(sql, this.#control);
      return rows.length < 2 ? null : rows[1];
    });
    const record = JSON.parse(String(found["record"])) as { verdict: string; started_at: string; ended_at: string };
    if (record.verdict !== "equal") throw new Error(`a copy that is equal was found to be ${record.verdict}`);
    return (Date.parse(record.ended_at) - Date.parse(record.started_at)) / 1_000;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stopWorkers();
    const { source, target } = this.#stand.stand;
    for (const master of this.#options.masters) await source.query(`SELECT pg_drop_replication_slot('dongbo_${master}')`, master);
    for (const database of this.#databases) await target.query(`DROP DATABASE ${database} WITH (FORCE)`);
  }

  async #startWorkers(reconcile: object | null): Promise<void> {
    writeFileSync(this.#file, stringify(this.#content(reconcile)));
    const start = {
      home: this.#home,
      environment: this.#environment,
      command: "worker",
      options: ["--listen", "off"],
      nodeOptions: [],
    } as const;
    this.#workers = Array.from({ length: this.#options.workers }, () => new EngineProcess(start));
    await Promise.all(this.#workers.map((worker) => worker.tells("dongbo runs")));
  }

  async #stopWorkers(): Promise<void> {
    const workers = this.#workers;
    this.#workers = [];
    await Promise.all(workers.map((worker) => worker.stop()));
  }

  /** Until the leases say so, and every copy has come forward since. */
  async #spread(): Promise<void> {
    const { masters, workers } = this.#options;
    const sql = `SELECT count(*) AS n FROM dongbo_control.lease WHERE kind = 'source' AND worker IS NOT NULL GROUP BY worker`;
    const [fewest, most] = [Math.floor(masters.length / workers), Math.ceil(masters.length / workers)];
    await this.#until("the sources to be spread", async () => {
      const owned = (await this.#stand.stand.target.query(sql, this.#control)).map((row) => Number(row["n"]));
      const all = owned.reduce((sum, each) => sum + each, 0) === masters.length;
      return all && owned.length === Math.min(workers, masters.length) && owned.every((each) => each >= fewest && each <= most)
        ? true
        : null;
    });
    await this.#reached();
  }

  async #mark(): Promise<string> {
    const mark = `dấu ${++this.#marks}`;
    for (const master of this.#options.masters) {
      await this.#stand.stand.source.query(`UPDATE public.citizen SET note = '${mark}' WHERE id = 1`, master);
    }
    return mark;
  }

  /** Every copy holds what its master held at the mark. */
  async #reached(mark?: string): Promise<void> {
    const wanted = mark ?? (await this.#mark());
    const sql = `SELECT EXISTS (SELECT 1 FROM ${copyTable} WHERE id = 1 AND note = '${wanted}') AND bool_and(usable) AS done FROM dongbo.status`;
    await this.#untilCopies("copies to come forward", (copy) => this.#holds(copy, sql));
  }

  /** Throws when a copy is not equal to its master: then its figure is none. */
  async #verify(): Promise<void> {
    const { stand } = this.#stand;
    for (const master of this.#options.masters) {
      const due = await stand.digest(stand.source, digestSql("public.citizen", citizenColumns), master);
      const held = await stand.digest(stand.target, digestSql(copyTable, citizenColumns), this.#copyOf(master));
      if (due !== held) throw new Error(`the copy of ${master} is not equal to it: ${held} instead of ${due}`);
    }
  }

  async #holds(copy: string, sql: string): Promise<true | null> {
    const rows = await this.#stand.stand.target.query(sql, copy).catch(() => []);
    return rows[0]?.["done"] === true ? true : null;
  }

  async #untilCopies(what: string, holds: (copy: string) => Promise<true | null>): Promise<void> {
    await Promise.all(this.#copies.map((copy) => this.#until(`${what}: ${copy}`, () => holds(copy))));
  }

  async #until<T>(what: string, holds: () => Promise<T | null | undefined>): Promise<T> {
    const deadline = performance.now() + patienceMs;
    for (;;) {
      const found = await holds();
      if (found !== null && found !== undefined) return found;
      if (performance.now() > deadline) throw new Error(`waited in vain for ${what}`);
      await pause(lookMs);
    }
  }

  async #command(...parameters: readonly string[]): Promise<void> {
    let printed = "";
    const print = (text: string): void => {
      printed += text;
    };
    const terminal = { out: print, err: print, screen: null, timeZone: "UTC", interrupted: new AbortController().signal };
    const code = await runDongbo([...parameters, "--config", this.#file], { ...terminal, environment: this.#environment });
    if (code !== exitCode.ok) throw new Error(`dongbo ${parameters.join(" ")} ended with ${code}:\n${printed}`);
  }

  get #home(): string {
    return join(this.#stand.stand.folder, this.#name);
  }

  get #file(): string {
    return join(this.#home, "dongbo.yaml");
  }

  get #control(): string {
    return `${this.#name}_control`;
  }

  #copyOf(master: string): string {
    return `${this.#name}_${master.slice("dongbo_fleet_".length)}`;
  }

  get #copies(): readonly string[] {
    return this.#options.masters.map((master) => this.#copyOf(master));
  }

  get #databases(): readonly string[] {
    return [this.#control, ...this.#copies];
  }

  get #environment(): Readonly<Record<string, string>> {
    const { stand, redis } = this.#stand;
    const urls = this.#options.masters.flatMap((master, at) => [
      [`SOURCE_${at}`, stand.source.url(master, "dongbo")],
      [`TARGET_${at}`, stand.target.url(this.#copyOf(master), "dongbo")],
    ]);
    return { CONTROL_URL: stand.target.url(this.#control, "dongbo"), REDIS_URL: redis.url(), ...Object.fromEntries(urls) };
  }

  #content(reconcile: object | null): object {
    const { masters } = this.#options;
    const servers = (kind: "SOURCE" | "TARGET", further: object): object =>
      Object.fromEntries(masters.map((master, at) => [master, { connector: "postgres", url: `\${env:${kind}_${at}}`, ...further }]));
    return {
      version: 1,
      control: "${env:CONTROL_URL}",
      data_dir: ".dongbo",
      redis: "${env:REDIS_URL}",
      listen: "off",
      // Workers stand still while changes are made, and lose nothing by it.
      fleet: {
        lease: "PT5M",
        jobs_per_source: 4,
        jobs_per_target: 4,
        rows_per_job: Math.ceil((4 * this.#stand.stand.rows) / comparisonParts),
      },
      sources: servers("SOURCE", { provider: { id: "G01", name: "Bộ Công an" } }),
      targets: servers("TARGET", { consumer: { id: "79", name: "Thành phố Hồ Chí Minh" } }),
      shares: masters.map((master) => ({
        id: master,
        source: master,
        regulation: { id: "QC-01/2025", validity_period: "PT24H", on_expiry: "refuse", log_retention: "P1Y" },
        agreement: { id: "TT-07/2026", from: "2020-01-01", to: "2100-01-01", purpose: "Đo hiệu năng", storage_basis: "42.1" },
        model: "intermediary",
        platform: "Nền tảng chia sẻ, điều phối dữ liệu",
        tables: [{ source: "public.citizen", target: "copy.citizen", key: ["id"] }],
        subscriptions: [{ target: master }],
        ...(reconcile === null ? {} : { reconcile }),
      })),
    };
  }
}
