// One table of 34 provinces on the master, and eyes on 34 copies of it: which of a row of numbered marks has each copy shown?
import type pg from "pg";
import { type Cluster, roles, runSql, textClient } from "../support/cluster.ts";
import { pause } from "../support/wait-until.ts";

const provinceCount = 34;

/** Names of provinces, of their targets and of their databases alike. */
export const provinceCodes: readonly string[] = Array.from(
  { length: provinceCount },
  (_, index) => `p${String(index + 1).padStart(2, "0")}`,
);

const rowsPerProvince = 200;

/** Makes the master's table; each province has its ordinary rows and one mark. */
export async function createProvinces(cluster: Cluster): Promise<void> {
  await runSql(
    cluster.sourceUrl(roles.owner),
    "CREATE TABLE public.registry (id text PRIMARY KEY, province_code text NOT NULL, mark bigint, body text)",
    "ALTER TABLE public.registry ALTER COLUMN body SET STORAGE EXTERNAL",
    ...provinceCodes.map(
      (code) =>
        `INSERT INTO public.registry SELECT '${code}-' || i, '${code}', NULL, md5(i::text) FROM generate_series(1, ${rowsPerProvince}) AS i`,
    ),
    ...provinceCodes.map((code) => `INSERT INTO public.registry VALUES ('${code}-mark', '${code}', 0, NULL)`),
  );
}

/** A source's servers as the master sees them. */
export interface Hold {
  readonly slots: number;
  readonly walSenders: number;
  /** Log kept for the slots, in bytes. */
  readonly retainedBytes: number;
}

export async function holdOnMaster(cluster: Cluster): Promise<Hold> {
  const [row] = await runSql(
    cluster.source.url("national"),
    `SELECT (SELECT count(*) FROM pg_replication_slots) AS slots, (SELECT count(*) FROM pg_stat_replication) AS senders,
       (SELECT coalesce(max(pg_current_wal_lsn() - confirmed_flush_lsn), 0) FROM pg_replication_slots) AS retained`,
  );
  return { slots: Number(row?.["slots"]), walSenders: Number(row?.["senders"]), retainedBytes: Number(row?.["retained"]) };
}

/** Sets marks on the master and reads them in the copies. */
export class Marks implements AsyncDisposable {
  #newest = 0;
  readonly #master: pg.Client;
  readonly #readers: ReadonlyMap<string, pg.Client>;

  private constructor(master: pg.Client, readers: ReadonlyMap<string, pg.Client>) {
    this.#master = master;
    this.#readers = readers;
  }

  static async open(cluster: Cluster): Promise<Marks> {
    const master = textClient(cluster.sourceUrl(roles.owner));
    const readers = new Map(provinceCodes.map((code) => [code, textClient(cluster.targetUrl(code, roles.reader))]));
    await Promise.all([master, ...readers.values()].map((client) => client.connect()));
    return new Marks(master, readers);
  }

  /** The number set last. */
  get newest(): number {
    return this.#newest;
  }

  /** Sets the next number in all provinces in one transaction. */
  async set(): Promise<number> {
    this.#newest++;
    await this.#master.query(`UPDATE public.registry SET mark = ${this.#newest} WHERE mark IS NOT NULL`);
    return this.#newest;
  }

  /** The number that a copy shows; null: refused, or not made yet. */
  async seenIn(code: string): Promise<number | null> {
    try {
      const result = await this.#readers.get(code)?.query<{ mark: string }>("SELECT max(mark) AS mark FROM population.registry");
      return Number(result?.rows[0]?.mark);
    } catch (error) {
      if (["DB001", "42P01", "3F000"].includes((error as { code?: string }).code ?? "")) return null;
      throw error;
    }
  }

  /** Waits until all these copies show a number or a later one; gives the time it took, and names who is late at the deadline. */
  async reach(mark: number, codes: readonly string[], deadlineMs: number): Promise<number> {
    const started = performance.now();
    let late = [...codes];
    for (;;) {
      const seen = await Promise.all(late.map(async (code) => ({ code, mark: await this.seenIn(code) })));
      late = seen.filter((copy) => (copy.mark ?? -1) < mark).map(({ code }) => code);
      const took = performance.now() - started;
      if (late.length === 0) return took;
      if (took > deadlineMs) throw new Error(`mark ${mark} has not reached ${late.join(" ")} in ${deadlineMs} ms`);
      await pause(20);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#master, ...this.#readers.values()].map((client) => client.end()));
  }
}
