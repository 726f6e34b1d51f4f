// Every pair of source and target beside its anchor, in the same rounds: first load, and catching up with a backlog of small
// transactions. `npm run bench:pairs -- --rows 200000 --changes 100000 --rounds 5`. Whole processes are timed, from start to end.
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { EmbeddedMariaDb } from "../../deploy/embedded/mariadb-server.ts";
import { EmbeddedPostgres } from "../../deploy/embedded/postgres-server.ts";
import { median, range } from "../medians.ts";
import { changesPerTransaction, digestOf, type Family, fillMariaDb, fillPostgres } from "./masters.ts";
import { NativeReplica } from "./native-replica.ts";

const program = fileURLToPath(new URL("../../../deploy/dongbo.mjs", import.meta.url));

interface Pair {
  readonly name: string;
  readonly source: Family;
  readonly target: Family;
}

const pairs: readonly Pair[] = [
  { name: "PostgreSQL → PostgreSQL", source: "postgres", target: "postgres" },
  { name: "PostgreSQL → MariaDB", source: "postgres", target: "mysql" },
  { name: "MariaDB → PostgreSQL", source: "mysql", target: "postgres" },
  { name: "MariaDB → MariaDB", source: "mysql", target: "mysql" },
];

class Stand implements AsyncDisposable {
  readonly folder: string;
  readonly #masterPostgres: EmbeddedPostgres;
  readonly #masterMariaDb: EmbeddedMariaDb;
  readonly #copiesPostgres: EmbeddedPostgres;
  readonly #copiesMariaDb: EmbeddedMariaDb;
  readonly #nativeMariaDb: EmbeddedMariaDb;
  readonly native: NativeReplica;

