// What tables of the consumer's refer to and the copy does not have, each with its cause (RC-02). The comparison does not depend on it.
import { asReplicationError } from "../engine/fleet/retry-policy.ts";
import type { ComparedCopy } from "../engine/model/canonical-form.ts";
import { type CopyReference, type DanglingCause, danglingListedMax, type ReferenceReport } from "../engine/model/copy-reference.ts";
import { ReplicationError } from "../engine/model/replication-error.ts";
import { keyText } from "../engine/model/row.ts";
import { sourceKey } from "../engine/model/source-key.ts";
import { printTable, type TableName } from "../engine/model/table.ts";
import type { CanonicalKey, DanglingReading, DanglingValue, MasterRow } from "../engine/ports/compared-table.ts";
import { refuseSkippedKey } from "./compare-table.ts";
import type { ComparisonParts } from "./comparison-parts.ts";
import { CopyWatch } from "./copy-watch.ts";
import { canHold, danglingCause } from "./dangling-cause.ts";
import { printKey } from "./digest-difference.ts";

/** Keys looked up at once. */
const keysAtOnce = 500;

/** A table as it was registered. */
export interface RegisteredReference {
  readonly table: TableName;
  readonly columns: readonly string[];
  /** Columns of the copy by their names there; null: its key. */
  readonly to: readonly string[] | null;
}

/** One after the other; what cannot be found out of one is in its `problem`. Rejects only when the signal aborts. */
export async function findDangling(
  parts: ComparisonParts,
  references: readonly RegisteredReference[],
  signal: AbortSignal,
): Promise<ReferenceReport[]> {
  const reports: ReferenceReport[] = [];
  for (const registered of references) {
    const subject = printTable(registered.table);
    try {
      refuseSkippedKey(parts.compared);
      const reading = await parts.copy.dangling(fitting(registered, parts.compared), danglingListedMax);
      reports.push({ ...named(registered), ...(await explained(parts, reading, signal)) });
    } catch (error) {
      signal.throwIfAborted();
      reports.push(unknown(registered, problemOf(asReplicationError(error, subject))));
    }
  }
  return reports;
}

/** For a copy that cannot be looked at as it is. */
export function notLookedFor(references: readonly RegisteredReference[], problem: ReferenceReport["problem"]): ReferenceReport[] {
  return references.map((registered) => unknown(registered, problem));
}

function unknown(registered: RegisteredReference, problem: ReferenceReport["problem"]): ReferenceReport {
  return { ...named(registered), valuesCount: 0, rowsCount: 0, dangling: [], problem };
}

function named({ table, columns }: RegisteredReference): Pick<ReferenceReport, "table" | "columns"> {
  return { table: printTable(table), columns };
}

function problemOf({ code, explanation: cause, remedy }: ReplicationError): ReferenceReport["problem"] {
  return { code, cause, remedy };
}

/** Throws DB-REC-017 where the copy, as the source makes it now, is not what the reference is to. */
function fitting({ table, columns, to }: RegisteredReference, { table: copy }: ComparedCopy): CopyReference {
  const subject = printTable(table);
  const names = new Map(copy.columns.map(({ source, target }) => [source, target]));
  const referred = to ?? copy.key.map((name) => names.get(name) ?? name);
  const targets = new Set(names.values());
  const lacking = referred.filter((name) => !targets.has(name));
  if (lacking.length > 0) {
    const cause = `the copy has no column ${lacking.map((name) => `"${name}"`).join(", ")}`;
    throw new ReplicationError("DB-REC-017", { subject, cause });
  }
  if (referred.length !== columns.length) {
    const cause = `${columns.length} columns are named, the copy's key has ${referred.length}`;
    throw new ReplicationError("DB-REC-017", { subject, cause });
  }
  return { table, columns, to: referred };
}

type Explained = Omit<ReferenceReport, "table" | "columns">;

/** Where the master does not answer, what was found is told all the same. */
async function explained(parts: ComparisonParts, reading: DanglingReading, signal: AbortSignal): Promise<Explained> {
  try {
    const { causes, arrived } = await askMaster(parts, reading.listed, signal);
    const left = reading.listed.filter((value) => !arrived.has(value));
    const rows = [...arrived].reduce((sum, value) => sum + value.rows, 0);
    return { ...counted(reading, { values: arrived.size, rows }), dangling: left.map(withCause(causes)), problem: null };
  } catch (error) {
    signal.throwIfAborted();
    const problem = problemOf(asReplicationError(error, printTable(parts.compared.table.source)));
    return { ...counted(reading, { values: 0, rows: 0 }), dangling: reading.listed.map(withCause(new Map())), problem };
  }
}

function counted(reading: DanglingReading, gone: Pick<DanglingReading, "values" | "rows">): Pick<Explained, "valuesCount" | "rowsCount"> {
  return { valuesCount: reading.values - gone.values, rowsCount: reading.rows - gone.rows };
}

function withCause(causes: ReadonlyMap<DanglingValue, DanglingCause>): (value: DanglingValue) => Explained["dangling"][number] {
  return (value) => ({ values: value.values, rows: value.rows, cause: causes.get(value) ?? danglingCause(null) });
}

interface Answers {
  readonly causes: ReadonlyMap<DanglingValue, DanglingCause>;
  /** The copy has their rows by now: they were on their way. */
  readonly arrived: ReadonlySet<DanglingValue>;
}

async function askMaster(parts: ComparisonParts, listed: readonly DanglingValue[], signal: AbortSignal): Promise<Answers> {
  const { master, copy, compared, mayRead } = parts;
  const causes = new Map<DanglingValue, DanglingCause>();
  const arrived = new Set<DanglingValue>();
  const asked = listed.flatMap((value) => (value.key === null ? [] : [{ value, key: value.key }]));
  if (asked.length === 0) return { causes, arrived };
  const setAside = new Set((await copy.quarantined()).map(keyText));
  const watch = new CopyWatch(parts, printTable(compared.table.target), signal);
  for (let from = 0; from < asked.length; from += keysAtOnce) {
    await mayRead(signal);
    const part = asked.slice(from, from + keysAtOnce);
    const possible = part.filter(({ key }) => isPossible(compared, key)).map(({ key }) => key);
    const { answer, position } = possible.length === 0 ? nobody : await master.find(possible);
    const rows = new Map(answer.map((row) => [printKey(row.key), row]));
    for (const { value, key } of part) {
      const found = rows.get(printKey(key)) ?? null;
      causes.set(value, danglingCause({ master: found, quarantined: found !== null && setAside.has(keyText(sourceKey(compared, key))) }));
    }
    const missing = part.filter(({ value }) => causes.get(value) === "missing in the copy");
    if (missing.length === 0 || position === null) continue;
    const keys = missing.map(({ key }) => key);
    const there = new Set((await watch.readAt(position, () => copy.find(keys))).answer.map(({ key }) => printKey(key)));
    for (const { value, key } of missing) if (there.has(printKey(key))) arrived.add(value);
  }
  return { causes, arrived };
}

const nobody: { readonly answer: readonly MasterRow[]; readonly position: null } = { answer: [], position: null };

function isPossible({ table }: ComparedCopy, key: CanonicalKey): boolean {
  return table.key.every((name, place) => {
    const type = table.columns.find(({ source }) => source === name)?.sourceType;
    return type === undefined || canHold(type, key[place] ?? "");
  });
}
