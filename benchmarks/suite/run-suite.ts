// A whole run: servers, workloads one after the other, and what makes the figures no score.
import { dongboVersion } from "../../deploy/processes/version.ts";
import { PostgresStand, type ServerUrls, settingsRefusals } from "../stands/postgres-stand.ts";
import type { CatalogueEntry } from "../workloads/catalogue.ts";
import { busyRounds, judgeRounds } from "./judge-rounds.ts";
import { describeDisturbance, describeMachine, DisturbanceWatch, hardwareClass, idleDisturbance, isDisturbed } from "./machine.ts";
import { treeSeconds } from "./process-usage.ts";
import type { BenchResult, WorkloadResult } from "./result.ts";
import { type Round, roundsMin, runRounds } from "./run-rounds.ts";
import type { PreparedWorkload, Side, Size } from "./workload.ts";

export interface SuiteOptions {
  readonly entries: readonly CatalogueEntry[];
  readonly size: Size;
  readonly rounds: number;
  /** Null: private servers. */
  readonly urls: ServerUrls | null;
  /** Node's options for dongbo's processes; any of them makes the figures no score. */
  readonly nodeOptions: readonly string[];
  /** Takes a line of progress. */
  readonly tell: (line: string) => void;
  /** Takes what is known after each workload but the last: a long run that is interrupted leaves that behind. */
  readonly measured: (result: BenchResult) => void;
  /** Rejects when the run is to end at once. */
  readonly interrupted: Promise<never>;
}

/** Rejects as `interrupted` does, with what was started stopped and removed. */
export async function runSuite(options: SuiteOptions): Promise<BenchResult> {
  const { entries, urls, nodeOptions, tell } = options;
  const startedAt = new Date().toISOString();
  await using stand = entries.every(isAlone) ? null : await PostgresStand.start({ rows: options.size.rows, urls, nodeOptions });
  if (stand !== null) {
    tell(`making a register of ${options.size.rows} people ...`);
    await Promise.race([stand.makeRegister(), options.interrupted]);
  }
  const before = await idleDisturbance(secondsMeasured);
  const settings = (await stand?.settings()) ?? {};
  const versions: Record<string, string> = { dongbo: dongboVersion(), ...(await stand?.versions()) };
  const workloads: WorkloadResult[] = [];
  const rounds: Round[] = [];
  const soFar = (): BenchResult => {
    const machine = describeMachine();
    return {
      format: 1,
      started_at: startedAt,
      machine: { ...machine, hardware_class: hardwareClass(machine) },
      versions,
      settings,
      unscored: [
        ...(isDisturbed(before) ? [`before the start ${describeDisturbance(before)}`] : []),
        ...busyRounds(rounds),
        ...settingsRefusals(settings),
        ...workloads.filter((row) => !row.digest_equal).map(({ name }) => `${name}: a copy differs from its source`),
        ...refusedOptions(options),
      ],
      workloads,
    };
  };
  for (const [index, entry] of entries.entries()) {
    tell(`${entry.workload.name}: ${entry.workload.title}`);
    const { rounds: done, versions: started } = await runEntry(stand, entry, options);
    Object.assign(versions, started);
    rounds.push(...done);
    workloads.push(...judgeRounds(entry.workload, done));
    if (index + 1 < entries.length) options.measured(unfinished(soFar(), index + 1, entries.length));
  }
  return soFar();
}

/** Of a run that is not over, or was interrupted: its figures are there, and are no score. */
function unfinished(result: BenchResult, done: number, all: number): BenchResult {
  return { ...result, unscored: [`the run was not over: ${done} of ${all} workloads`, ...result.unscored] };
}

/** What of the options makes the figures no score. */
function refusedOptions({ rounds, nodeOptions, urls }: SuiteOptions): string[] {
  return [
    ...(rounds < roundsMin ? [`${rounds} rounds; a score needs ${roundsMin}`] : []),
    ...(nodeOptions.length === 0 ? [] : [`Node ran with ${nodeOptions.join(" ")}`]),
    ...(urls !== null && Object.values(urls).some(isHere)
      ? ["a given server runs on this machine, where its processor time cannot be told from other people's"]
      : []),
  ];
}

/** Needs no servers. */
function isAlone(entry: CatalogueEntry): boolean {
  return "prepareAlone" in entry;
}

async function prepareEntry(stand: PostgresStand | null, entry: CatalogueEntry, options: SuiteOptions): Promise<PreparedWorkload> {
  if ("prepareAlone" in entry) return entry.prepareAlone(options.nodeOptions);
  if (stand === null) throw new Error(`${entry.workload.name} needs servers`);
  return entry.prepare(stand, options.size);
}

interface RunEntry {
  readonly rounds: readonly Round[];
  readonly versions: Readonly<Record<string, string>>;
}

async function runEntry(stand: PostgresStand | null, entry: CatalogueEntry, options: SuiteOptions): Promise<RunEntry> {
  await using prepared = await prepareEntry(stand, entry, options);
  const { workload } = entry;
  const sides: Side[] = workload.anchor === null ? ["dongbo"] : ["dongbo", "anchor"];
  const running = runRounds(prepared, {
    rounds: options.rounds,
    sides,
    watch: () => {
      const watch = new DisturbanceWatch(secondsMeasured);
      return () => watch.read();
    },
    tell: options.tell,
  });
  const rounds = await Promise.race([running, options.interrupted]);
  return { rounds, versions: prepared.versions ?? {} };
}

function isHere(url: string): boolean {
  return ["localhost", "127.0.0.1", "[::1]"].includes(new URL(url).hostname);
}

/** Everything that is measured, and what measures it: all of it was started by this process. */
function secondsMeasured(): number {
  return treeSeconds(process.pid);
}
