// Says whether a copy equals what it should hold of the master, by plain ordered dumps of both. Shares no code with dongbo.
import { createHash, type Hash } from "node:crypto";
import pg from "pg";
import { CopyRows, leadingFields, rawFields, type RowLines } from "./copy-rows.ts";
import { MysqlRows, mysqlDumpSession } from "./mysql-rows.ts";
import { familyOf, type NormalForm, normalForm } from "./normal-forms.ts";

export interface DumpSide {
  readonly url: string;
  /** Table or view, quoted as SQL needs it. */
  readonly table: string;
  /** SQL condition, written by the test and not derived from the configuration; missing: all rows. */
  readonly where?: string;
  /** SQL expressions of the compared columns, in the same order on both sides. */
  readonly columns: readonly string[];
  /** Which of `columns` are the key. */
  readonly key: readonly string[];
  /** What each of `columns` holds: they are compared in that form. Missing: in the server's own text. */
  readonly forms?: Readonly<Record<string, NormalForm>>;
}

/** What differs. Lists hold at most `listed` keys a class; the counts are exact. Keys are JSON arrays of the key's texts. */
export interface Comparison {
  readonly equal: boolean;
  readonly rowsInSource: number;
  readonly rowsInTarget: number;
  readonly missing: Difference;
  readonly extra: Difference;
  readonly different: Difference;
  /** SHA-256 over all rows in key order. */
  readonly digestOfSource: string;
  readonly digestOfTarget: string;
}

export interface Difference {
  count: number;
  /** For a different row: the key and the columns that differ. */
  readonly listed: string[];
}

const listedMax = 20;

/** Compares all rows. Both sides must stand still, or the result says only how they stood at different moments. */
export async function compareCopy(source: DumpSide, target: DumpSide): Promise<Comparison> {
  const opened = await Promise.allSettled([openDump(source), openDump(target)]);
  const sides = opened.flatMap((side) => (side.status === "fulfilled" ? [side.value] : []));
  try {
    for (const side of opened) if (side.status === "rejected") throw side.reason;
    const [left, right] = sides.map((side) => new DumpCursor(side.rows, source.key.length)) as [DumpCursor, DumpCursor];
    return await merge(left, right, orderedColumns(source));
  } finally {
    await Promise.all(sides.map((side) => side.close()));
  }
}

/** One line for a test's output or failure. */
export function describeComparison(name: string, result: Comparison): string {
  const classes = (["missing", "extra", "different"] as const)
    .filter((kind) => result[kind].count > 0)
    .map((kind) => `${kind} ${result[kind].count}: ${result[kind].listed.join(" ")}`);
  const verdict = result.equal ? "equal" : `NOT EQUAL; ${classes.join("; ")}`;
  return `${name}: ${result.rowsInTarget} of ${result.rowsInSource} rows, ${result.digestOfTarget.slice(0, 16)}, ${verdict}`;
}

async function merge(left: DumpCursor, right: DumpCursor, columns: readonly string[]): Promise<Comparison> {
  const result = { missing: empty(), extra: empty(), different: empty() };
  while (left.line !== null || right.line !== null) {
    const order = compareKeys(left.key, right.key);
    if (order === 0 && left.line !== null && right.line !== null && !left.line.equals(right.line)) {
      list(result.different, `${printKey(left.key)} (${differentColumns(left.line, right.line, columns).join(", ")})`);
    }
    if (order < 0) list(result.missing, printKey(left.key));
    if (order > 0) list(result.extra, printKey(right.key));
    if (order <= 0) await left.advance();
    if (order >= 0) await right.advance();
  }
  const digests = { digestOfSource: left.digest.digest("hex"), digestOfTarget: right.digest.digest("hex") };
  const equal = digests.digestOfSource === digests.digestOfTarget && left.rows === right.rows;
  return { equal, rowsInSource: left.rows, rowsInTarget: right.rows, ...result, ...digests };
}

