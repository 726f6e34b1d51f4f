// One process of dongbo that brings empty copies up to the end of the topic, and leaves.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { EngineProcess } from "../stands/engine-process.ts";
import { contentOf, type Content, columnNames, table } from "./register.ts";
import type { CapturedTopic } from "./capture-topic.ts";
import type { Run, Stand } from "./stand.ts";

export interface DongboPlan {
  /** Names databases and folders of this run. */
  readonly name: string;
  readonly topic: CapturedTopic;
  /** Provinces of each copy; null: one whole copy. */
  readonly parts: readonly (readonly string[])[] | null;
  /** Copies change by whole transactions of the master, or row by row. */
  readonly transactions: boolean;
  /** Where Node writes a profile of the processor time. */
  readonly profile?: string | undefined;
}

/** Gives what the copies hold, too, in the order of the parts. */
export async function runDongbo(stand: Stand, plan: DongboPlan): Promise<{ run: Run; contents: readonly Content[] }> {
  const databases = (plan.parts ?? [null]).map((_, index) => `${plan.name}_${index}`);
  const control = `${plan.name}_control`;
  await stand.createDatabases(control, ...databases);
  const home = join(stand.folder, plan.name);
  mkdirSync(home);
  const urls = new Map(databases.map((database) => [database, stand.copies.url(database, "dongbo")]));
  writeFileSync(join(home, "dongbo.yaml"), configuration(stand, plan, { control, urls }));
  const run = await stand.measure(() => runProcess(home, plan.profile));
  const contents: Content[] = [];
  // The physical rows: the gate has no say here.
  for (const database of databases) contents.push(await contentOf(stand.copies.url(database), "register_copy.citizen"));
  await stand.dropDatabases(control, ...databases);
  return { run, contents };
}

/** From the start of the process to its end, and from the moment when the engine runs. */
async function runProcess(home: string, profile: string | undefined): Promise<Omit<Run, "serverCpuSeconds">> {
  const nodeOptions = profile === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${profile}`];
  const usage = await new EngineProcess({ home, environment: {}, options: ["--until-caught-up"], nodeOptions }).ended();
  const { seconds: wholeSeconds, engineSeconds, cpuSeconds, rssPeakMb: peakMb, memory } = usage;
  return { wholeSeconds, workSeconds: engineSeconds ?? wholeSeconds, cpuSeconds, peakMb, memory };
}

interface Addresses {
  readonly control: string;
  readonly urls: ReadonlyMap<string, string>;
}

function configuration(stand: Stand, { name, topic, parts, transactions }: DongboPlan, { control, urls }: Addresses): string {
  const ids = [...urls.keys()];
  const filter = parts === null ? {} : { where: { province_code: { in: "$provinces" } } };
  return stringify({
    version: 1,
    control: stand.copies.url(control, "dongbo"),
    data_dir: ".dongbo",
    listen: "off",
    sources: {
      [name]: {
        connector: "debezium",
        url: `kafka://${stand.broker.brokers}`,
        provider: { id: "G01", name: "Bộ Công an" },
        topics: { prefix: topic.prefix, ...(transactions ? { transactions: topic.transactionTopic } : {}) },
      },
    },
    targets: Object.fromEntries(
      ids.map((id, index) => [id, { connector: "postgres", url: urls.get(id), consumer: { id: String(index), name: id } }]),
    ),
    shares: [
      {
        id: "register",
        source: name,
        regulation: { id: "QC-01/2025", validity_period: "PT24H", on_expiry: "refuse", log_retention: "P1Y" },
        agreement: { id: "TT-07/2026", from: "2020-01-01", to: "2100-01-01", purpose: "Đo hiệu năng", storage_basis: "42.1" },
        model: "intermediary",
        platform: "Nền tảng chia sẻ, điều phối dữ liệu",
        tables: [{ source: table, target: "register.citizen", key: ["id"], columns: columnNames, ...filter }],
        subscriptions: ids.map((target, index) => ({
          target,
          ...(parts === null ? {} : { parameters: { provinces: parts[index] } }),
        })),
      },
    ],
  });
}
