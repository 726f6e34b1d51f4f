// A population that is written while its copy is compared with it: which of its rows are whose. What a test damages in the copy no
// writer touches, so that it is known what must be found, whatever happens meanwhile.
import { type Cluster, roles, runSql } from "../support/cluster.ts";
import type { Random } from "../workload/random.ts";

/**
 * Whose a row is, by its number modulo 50. Numbers that 5 does not divide are the writers'. `hole`: not at the master · `hidden`: for
 * commits that the master does not show for a while · `edited`: edited in the copy while it is compared · `damaged`: before that.
 */
export const parts = { hole: [25], hidden: [5], edited: [15], damaged: [0, 10, 20, 30, 35, 40, 45] } as const;
const cycle = 50;

/** Two of seven are of a province that the copy does not hold. */
function isOutside(id: number): boolean {
  return id % 7 < 2;
}

export const copiedProvinces = ["79", "46"];
export const copyColumns = ["id", "full_name", "born", "balance", "changed_at", "note"];
/** They work side by side; each has numbers of its own. */
const writers = 4;

/** SELECT list of the person with that number. */
function person(id: string): string {
  return `${id}, CASE WHEN ${id} % 7 < 2 THEN '01' WHEN ${id} % 7 < 5 THEN '79' ELSE '46' END, 'Nguyễn Thị ' || ${id},
    date '1940-01-01' + (${id} % 30000)::int, ${id} % 100000, timestamptz '2026-01-01 00:00:00+07', CASE WHEN ${id} % 3 = 0 THEN NULL ELSE 'ghi chú' END`;
}

/**
 * Transactions of one row each, at a fixed rate while the server keeps up: rows are written or made, taken away, given another
 * number, and moved in and out of what the copy holds.
 */
const churn = `
CREATE PROCEDURE public.churn(writer int, span bigint, transactions bigint, seconds float8) LANGUAGE plpgsql AS $$
DECLARE
  begun timestamptz := clock_timestamp();
  early float8;
  own int[] := ARRAY(SELECT c FROM generate_series(0, 19) AS c WHERE c % 5 <> 0 AND c % ${writers} = writer);
  one bigint;
  other bigint;
  what float8;
BEGIN
  FOR t IN 0 .. transactions - 1 LOOP
    early := seconds * t / transactions - extract(epoch FROM clock_timestamp() - begun);
    IF early > 0 THEN PERFORM pg_sleep(early); END IF;
    one := 20 * floor(random() * span / 20)::bigint + own[1 + floor(random() * 4)::int];
    other := 20 * floor(random() * span / 20)::bigint + own[1 + floor(random() * 4)::int];
    what := random();
    IF what < 0.5 THEN
      INSERT INTO public.citizen VALUES (${person("one")})
        ON CONFLICT (id) DO UPDATE SET balance = citizen.balance + 1, changed_at = clock_timestamp(), note = 'lần ' || t;
    ELSIF what < 0.65 THEN
      UPDATE public.citizen SET province = CASE province WHEN '01' THEN '79' ELSE '01' END, changed_at = clock_timestamp() WHERE id = one;
    ELSIF what < 0.8 THEN
      DELETE FROM public.citizen WHERE id = one;
    ELSE
      UPDATE public.citizen SET id = other WHERE id = one AND NOT EXISTS (SELECT FROM public.citizen WHERE id = other);
    END IF;
    COMMIT;
  END LOOP;
END $$`;

export class LivePopulation {
  readonly rows: number;
  readonly #cluster: Cluster;

  private constructor(cluster: Cluster, rows: number) {
    this.#cluster = cluster;
    this.rows = rows;
  }

  /** Makes the master's table and its publication. */
  static async create(cluster: Cluster, rows: number): Promise<LivePopulation> {
    await runSql(
      cluster.sourceUrl(roles.owner),
      `CREATE TABLE public.citizen (id bigint PRIMARY KEY, province text NOT NULL, full_name text NOT NULL, born date NOT NULL,
         balance numeric(14,2) NOT NULL, changed_at timestamptz NOT NULL, note text)`,
      `INSERT INTO public.citizen SELECT ${person("i")} FROM generate_series(1::bigint, ${rows}) AS i WHERE i % ${cycle} <> ${parts.hole[0]}`,
      "CREATE UNIQUE INDEX citizen_identity ON public.citizen (id, province)",
      "ALTER TABLE public.citizen REPLICA IDENTITY USING INDEX citizen_identity",
      churn,
    );
    await runSql(
      cluster.source.url("national"),
      "VACUUM (ANALYZE) public.citizen",
      // Commits of the writers wait for no standby, whoever else's do.
      `ALTER ROLE ${roles.owner} SET synchronous_commit = local`,
    );
    await cluster.publish("population", ["public.citizen"]);
    return new LivePopulation(cluster, rows);
  }

  /** Writes that many transactions a second until the signal comes; resolves with how many there were. */
  async write(perSecond: number, signal: AbortSignal): Promise<number> {
    const span = Math.round(this.rows * 1.2);
    const each = Math.max(1, Math.round(perSecond / writers));
    let written = 0;
    const write = async (writer: number): Promise<void> => {
      // By the second, so that it can end.
      while (!signal.aborted) {
        await runSql(this.#cluster.sourceUrl(roles.owner), `CALL public.churn(${writer}, ${span}, ${each}, 1)`);
        written += each;
      }
    };
    await Promise.all(Array.from({ length: writers }, (_, writer) => write(writer)));
    return written;
  }

  /** Different numbers by chance; `outside`: those of the other province. */
  pick(random: Random, count: number, from: { readonly part: readonly number[]; readonly outside: boolean }): number[] {
    const picked = new Set<number>();
    for (let tries = 0; picked.size < count; tries++) {
      if (tries > 1_000 * count) throw new Error(`of ${this.rows} rows there are no ${count} such as are asked for`);
      const id = cycle * random.between(1, Math.floor(this.rows / cycle) - 1) + random.pick(from.part);
      if (isOutside(id) === from.outside) picked.add(id);
    }
    return [...picked];
  }
}