/** A dump's current row with its key; `key` null is after the last row and orders behind every key. */
class DumpCursor {
  line: Buffer | null = null;
  key: Buffer[] | null = null;
  rows = 0;
  readonly digest: Hash = createHash("sha256");
  readonly #rows: RowLines;
  readonly #keyLength: number;

  constructor(rows: RowLines, keyLength: number) {
    this.#rows = rows;
    this.#keyLength = keyLength;
    this.#take();
  }

  async advance(): Promise<void> {
    await this.#rows.advance();
    this.#take();
  }

  #take(): void {
    this.line = this.#rows.current;
    this.key = this.line === null ? null : leadingFields(this.line, this.#keyLength);
    if (this.line === null) return;
    this.rows++;
    this.digest.update(this.line).update("\n");
  }
}

function orderedColumns(side: DumpSide): string[] {
  return [...side.key, ...side.columns.filter((column) => !side.key.includes(column))];
}

async function openDump(side: DumpSide): Promise<{ rows: RowLines; close: () => Promise<void> }> {
  const { open, close } = await connectTo(side);
  try {
    return { rows: await open(), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function connectTo(side: DumpSide): Promise<{ open: () => Promise<RowLines>; close: () => Promise<void> }> {
  if (familyOf(side.url) === "mysql") {
    const connection = await mysqlDumpSession(side.url);
    // An answer that nobody reads to its end would keep an orderly farewell waiting.
    return { open: () => MysqlRows.open(connection, dumpQuery(side)), close: async () => connection.destroy() };
  }
  const client = dumpSession(side.url);
  await client.connect();
  return { open: () => CopyRows.open(client, dumpQuery(side)), close: () => client.end() };
}

/** The rows in byte order of the key's text: the one order that all servers and JavaScript agree on. */
function dumpQuery(side: DumpSide): string {
  const family = familyOf(side.url);
  const expression = (column: string) => {
    const form = side.forms?.[column];
    return form === undefined ? `(${column})` : normalForm(family, form, column);
  };
  const order = side.key.map((column) => {
    return family === "mysql"
      ? `CAST(CONVERT(${expression(column)} USING utf8mb4) AS BINARY)`
      : `(${expression(column)})::pg_catalog.text COLLATE "C"`;
  });
  const condition = side.where === undefined ? "" : ` WHERE ${side.where}`;
  return `SELECT ${orderedColumns(side).map(expression).join(", ")} FROM ${side.table}${condition} ORDER BY ${order.join(", ")}`;
}

function dumpSession(url: string): pg.Client {
  const settings = ["timezone=UTC", "datestyle=ISO,YMD", "intervalstyle=postgres", "extra_float_digits=1", "bytea_output=hex"];
  const client = new pg.Client({ connectionString: url, options: settings.map((setting) => `-c ${setting}`).join(" ") });
  client.on("error", () => {});
  return client;
}

function compareKeys(left: Buffer[] | null, right: Buffer[] | null): number {
  if (left === null || right === null) return (left === null ? 1 : 0) - (right === null ? 1 : 0);
  for (const [index, part] of left.entries()) {
    const order = Buffer.compare(part, right[index] ?? Buffer.alloc(0));
    if (order !== 0) return order;
  }
  return 0;
}

function differentColumns(left: Buffer, right: Buffer, columns: readonly string[]): string[] {
  const [mine, theirs] = [rawFields(left), rawFields(right)];
  return columns.filter((_, index) => !(mine[index] ?? Buffer.alloc(0)).equals(theirs[index] ?? Buffer.alloc(0)));
}

function printKey(key: readonly Buffer[] | null): string {
  return JSON.stringify((key ?? []).map((part) => part.toString("utf8")));
}

function empty(): Difference {
  return { count: 0, listed: [] };
}

function list(difference: Difference, key: string): void {
  difference.count++;
  if (difference.listed.length < listedMax) difference.listed.push(key);
}
