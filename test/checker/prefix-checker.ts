// Looks at a copy as its readers do, again and again, and demands that each look shows the master after one of its commits.
import type pg from "pg";
import { textClient } from "../support/cluster.ts";
import { pause } from "../support/wait-until.ts";
import type { MasterModel, SetDigest, TrackedTable } from "./master-model.ts";
import { keyText, rowHash } from "./row-hash.ts";

/** One subscription's copy, as the test knows it. */
export interface WatchedCopy {
  readonly name: string;
  /** Where its readers connect. */
  readonly url: string;
  /** View whose single row holds the number of the newest transaction. */
  readonly ledger: string;
  /** View with a row for each transaction, numbered from 1. */
  readonly journal: string;
  readonly tables: readonly { readonly table: TrackedTable; readonly view: string; readonly projection: string }[];
  /** The master, to be asked which columns of a wrong row differ from the row as it is there now; missing: not asked. */
  readonly master?: string;
  /** The checker's own filter, on the bucket. */
  readonly accepts: (bucket: string) => boolean;
}

/** What one look at a copy gave. */
export type Look =
  | { readonly kind: "refused" }
  | { readonly kind: "absent" }
  /** `refusedTables`: those that the gate refused while the rest could be read. */
  | { readonly kind: "prefix"; readonly sequence: number; readonly refusedTables: readonly string[] }
  | { readonly kind: "violation"; readonly reason: string };

/** SQLSTATE of the gate's refusal. */
const refusal = "DB001";
/** The copy has not been made yet: no such table, schema or privilege. */
const missing = new Set(["42P01", "3F000"]);

export class PrefixChecker {
  readonly looks = { total: 0, prefix: 0, refused: 0, absent: 0 };
  readonly #violations = new Map<string, number>();
  /** Transactions seen as a copy's newest. */
  readonly sequences = new Set<number>();
  readonly copy: WatchedCopy;
  readonly #model: MasterModel;
  /** How long the writer may take to hear of a commit that a copy shows already. */
  readonly #patienceMs: number;
  #newest = 0;

  constructor(copy: WatchedCopy, model: MasterModel, patienceMs = 20_000) {
    this.copy = copy;
    this.#model = model;
    this.#patienceMs = patienceMs;
  }

