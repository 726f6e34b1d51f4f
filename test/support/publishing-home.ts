// An installation that publishes to Kafka what its master holds.
import type { Families } from "./two-families.ts";
import { DongboHome } from "./dongbo-home.ts";
import { populationConfig, populationEnvironment, type TableShare } from "./population-config.ts";

export interface PublishingPlan {
  readonly servers: Families;
  readonly brokers: string;
  readonly prefix: string;
  readonly tables: readonly TableShare[];
  readonly regulation?: object;
}

/** The configuration with one subscription, `population/hub`, whose target is Kafka. */
function publishingConfig({ servers, brokers, prefix, tables, regulation = {} }: PublishingPlan): object {
  const source = { connector: servers.masterKind };
  const config = populationConfig({ shares: { population: tables }, copies: [], source, regulation }) as { shares: object[] };
  const hub = { connector: "kafka", url: `kafka://${brokers}`, topics: { prefix }, consumer: { id: "H1", name: "Trung tâm dữ liệu" } };
  return { ...config, targets: { hub }, shares: config.shares.map((share) => ({ ...share, subscriptions: [{ target: "hub" }] })) };
}

export function publishingHome(plan: PublishingPlan): Promise<DongboHome> {
  return DongboHome.create(publishingConfig(plan), populationEnvironment(plan.servers, []));
}
