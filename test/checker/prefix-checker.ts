// Looks at a copy as its readers do, again and again, and demands that each look shows the master after one of its commits.
import { pause } from "../support/wait-until.ts";
import { type Answer, type CopySession, withCopy } from "./copy-session.ts";
import type { MasterModel, SetDigest, TrackedTable } from "./master-model.ts";
import { normalForm } from "./normal-forms.ts";
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
    await withCopy(this.copy.url, async (session) => {
      while (!signal.aborted) {
        await this.look(session);
        await pause(everyMs);
      }
    });
  }

  /** One line for a test's report. */
  summary(): string {
    const { total, prefix, refused, absent } = this.looks;
    return `${this.copy.name}: ${total} looks, ${prefix} at ${this.sequences.size} commits, ${refused} refused, ${absent} absent, ${this.violations.length} violations`;
  }

  /** Takes one snapshot of the copy and judges it. */
  async look(session: CopySession): Promise<Look> {
    await session.beginSnapshot();
    try {
      const look = await this.#judge(session);
      this.looks.total++;
      if (look.kind === "violation") this.#violations.set(look.reason, (this.#violations.get(look.reason) ?? 0) + 1);
      else this.looks[look.kind]++;
      if (look.kind === "prefix") this.sequences.add(look.sequence);
      return look;
    } finally {
      await session.endSnapshot();
    }
  }

  async #judge(session: CopySession): Promise<Look> {
    const ledger = await askOne(session, `SELECT count(*) AS held, max(seq) AS seq FROM ${this.copy.ledger}`);
    if (typeof ledger === "string") return { kind: ledger };
    const journal = await askOne(session, `SELECT count(*) AS held, min(seq) AS low, max(seq) AS high FROM ${this.copy.journal}`);
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
      const hash = rowHash(session.family, entry.table, projections[entry.projection] ?? []);
      const answer = await askOne(session, `SELECT count(*) AS held, coalesce(sum(${hash}), 0) AS total FROM ${entry.view}`);
      if (typeof answer === "string") {
        refusedTables.push(entry.view);
        continue;
      }
      const found = { rows: Number(answer["held"]), sum: BigInt(answer["total"] ?? 0) };
      const wanted = this.#model.digestAt(sequence, entry.table.name, entry.projection, this.copy.accepts);
      if (found.rows !== wanted.rows || found.sum !== wanted.sum) {
        return { kind: "violation", reason: await this.#explain(session, entry, sequence, { found, wanted }) };
      }
    }
    return { kind: "prefix", sequence, refusedTables };
  }

  /** Ledger and journal are rows of the same copy: they must tell of the same transactions, all of them, and never of fewer. */
  #judgeSequence(ledger: Answer, journal: Answer, sequence: number): string | null {
    const told = `ledger ${ledger["seq"]} in ${ledger["held"]} rows, journal ${journal["held"]} rows from ${journal["low"]} to ${journal["high"]}`;
    if (Number(ledger["held"]) !== 1 || !Number.isSafeInteger(sequence) || sequence < 1) return `no single newest transaction: ${told}`;
    const whole = Number(journal["low"]) === 1 && Number(journal["high"]) === sequence && Number(journal["held"]) === sequence;
    if (!whole) return `transactions are missing or half applied: ${told}`;
    if (sequence < this.#newest) return `went back from transaction ${this.#newest} to ${sequence}`;
    this.#newest = sequence;
    return null;
  }

  /** Which rows are wrong: read in the same snapshot and compared with the master's history. */
  async #explain(
    session: CopySession,
    entry: WatchedCopy["tables"][number],
    sequence: number,
    digests: { found: SetDigest; wanted: SetDigest },
  ): Promise<string> {
    const { table, view, projection } = entry;
    const index = Object.keys(table.projections).indexOf(projection);
    const hash = rowHash(session.family, table, table.projections[projection] ?? []);
    const rows = await session.ask(`SELECT ${keyText(session.family, table.key)} AS row_key, ${hash} AS hash FROM ${view}`);
    if (typeof rows === "string") return `${view} cannot be looked into: ${rows}`;
    const held = new Map(rows.map((row) => [row["row_key"] ?? "", BigInt(row["hash"] ?? 0)]));
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
    if (wrong[0] !== undefined) lists.push(await this.#compareWithMaster(session, entry, wrong[0]));
    const counts = `${digests.found.rows} rows instead of ${digests.wanted.rows}`;
    return `${view} is not the master after transaction ${sequence}: ${counts}; ${lists.join("; ")}`;
  }

  async #compareWithMaster(session: CopySession, entry: WatchedCopy["tables"][number], key: string): Promise<string> {
    if (this.copy.master === undefined) return "";
    const { table, view, projection } = entry;
    const columns = table.projections[projection] ?? [];
    const held = await session.ask(rowQuery(session, table, view, { columns, key }));
    const now = await withCopy(this.copy.master, async (master) => {
      await master.beginSnapshot();
      return master.ask(rowQuery(master, table, table.name, { columns, key }));
    });
    if (typeof held === "string" || typeof now === "string") return "cannot be asked";
    return now[0] === undefined ? "gone from the master" : printDifference(now[0], held[0] ?? {});
  }
}

function rowQuery(
  { family }: CopySession,
  table: TrackedTable,
  from: string,
  row: { readonly columns: readonly string[]; readonly key: string },
): string {
  const values = row.columns.map((column) => `${normalForm(family, table.forms[column] ?? "text", column)} AS ${column}`);
  // Keys of the tests' tables hold neither quotes nor backslashes.
  return `SELECT ${values.join(", ")} FROM ${from} WHERE ${keyText(family, table.key)} = '${row.key}'`;
}

/** Columns of two rows that differ, with the beginning of their values: the tests' people are invented. */
function printDifference(now: Readonly<Record<string, string | null>>, held: Readonly<Record<string, string | null>>): string {
  const short = (value: string | null | undefined) => (typeof value === "string" ? `${value.length}:${value.slice(0, 40)}` : "NULL");
  const columns = Object.keys(held).filter((column) => held[column] !== now[column]);
  return columns.map((column) => `${column} is ${short(held[column])} instead of ${short(now[column])}`).join(", ");
}

/** The single row of a query, or why there is none. */
async function askOne(session: CopySession, sql: string): Promise<Answer | "refused" | "absent"> {
  const rows = await session.ask(sql);
  return typeof rows === "string" ? rows : (rows[0] ?? {});
}
