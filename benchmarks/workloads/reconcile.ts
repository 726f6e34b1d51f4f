// Comparing a whole copy with its master, all columns, by `dongbo reconcile` beside the engine: against what one backend needs to look
// at every row once, and against reading both tables to a client.
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import pg from "pg";
import type { DownloadOrder, DownloadUsage } from "../download-compare/measure.ts";
import { BackgroundWrites } from "../stands/background-writes.ts";
import { copyTable } from "../stands/installation.ts";
import { KeptCopy } from "../stands/kept-copy.ts";
import { mariaDbDigestSql } from "../stands/mariadb-register.ts";
import { PairInstallation } from "../stands/pair-installation.ts";
import { type PostgresStand, registerDatabase } from "../stands/postgres-stand.ts";
import type { ReconcileUsage } from "../stands/reconcile-process.ts";
import { citizenColumns } from "../stands/register-sql.ts";
import { type Goal, type PreparedWorkload, type Sample, type Score, wallTime, type Workload } from "../suite/workload.ts";
import { measureAnchor, measureEngine } from "./measure-sides.ts";

interface ReconcileWorkload extends Workload {
  readonly prepare: (stand: PostgresStand, name: string) => Promise<PreparedWorkload>;
}

const goal: Goal = { must: 0.8, aim: 1 };
/** Updates of one row each, all over the table. */
const writtenPerSecond = 500;

function sourceTime(name: string): Score {
  return { name, unit: "CPU s", goal: null, value: ({ cpu }) => cpu.source };
}

export const reconciles: readonly ReconcileWorkload[] = [
  {
    name: "reconcile",
    title: "comparing one whole copy, all columns",
    anchor: "PG md5 aggregate",
    unit: "rows",
    scores: [wallTime("reconcile", goal), sourceTime("reconcile-source-cpu")],
    prepare: (stand, name) => prepareAgainstAggregate(stand, name, 0),
  },
  {
    name: "reconcile-live",
    title: `comparing one whole copy, all columns, while the master takes ${writtenPerSecond} transactions a second`,
    anchor: "PG md5 aggregate under the same writes",
    unit: "rows",
    scores: [wallTime("reconcile-live", goal), sourceTime("reconcile-live-source-cpu")],
    prepare: (stand, name) => prepareAgainstAggregate(stand, name, writtenPerSecond),
  },
  {
    name: "reconcile-download",
    title: "comparing one whole copy, against reading both tables by COPY and comparing their rows in a client",
    anchor: "full download",
    unit: "rows",
    scores: [
      wallTime("reconcile-download", null),
      { name: "reconcile-download-memory", unit: "MB", goal: null, value: ({ rssPeakMb }) => rssPeakMb },
    ],
    prepare: prepareAgainstDownload,
  },
  {
    name: "mariadb-reconcile",
    title: "comparing one whole copy, MariaDB → MariaDB",
    anchor: "MariaDB md5 aggregate",
    unit: "rows",
    scores: [wallTime("mariadb-reconcile", null), sourceTime("mariadb-reconcile-source-cpu")],
    prepare: prepareOnMariaDb,
  },
];

export function prepareReconcile(stand: PostgresStand, { name, prepare }: ReconcileWorkload): Promise<PreparedWorkload> {
  return prepare(stand, name.replaceAll("-", "_"));
}

interface Compared {
  reconcile(): Promise<ReconcileUsage>;
  isEqual(): Promise<boolean>;
}

/** One comparison, which must find every row and all of them equal; `settle` comes before the servers judge that themselves. */
async function measureReconcile(stand: PostgresStand, rows: number, copy: Compared, settle = noWait): Promise<Sample> {
  let equal = false;
  const run = async (): Promise<ReconcileUsage> => {
    const usage = await copy.reconcile();
    equal = usage.equal && usage.rowsChecked === rows;
    return usage;
  };
  const isEqual = async (): Promise<boolean> => {
    await settle();
    return equal && (await copy.isEqual());
  };
  const sample = await measureEngine(stand, rows, { run, isEqual });
  return { ...sample, notes: busyNote(sample) };
}

const noWait = (): Promise<void> => Promise.resolve();

/** How much of one of the source's processors a comparison took while it went on. */
function busyNote({ cpu, seconds }: Sample): string[] {
  return cpu.source === null ? [] : [`the source's server was busy for ${Math.round((cpu.source / seconds) * 100)} % of one processor`];
}

