// The demo's databases: a national population register and three provinces, one of them on MariaDB, on private servers, with
// synthetic people.
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EmbeddedMariaDb } from "../embedded/mariadb-server.ts";
import { EmbeddedPostgres } from "../embedded/postgres-server.ts";
import { type DemoSession, withSession } from "./demo-session.ts";

export interface Province {
  /** Target id and database name. */
  readonly id: string;
  readonly code: string;
  readonly name: string;
}

export const provinces: readonly Province[] = [
  { id: "hanoi", code: "01", name: "Hà Nội" },
  { id: "hue", code: "46", name: "Huế" },
  { id: "hcm", code: "79", name: "Hồ Chí Minh" },
];

/** The province that keeps its copy on MariaDB, where such a server can be had. */
const onMariaDb = "hcm";

/** What dongbo and the readers are there, as an administrator would make them (`dongbo check` prints what lacks). */
const mariaDbUsers = [
  "CREATE USER dongbo",
  "CREATE USER app_reader",
  "CREATE DATABASE population",
  "CREATE DATABASE population_copy",
  "CREATE DATABASE dongbo",
  ...["population", "population_copy", "dongbo"].map((database) => `GRANT ALL ON ${database}.* TO dongbo WITH GRANT OPTION`),
];

/** People in the register; a fifth of them live in provinces that take no part. */
export const citizenCount = 30_000;

const masterSchema = `
  CREATE TABLE public.province (code text PRIMARY KEY, name text NOT NULL);
  CREATE TABLE public.citizen (
    personal_id text PRIMARY KEY, full_name text NOT NULL, birth_date date NOT NULL, gender_code smallint NOT NULL,
    province_code text NOT NULL REFERENCES public.province, address text, religion_code text, updated_at timestamptz NOT NULL DEFAULT now());
  ALTER TABLE public.citizen REPLICA IDENTITY FULL;
  INSERT INTO public.province VALUES ('01','Hà Nội'),('46','Huế'),('48','Đà Nẵng'),('79','Hồ Chí Minh'),('92','Cần Thơ');
  CREATE ROLE dongbo LOGIN REPLICATION;
  GRANT USAGE ON SCHEMA public TO dongbo;
  GRANT SELECT ON public.province, public.citizen TO dongbo;`;

const people = `
  INSERT INTO public.citizen
  SELECT lpad((79000000000 + n)::text, 12, '0'),
         (ARRAY['Nguyễn','Trần','Lê','Phạm','Hoàng','Võ','Đặng'])[1 + n % 7] || ' ' || (ARRAY['Văn','Thị','Hữu','Ngọc'])[1 + n / 7 % 4]
           || ' ' || (ARRAY['An','Bình','Chi','Dũng','Hạnh','Khánh','Linh','Minh'])[1 + n / 28 % 8],
         date '1940-01-01' + (n * 7919) % 30000, n % 2, (ARRAY['01','46','48','79','92'])[1 + n % 5],
         'Số ' || n % 300 || ', đường ' || n % 97, CASE WHEN n % 9 = 0 THEN 'BUDDHISM' END
  FROM generate_series(1, ${citizenCount}) AS n`;

export class DemoDatabases implements AsyncDisposable {
  readonly folder: string;
  readonly #master: EmbeddedPostgres;
  readonly #provinces: EmbeddedPostgres;
  readonly #mariaDb: EmbeddedMariaDb | null;
  /** Why no province is on MariaDB; null: one is. */
  readonly withoutMariaDb: string | null;

  private constructor(folder: string, master: EmbeddedPostgres, provincial: EmbeddedPostgres, mariaDb: EmbeddedMariaDb | string) {
    this.folder = folder;
    this.#master = master;
    this.#provinces = provincial;
    this.#mariaDb = typeof mariaDb === "string" ? null : mariaDb;
    this.withoutMariaDb = typeof mariaDb === "string" ? mariaDb : null;
  }

  static async start(): Promise<DemoDatabases> {
    const folder = mkdtempSync(join(tmpdir(), "dongbo-demo-"));
    // Started by root the servers run under an account of their own, which must be able to pass.
    chmodSync(folder, 0o711);
    const [master, provincial, mariaDb] = await Promise.all([
      EmbeddedPostgres.start({ dataDir: join(folder, "national"), settings: { wal_level: "logical", shared_buffers: "64MB" } }),
      EmbeddedPostgres.start({ dataDir: join(folder, "provinces"), settings: { shared_buffers: "64MB" } }),
      EmbeddedMariaDb.start({ dataDir: join(folder, "mariadb"), settings: { log_bin_trust_function_creators: 1 } }).catch(
        (error: unknown) => (error as Error).message,
      ),
    ]);
    const databases = new DemoDatabases(folder, master, provincial, mariaDb);
    await databases.#fill();
    return databases;
  }

  /** The register as its owner sees it. */
  onMaster<T>(work: (session: DemoSession) => Promise<T>): Promise<T> {
    return withSession(this.owner, work);
  }

  /** URL of the register for its owner. */
  get owner(): string {
    return this.#master.url("population");
  }

  /** A province's database as an application that may only read the copy sees it. */
  asReader<T>(province: Province, work: (session: DemoSession) => Promise<T>): Promise<T> {
    return withSession(this.reader(province), work);
  }

  /** Changes a province's copy as an administrator of its PostgreSQL server can, past dongbo. */
  async tamper({ id }: Province, sql: string): Promise<void> {
    await this.#provinces.query(sql, id);
  }

  /** URL of a province's database for such an application. */
  reader(province: Province): string {
    return this.#url(province, "app_reader");
  }

  /** Kind of server that the province's copy is kept on. */
  connector(province: Province): "postgres" | "mysql" {
    return this.#mariaDb !== null && province.id === onMariaDb ? "mysql" : "postgres";
  }

  /** Environment of the engine: its configuration names these variables and holds no secret. */
  get environment(): Record<string, string> {
    const targets = provinces.map((province) => [`${province.id.toUpperCase()}_URL`, this.#url(province, "dongbo")]);
    return { POPULATION_URL: this.#master.url("population", "dongbo"), ...Object.fromEntries(targets) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#master.stop("immediate"), this.#provinces.stop("immediate"), this.#mariaDb?.[Symbol.asyncDispose]()]);
    rmSync(this.folder, { recursive: true, force: true });
  }

  #url(province: Province, user: string): string {
    if (this.#mariaDb !== null && province.id === onMariaDb) return this.#mariaDb.url("", user);
    return this.#provinces.url(province.id, user);
  }

  async #fill(): Promise<void> {
    await this.#master.query("CREATE DATABASE population");
    await this.#master.query(masterSchema, "population");
    await this.#master.query(people, "population");
    // The owner makes the publication: dongbo needs no right on the master but to read and to replicate.
    await this.#master.query("CREATE PUBLICATION dongbo_population FOR TABLE public.province, public.citizen", "population");
    await this.#master.query("ANALYZE", "population");
    await this.#provinces.query("CREATE ROLE dongbo LOGIN; CREATE ROLE app_reader LOGIN");
    for (const { id } of provinces) await this.#provinces.query(`CREATE DATABASE ${id} OWNER dongbo`);
    await this.#mariaDb?.query(...mariaDbUsers);
  }
}
