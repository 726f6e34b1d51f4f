// Differences that are made in a copy's own table, behind the engine's back, and undone again.
import { runSql } from "../support/cluster.ts";
import type { Random } from "../workload/random.ts";
import { copyColumns, type LivePopulation, parts } from "./live-population.ts";
import type { ReconciledTable } from "./reconciling.ts";

const kinds = ["missing", "changed", "formOnly", "edited", "unknown", "outside"] as const;
type Kind = (typeof kinds)[number];

/** How a row is changed, in one column each. */
const changes: readonly (readonly [column: string, value: string])[] = [
  ["full_name", "full_name || ' '"],
  ["born", "born + 1"],
  ["balance", "balance + 0.01"],
  ["changed_at", "changed_at + interval '1 microsecond'"],
  ["note", "CASE WHEN note IS NULL THEN '' END"],
];

const columns = copyColumns.join(", ");

/** What one round damages. Every kind gets as many rows as the others, as nearly as that goes. */
export class CopyDamage {
  readonly count: number;
  readonly #url: string;
  readonly #keys: Readonly<Record<Kind, readonly number[]>>;
  /** Rows that are edited while they may be compared. */
  readonly #late: readonly number[];

  private constructor(url: string, keys: Readonly<Record<Kind, readonly number[]>>, late: readonly number[]) {
    this.#url = url;
    this.#keys = keys;
    this.#late = late;
    this.count = kinds.reduce((sum, kind) => sum + keys[kind].length, 0);
  }

  /** Keeps the rows as they are, and damages so many. `url`: of a superuser of the copy's database. */
  static async inflict(url: string, population: LivePopulation, random: Random, count: number): Promise<CopyDamage> {
    const first = random.between(0, kinds.length - 1);
    const quota = (kind: Kind): number => Math.floor((count + ((kinds.indexOf(kind) + first) % kinds.length)) / kinds.length);
    const within: readonly Kind[] = ["missing", "changed", "formOnly", "edited"];
    const inside = population.pick(
      random,
      within.reduce((sum, kind) => sum + quota(kind), 0),
      { part: parts.damaged, outside: false },
    );
    const take = (kind: Kind): number[] => inside.splice(0, quota(kind));
    const keys: Record<Kind, readonly number[]> = {
      missing: take("missing"),
      changed: take("changed"),
      formOnly: take("formOnly"),
      edited: take("edited"),
      unknown: population.pick(random, quota("unknown"), { part: parts.hole, outside: false }),
      outside: population.pick(random, quota("outside"), { part: parts.damaged, outside: true }),
    };
    // With nothing damaged, nothing at all is to be found.
    const late = count === 0 ? [] : population.pick(random, 3, { part: parts.edited, outside: false });
    const damage = new CopyDamage(url, keys, late);
    await damage.#apply();
    return damage;
  }