/** The register takes that many transactions a second meanwhile. */
async function prepareAgainstAggregate(stand: PostgresStand, name: string, perSecond: number): Promise<PreparedWorkload> {
  const copy = await KeptCopy.create(stand, name);
  const place = { database: copy.installation.database(0), table: copyTable };
  const anchor = (rows: number, settle: () => Promise<void>): Promise<Sample> => {
    let counted = 0;
    const run = async (): Promise<void> => {
      counted = await aggregateRows(stand);
    };
    const isEqual = async (): Promise<boolean> => {
      await settle();
      return counted === rows;
    };
    return measureAnchor(stand, rows, { run, isEqual });
  };
  return {
    before: () => Promise.resolve(),
    measure: async (side) => {
      const rows = await copy.rows();
      const writes = perSecond === 0 ? null : await BackgroundWrites.start(stand, place, perSecond);
      const settle = async (): Promise<void> => writes?.stop();
      return side === "dongbo" ? measureReconcile(stand, rows, copy.installation, settle) : anchor(rows, settle);
    },
    [Symbol.asyncDispose]: () => copy[Symbol.asyncDispose](),
  };
}

/** On one backend without parallel helpers. Gives how many rows it saw. */
async function aggregateRows(stand: PostgresStand): Promise<number> {
  const options = "-c max_parallel_workers_per_gather=0";
  const client = new pg.Client({ connectionString: stand.source.url(registerDatabase), options });
  await client.connect();
  try {
    const { rows } = await client.query<{ rows: string }>(
      "SELECT count(*) AS rows, sum(('x' || left(md5(t::text), 16))::bit(64)::bigint) AS digest FROM public.citizen AS t",
    );
    return Number(rows[0]?.rows);
  } finally {
    await client.end();
  }
}

async function prepareAgainstDownload(stand: PostgresStand, name: string): Promise<PreparedWorkload> {
  const copy = await KeptCopy.create(stand, name);
  const columns = citizenColumns.join(", ");
  const order: DownloadOrder = {
    source: { url: stand.source.url(registerDatabase), query: `SELECT ${columns} FROM public.citizen` },
    target: { url: stand.target.url(copy.installation.database(0)), query: `SELECT ${columns} FROM ${copyTable}` },
  };
  const anchor = async (rows: number): Promise<Sample> => {
    let usage: DownloadUsage = { rows: 0, differences: 0, cpuSeconds: 0, rssPeakMb: 0 };
    const run = async (): Promise<void> => {
      usage = await compareByDownload(order);
    };
    const isEqual = () => Promise.resolve(usage.rows === rows && usage.differences === 0);
    const sample = await measureAnchor(stand, rows, { run, isEqual });
    return { ...sample, cpu: { ...sample.cpu, engine: usage.cpuSeconds }, rssPeakMb: usage.rssPeakMb };
  };
  return {
    before: () => Promise.resolve(),
    measure: async (side) => {
      const rows = await copy.rows();
      return side === "dongbo" ? measureReconcile(stand, rows, copy.installation) : anchor(rows);
    },
    [Symbol.asyncDispose]: () => copy[Symbol.asyncDispose](),
  };
}

const downloadProgram = fileURLToPath(new URL("../download-compare/measure.js", import.meta.url));

async function compareByDownload(order: DownloadOrder): Promise<DownloadUsage> {
  const { stdout } = await promisify(execFile)(process.execPath, [downloadProgram, JSON.stringify(order)]);
  return JSON.parse(stdout) as DownloadUsage;
}

async function prepareOnMariaDb(stand: PostgresStand, name: string): Promise<PreparedWorkload> {
  const { source } = await stand.mariaDb();
  const installation = await PairInstallation.create(stand, { source: "mysql", target: "mysql" }, name);
  await installation.catchUp();
  const engine = installation.start();
  await engine.tells("subscription attached");
  const anchor = async (rows: number): Promise<Sample> => {
    let digest = "";
    const run = async (): Promise<void> => {
      const [row] = await source.query(mariaDbDigestSql("register.citizen"));
      digest = row?.["digest"] ?? "";
    };
    return measureAnchor(stand, rows, { run, isEqual: () => Promise.resolve(digest.startsWith(`${rows} rows `)) });
  };
  return {
    before: () => Promise.resolve(),
    measure: async (side) => {
      const [row] = await source.query("SELECT COUNT(*) AS n FROM register.citizen");
      const rows = Number(row?.["n"]);
      return side === "dongbo" ? measureReconcile(stand, rows, installation) : anchor(rows);
    },
    [Symbol.asyncDispose]: async () => {
      await engine.stop();
      await installation[Symbol.asyncDispose]();
    },
  };
}