  /** What was seen that must not be, each with how many looks in a row or apart saw it. */
  get violations(): string[] {
    return [...this.#violations].map(([reason, times]) => `${this.copy.name}: ${reason}${times > 1 ? ` (seen ${times} times)` : ""}`);
  }

  /** Number of the newest transaction that the copy has shown; 0: none. */
  get newest(): number {
    return this.#newest;
  }

  /** Looks again and again until aborted; every copy in turn on its own session. */
  async watch(signal: AbortSignal, everyMs = 150): Promise<void> {
    const client = textClient(this.copy.url);
    await client.connect();
    try {
      while (!signal.aborted) {
        await this.look(client);
        await pause(everyMs);
      }
    } finally {
      await client.end();
    }
  }

  /** One line for a test's report. */
  summary(): string {
    const { total, prefix, refused, absent } = this.looks;
    return `${this.copy.name}: ${total} looks, ${prefix} at ${this.sequences.size} commits, ${refused} refused, ${absent} absent, ${this.violations.length} violations`;
  }

  /** Takes one snapshot of the copy and judges it. */
  async look(client: pg.Client): Promise<Look> {
    await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    try {
      const look = await this.#judge(client);
      this.looks.total++;
      if (look.kind === "violation") this.#violations.set(look.reason, (this.#violations.get(look.reason) ?? 0) + 1);
      else this.looks[look.kind]++;
      if (look.kind === "prefix") this.sequences.add(look.sequence);
      return look;
    } finally {
      await client.query("ROLLBACK");
    }
  }

  async #judge(client: pg.Client): Promise<Look> {
    const ledger = await ask(client, `SELECT count(*) AS rows, max(seq) AS seq FROM ${this.copy.ledger}`);
    if (typeof ledger === "string") return { kind: ledger };
    const journal = await ask(client, `SELECT count(*) AS rows, min(seq) AS low, max(seq) AS high FROM ${this.copy.journal}`);
    if (typeof journal === "string") return { kind: journal };
    const sequence = Number(ledger["seq"]);
    const reason = this.#judgeSequence(ledger, journal, sequence);
    if (reason !== null) return { kind: "violation", reason };
    try {
      await this.#model.reached(sequence, this.#patienceMs);
    } catch {
      return { kind: "violation", reason: `shows transaction ${sequence}, which the master never committed` };
    }
    const refusedTables: string[] = [];
    for (const entry of this.copy.tables) {
      const { projections } = entry.table;
      const hash = rowHash(projections[entry.projection] ?? []);
      const answer = await ask(client, `SELECT count(*) AS rows, coalesce(sum(${hash}), 0)::text AS sum FROM ${entry.view}`);
      if (typeof answer === "string") {
        refusedTables.push(entry.view);
        continue;
      }
      const found = { rows: Number(answer["rows"]), sum: BigInt(answer["sum"] ?? 0) };
      const wanted = this.#model.digestAt(sequence, entry.table.name, entry.projection, this.copy.accepts);
      if (found.rows !== wanted.rows || found.sum !== wanted.sum) {
        return { kind: "violation", reason: await this.#explain(client, entry, sequence, { found, wanted }) };
      }
    }
    return { kind: "prefix", sequence, refusedTables };
  }

  /** Ledger and journal are rows of the same copy: they must tell of the same transactions, all of them, and never of fewer. */
  #judgeSequence(ledger: Answer, journal: Answer, sequence: number): string | null {
    const told = `ledger ${ledger["seq"]} in ${ledger["rows"]} rows, journal ${journal["rows"]} rows from ${journal["low"]} to ${journal["high"]}`;
    if (Number(ledger["rows"]) !== 1 || !Number.isSafeInteger(sequence) || sequence < 1) return `no single newest transaction: ${told}`;
    const whole = Number(journal["low"]) === 1 && Number(journal["high"]) === sequence && Number(journal["rows"]) === sequence;
    if (!whole) return `transactions are missing or half applied: ${told}`;
    if (sequence < this.#newest) return `went back from transaction ${this.#newest} to ${sequence}`;
    this.#newest = sequence;
    return null;
  }

  /** Which rows are wrong: read in the same snapshot and compared with the master's history. */
  async #explain(
    client: pg.Client,
    entry: WatchedCopy["tables"][number],
    sequence: number,
    digests: { found: SetDigest; wanted: SetDigest },
  ): Promise<string> {
    const { table, view, projection } = entry;
    const index = Object.keys(table.projections).indexOf(projection);
    const hash = rowHash(table.projections[projection] ?? []);
    const result = await client.query<Record<string, string>>(`SELECT ${keyText(table.key)} AS key, ${hash}::text AS hash FROM ${view}`);
    const held = new Map(result.rows.map((row) => [row["key"] ?? "", BigInt(row["hash"] ?? 0)]));
    const wanted = this.#model.rowsAt(sequence, table.name);
    const rights = [...wanted.values()].filter((row) => this.copy.accepts(row.bucket));
    const lacking = rights.filter((row) => !held.has(row.key)).map((row) => row.key);
    const wrong = rights.filter((row) => held.has(row.key) && held.get(row.key) !== row.hashes[index]).map((row) => row.key);
    const due = new Set(rights.map((row) => row.key));
    const extra = [...held.keys()].filter((key) => !due.has(key));
    const lists = Object.entries({ missing: lacking, extra, different: wrong })
      .filter(([, keys]) => keys.length > 0)
      .map(([kind, keys]) => {
        const told = keys.slice(0, 5).map((key) => {
          return this.#model.describeRow(table.name, key, (row) => row.hashes[index] === (held.get(key) ?? wanted.get(key)?.hashes[index]));
        });
        return `${kind} ${keys.length}: ${told.join("; ")}`;
      });
    if (wrong[0] !== undefined) lists.push(await this.#compareWithMaster(client, entry, wrong[0]));
    const counts = `${digests.found.rows} rows instead of ${digests.wanted.rows}`;
    return `${view} is not the master after transaction ${sequence}: ${counts}; ${lists.join("; ")}`;
  }

  async #compareWithMaster(client: pg.Client, { table, view, projection }: WatchedCopy["tables"][number], key: string): Promise<string> {
    if (this.copy.master === undefined) return "";
    const columns = (table.projections[projection] ?? []).map((column) => `${column}::text`).join(", ");
    const where = `WHERE ${keyText(table.key)} = $1`;
    const held = await client.query<Record<string, string | null>>(`SELECT ${columns} FROM ${view} ${where}`, [key]);
    const master = textClient(this.copy.master);
    await master.connect();
    try {
      const now = await master.query<Record<string, string | null>>(`SELECT ${columns} FROM ${table.name} ${where}`, [key]);
      return now.rows[0] === undefined ? "gone from the master" : printDifference(now.rows[0], held.rows[0] ?? {});
    } finally {
      await master.end();
    }
  }
}

/** Columns of two rows that differ, with the beginning of their values: the tests' people are invented. */
function printDifference(now: Readonly<Record<string, string | null>>, held: Readonly<Record<string, string | null>>): string {
  const short = (value: string | null | undefined) => (typeof value === "string" ? `${value.length}:${value.slice(0, 40)}` : "NULL");
  const columns = Object.keys(held).filter((column) => held[column] !== now[column]);
  return columns.map((column) => `${column} is ${short(held[column])} instead of ${short(now[column])}`).join(", ");
}

type Answer = Readonly<Record<string, string | null>>;

/** The single row of a query, or why there is none. Each query has its savepoint: a refusal must not end the look. */
async function ask(client: pg.Client, sql: string): Promise<Answer | "refused" | "absent"> {
  await client.query("SAVEPOINT question");
  try {
    const result = await client.query<Record<string, string | null>>(sql);
    return result.rows[0] ?? {};
  } catch (error) {
    const code = (error as { code?: string }).code;
    if (code !== refusal && (code === undefined || !missing.has(code))) throw error;
    await client.query("ROLLBACK TO SAVEPOINT question");
    return code === refusal ? "refused" : "absent";
  }
}