  async #apply(): Promise<void> {
    const { missing, formOnly, edited, unknown, outside } = this.#keys;
    await runSql(
      this.#url,
      `CREATE TABLE public.saved AS SELECT * FROM population_copy.citizen WHERE id IN ${list(this.#all)}`,
      "BEGIN",
      `DELETE FROM population_copy.citizen WHERE id IN ${list(missing)}`,
      ...changes.map(
        ([column, value], at) => `UPDATE population_copy.citizen SET ${column} = ${value} WHERE id IN ${list(this.#changedBy(at))}`,
      ),
      `UPDATE population_copy.citizen SET full_name = normalize(full_name, NFD) WHERE id IN ${list(formOnly)}`,
      `UPDATE population_copy.citizen SET note = 'sửa tay', dongbo_batch = dongbo_batch + 1 WHERE id IN ${list(edited)}`,
      `INSERT INTO population_copy.citizen (${columns}, dongbo_batch)
         SELECT id, 'Nguyễn Thị ' || id, '2000-01-01', 0, '2026-01-01 00:00:00+07', NULL, 1 FROM unnest(ARRAY[${[...unknown, ...outside].join()}]::bigint[]) AS id`,
      "COMMIT",
    );
  }

  /** One of the edits that come while the copy is compared; at most three. */
  async editLate(at: number): Promise<void> {
    await runSql(
      this.#url,
      `UPDATE population_copy.citizen SET note = 'trong lúc đối soát' WHERE id IN ${list(this.#late.slice(at, at + 1))}`,
    );
  }

  /** What a report has too much or too little, in words; empty when it names exactly what was damaged. Late edits may be named or not. */
  mistakes(table: ReconciledTable): string[] {
    const { missing, changed, formOnly, edited, unknown, outside } = this.#keys;
    const text = (ids: readonly number[]) => ids.map(String);
    const columnOf = new Map<string, string>([
      ...changes.flatMap(([column], at) => this.#changedBy(at).map((id) => [String(id), column] as const)),
      ...formOnly.map((id) => [String(id), "full_name ~"] as const),
      ...[...edited, ...this.#late].map((id) => [String(id), "note"] as const),
    ]);
    const named = table.different.map(({ key, columns: names, unicode_form_only: only }) => [
      key.join("/"),
      `${names.join()}${only ? " ~" : ""}`,
    ]);
    const late = new Set(text(this.#late));
    const lateNamed = named.filter(([key]) => late.has(key ?? "")).length;
    const different = text([...changed, ...formOnly, ...edited]);
    return [
      ...judge("missing", table.missing.map(String), table.missing_count, text(missing)),
      ...judge("extra", table.extra.map(String), table.extra_count, text([...unknown, ...outside])),
      ...(table.outside_filter_count === outside.length
        ? []
        : [`outside of the filter: ${table.outside_filter_count} of ${outside.length}`]),
      ...judge(
        "different",
        named.flatMap(([key = ""]) => (late.has(key) ? [] : [key])),
        table.different_count - lateNamed,
        different,
        late.size,
      ),
      ...named.flatMap(([key = "", said]) => (!columnOf.has(key) || columnOf.get(key) === said ? [] : [`row ${key} differs in ${said}`])),
      ...(table.duplicate_count === 0 ? [] : [`duplicate: ${JSON.stringify(table.duplicate)}`]),
    ];
  }

  /** Puts every row back to what it was. */
  async undo(): Promise<void> {
    await runSql(
      this.#url,
      "BEGIN",
      `DELETE FROM population_copy.citizen WHERE id IN ${list(this.#all)}`,
      "INSERT INTO population_copy.citizen SELECT * FROM public.saved",
      "DROP TABLE public.saved",
      "COMMIT",
    );
  }

  /** Throws unless every row is again what it was, but for the batch that wrote it. */
  async expectUndone(): Promise<void> {
    const now = `SELECT ${columns} FROM population_copy.citizen WHERE id IN ${list(this.#all)}`;
    const before = `SELECT ${columns} FROM public.saved`;
    const rows = await runSql(this.#url, `((${now}) EXCEPT ALL (${before})) UNION ALL ((${before}) EXCEPT ALL (${now})) ORDER BY 1`);
    if (rows.length > 0) throw new Error(`${rows.length} rows are not what they were: ${JSON.stringify(rows.slice(0, 20))}`);
    await runSql(this.#url, "DROP TABLE public.saved");
  }

  get #all(): number[] {
    return [...kinds.flatMap((kind) => this.#keys[kind]), ...this.#late];
  }

  #changedBy(change: number): number[] {
    return this.#keys.changed.filter((_, at) => at % changes.length === change);
  }
}

/** For IN; of no rows too. */
function list(ids: readonly number[]): string {
  return `(${ids.length === 0 ? "NULL" : ids.join()})`;
}

/** `slack`: rows that may be counted beyond those that are listed. */
function judge(name: string, listed: readonly string[], count: number, due: readonly string[], slack = 0): string[] {
  const wanted = new Set(due);
  const wrong = listed.filter((key) => !wanted.has(key));
  const all = count === listed.length;
  const lost = all ? due.filter((key) => !listed.includes(key)) : [];
  const counted = all ? count === due.length : count >= due.length && count <= due.length + slack;
  return [
    ...(wrong.length === 0 ? [] : [`${name}, wrongly: ${wrong.length} rows, such as ${wrong.slice(0, 10).join()}`]),
    ...(lost.length === 0 ? [] : [`${name}, not named: ${lost.length} rows, such as ${lost.slice(0, 10).join()}`]),
    ...(counted ? [] : [`${name}: ${count} rows instead of ${due.length}`]),
  ];
}