  private constructor(folder: string, servers: [EmbeddedPostgres, EmbeddedMariaDb, EmbeddedPostgres, EmbeddedMariaDb, EmbeddedMariaDb]) {
    this.folder = folder;
    [this.#masterPostgres, this.#masterMariaDb, this.#copiesPostgres, this.#copiesMariaDb, this.#nativeMariaDb] = servers;
    this.native = new NativeReplica(this.#masterMariaDb, this.#nativeMariaDb);
  }

  static async start(rows: number): Promise<Stand> {
    const folder = mkdtempSync(join(tmpdir(), "dongbo-bench-"));
    chmodSync(folder, 0o711);
    const memory = { innodb_buffer_pool_size: "512M" };
    const servers = await Promise.all([
      EmbeddedPostgres.start({
        dataDir: join(folder, "m-pg"),
        settings: { wal_level: "logical", shared_buffers: "512MB", max_wal_size: "4GB" },
      }),
      EmbeddedMariaDb.start({ dataDir: join(folder, "m-my"), settings: { ...memory, sync_binlog: 1 } }),
      EmbeddedPostgres.start({ dataDir: join(folder, "c-pg"), settings: { shared_buffers: "512MB", max_wal_size: "4GB" } }),
      EmbeddedMariaDb.start({ dataDir: join(folder, "c-my"), settings: { ...memory, sync_binlog: 1, server_id: 2 } }),
      EmbeddedMariaDb.start({ dataDir: join(folder, "n-my"), settings: { ...memory, sync_binlog: 1, server_id: 3 } }),
    ]);
    const stand = new Stand(folder, servers);
    await Promise.all([fillPostgres(servers[0], rows), fillMariaDb(servers[1], rows)]);
    await servers[2].query("CREATE ROLE dongbo LOGIN");
    await servers[3].query("CREATE USER dongbo@127.0.0.1", "GRANT ALL ON *.* TO dongbo@127.0.0.1 WITH GRANT OPTION");
    return stand;
  }

  /** An installation of dongbo that keeps one copy of the register, its target empty. */
  async install(pair: Pair, round: number): Promise<Installation> {
    const name = `r${round}_${pair.source}_${pair.target}`;
    const home = join(this.folder, name);
    mkdirSync(home);
    await this.#copiesPostgres.query(`CREATE DATABASE control_${name} OWNER dongbo`);
    if (pair.target === "postgres") await this.#copiesPostgres.query(`CREATE DATABASE ${name} OWNER dongbo`);
    else
      await this.#copiesMariaDb.query(
        "DROP DATABASE IF EXISTS copy",
        "DROP DATABASE IF EXISTS copy_copy",
        "DROP DATABASE IF EXISTS dongbo",
        "CREATE DATABASE copy",
      );
    if (pair.source === "postgres")
      await this.#masterPostgres.query(`CREATE PUBLICATION dongbo_${name} FOR TABLE public.citizen`, "register");
    const environment = {
      SOURCE_URL: pair.source === "postgres" ? this.#masterPostgres.url("register", "dongbo") : this.#masterMariaDb.url("", "dongbo"),
      TARGET_URL: pair.target === "postgres" ? this.#copiesPostgres.url(name, "dongbo") : this.#copiesMariaDb.url("", "dongbo"),
      CONTROL_URL: this.#copiesPostgres.url(`control_${name}`, "dongbo"),
    };
    writeFileSync(join(home, "dongbo.yaml"), configuration(pair, name));
    const copy = pair.target === "postgres" ? this.#copiesPostgres.url(name) : this.#copiesMariaDb.url();
    return new Installation(home, environment, copy);
  }

  /** The same backlog on both masters. */
  async change(from: number, to: number): Promise<void> {
    await Promise.all([
      this.#masterPostgres.query(`CALL public.change(${from}, ${to})`, "register"),
      this.#masterMariaDb.query(`CALL register.change_rows(${from}, ${to})`),
    ]);
  }

  master(family: Family): Promise<Content> {
    return family === "postgres"
      ? digestOf(this.#masterPostgres.url("register"), "public.citizen")
      : digestOf(this.#masterMariaDb.url(), "register.citizen");
  }

  replica(): Promise<Content> {
    return digestOf(this.#nativeMariaDb.url(), "register.citizen");
  }

  async version(): Promise<Record<string, string>> {
    const [postgres] = await this.#masterPostgres.query("SHOW server_version");
    const [mariaDb] = await this.#masterMariaDb.query("SELECT VERSION() AS version");
    return { postgres: String(postgres?.["server_version"]), mariadb: String(mariaDb?.["version"]), node: process.version };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const stopping = [this.#masterMariaDb, this.#copiesMariaDb, this.#nativeMariaDb].map((server) => server[Symbol.asyncDispose]());
    await Promise.all([...stopping, this.#masterPostgres.stop("immediate"), this.#copiesPostgres.stop("immediate")]);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

type Content = Awaited<ReturnType<typeof digestOf>>;

class Installation {
  readonly #home: string;
  readonly #environment: Record<string, string>;
  readonly #copy: string;

  constructor(home: string, environment: Record<string, string>, copy: string) {
    this.#home = home;
    this.#environment = environment;
    this.#copy = copy;
  }

  /** Runs the engine until the copy holds everything that the master held when it was started. */
  run(): void {
    const environment = { ...process.env, ...this.#environment };
    const result = spawnSync(process.execPath, [program, "run", "--until-caught-up"], {
      cwd: this.#home,
      env: environment,
      encoding: "utf8",
    });
    if (result.status !== 0) throw new Error(`dongbo left with ${result.status}:\n${result.stdout}${result.stderr}`);
  }

  /** The physical rows: the gate has no say here. */
  content(): Promise<Content> {
    return digestOf(this.#copy, "copy_copy.citizen");
  }
}

function configuration({ source, target }: Pair, name: string): string {
  return `version: 1
control: "\${env:CONTROL_URL}"
data_dir: .dongbo
listen: off
sources:
  ${name}: { connector: ${source}, url: "\${env:SOURCE_URL}", provider: { id: G01, name: "Bộ Công an" } }
targets:
  copy: { connector: ${target}, url: "\${env:TARGET_URL}", consumer: { id: "79", name: "Hồ Chí Minh" } }
shares:
  - id: register
    source: ${name}
    regulation: { id: QC-01/2025, validity_period: PT24H, on_expiry: refuse, log_retention: P1Y }
    agreement: { id: TT-07/2026, from: 2020-01-01, to: 2100-01-01, purpose: "Đo hiệu năng", storage_basis: "42.1" }
    model: intermediary
    platform: "Nền tảng chia sẻ, điều phối dữ liệu"
    tables:
      - { source: ${source === "postgres" ? "public" : "register"}.citizen, target: copy.citizen, key: [id] }
    subscriptions:
      - { target: copy }
`;
}

/** Seconds of every round, by what was timed. */
type Times = Map<string, number[]>;

async function timed(times: Times, what: string, work: () => void | Promise<void>): Promise<void> {
  const started = performance.now();
  await work();
  const seconds = (performance.now() - started) / 1000;
  times.set(what, [...(times.get(what) ?? []), seconds]);
}

function refuseUnequal(what: string, copy: Content, master: Content): void {
  if (copy.digest !== master.digest)
    throw new Error(`${what}: the copy (${copy.rows} rows) differs from the master (${master.rows} rows): no score`);
}

const nativeName = "MariaDB's own replication";

async function round(stand: Stand, times: Times, at: { round: number; transactions: number }): Promise<void> {
  // Another order in each round, so that no pair always has the warmest caches.
  const order = pairs.map((_, index) => pairs[(index + at.round) % pairs.length] as Pair);
  const installed: { pair: Pair; installation: Installation }[] = [];
  for (const pair of order) {
    const installation = await stand.install(pair, at.round);
    installed.push({ pair, installation });
    await timed(times, `snapshot ${pair.name}`, () => installation.run());
    refuseUnequal(`snapshot ${pair.name}`, await installation.content(), await stand.master(pair.source));
    // Two pairs share the server of copies on MariaDB: each is measured whole before the next one begins.
    if (pair.target === "mysql") await catchUp(stand, times, { pair, installation }, at);
  }
  await timed(times, `snapshot ${nativeName}`, () => stand.native.snapshot());
  refuseUnequal(nativeName, await stand.replica(), await stand.master("mysql"));
  for (const entry of installed) if (entry.pair.target === "postgres") await catchUp(stand, times, entry, at);
  const first = nextTransaction;
  nextTransaction += at.transactions;
  await stand.change(first, nextTransaction - 1);
  await timed(times, `catch-up ${nativeName}`, () => stand.native.catchUp());
  refuseUnequal(nativeName, await stand.replica(), await stand.master("mysql"));
}

let nextTransaction = 1;

async function catchUp(
  stand: Stand,
  times: Times,
  { pair, installation }: { pair: Pair; installation: Installation },
  { transactions }: { transactions: number },
): Promise<void> {
  // What others have changed meanwhile is no part of this backlog.
  installation.run();
  const first = nextTransaction;
  nextTransaction += transactions;
  await stand.change(first, nextTransaction - 1);
  await timed(times, `catch-up ${pair.name}`, () => installation.run());
  refuseUnequal(`catch-up ${pair.name}`, await installation.content(), await stand.master(pair.source));
}

function report(times: Times, units: Readonly<Record<string, number>>): object[] {
  const lines: object[] = [];
  for (const work of ["snapshot", "catch-up"]) {
    for (const { name, target, source } of [...pairs, { name: nativeName, source: "mysql", target: "mysql" }]) {
      const own = times.get(`${work} ${name}`) ?? [];
      const anchorName = source === "mysql" && target === "mysql" ? nativeName : pairs[0]?.name;
      const anchor = times.get(`${work} ${anchorName}`) ?? [];
      const ratios = own.map((seconds, index) => (anchor[index] ?? Number.NaN) / seconds);
      const perSecond = Math.round((units[work] ?? 0) / median(own));
      console.log(
        `${work.padEnd(9)} ${name.padEnd(26)} ${median(own).toFixed(2).padStart(7)} s (${range(own)})  ${String(perSecond).padStart(7)} rows/s  ` +
          `${median(ratios).toFixed(2)} (${range(ratios)}) of ${anchorName}`,
      );
      lines.push({
        work,
        name,
        anchor: anchorName,
        seconds: own,
        ratio: { median: median(ratios), min: Math.min(...ratios), max: Math.max(...ratios) },
      });
    }
  }
  return lines;
}

const { values } = parseArgs({
  options: {
    rows: { type: "string", default: "200000" },
    changes: { type: "string", default: "100000" },
    rounds: { type: "string", default: "5" },
    out: { type: "string" },
  },
});
const [rows, changes, rounds] = [Number(values.rows), Number(values.changes), Number(values.rounds)];
const times: Times = new Map();
await using stand = await Stand.start(rows);
for (let number = 0; number < rounds; number++) {
  await round(stand, times, { round: number, transactions: Math.ceil(changes / changesPerTransaction) });
  console.error(`round ${number + 1} of ${rounds} done`);
}
const versions = await stand.version();
console.log(
  `${cpus().length} cores, ${JSON.stringify(versions)}, ${rows} rows, ${changes} changes, ${rounds} rounds; a ratio above 1: faster than the anchor`,
);
const lines = report(times, { snapshot: rows, "catch-up": changes });
if (values.out !== undefined) writeFileSync(values.out, JSON.stringify({ versions, rows, changes, rounds, lines }, null, 2));
