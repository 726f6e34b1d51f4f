// dongbo.yaml as objects: the configuration that the end-to-end tests give the engine, in the form of design section 4.
import { roles } from "./cluster.ts";

export interface TableShare {
  readonly source: string;
  readonly target: string;
  readonly key: readonly string[];
  readonly columns: readonly string[];
  readonly where?: object;
  readonly referenced_by?: readonly { readonly table: string; readonly columns: readonly string[]; readonly to?: readonly string[] }[];
}

export interface CopyPlan {
  /** Name of the target in the configuration, and of its database. */
  readonly target: string;
  /** Share that it subscribes to. */
  readonly share: string;
  readonly parameters?: Readonly<Record<string, readonly string[]>>;
  /** Kind of the target's server; PostgreSQL when left out. */
  readonly connector?: "postgres" | "mysql";
}

export interface PlanOptions {
  readonly shares: Readonly<Record<string, readonly TableShare[]>>;
  readonly copies: readonly CopyPlan[];
  /** Merged into the source's entry: limits or another connector, for example. */
  readonly source?: object;
  readonly regulation?: object;
}

/** A configuration with one source `population` and a target per copy; URLs are referred to by environment variables. */
export function populationConfig(options: PlanOptions): object {
  return {
    version: 1,
    control: "${env:CONTROL_URL}",
    data_dir: ".dongbo",
    listen: "off",
    sources: {
      population: {
        connector: "postgres",
        url: "${env:POPULATION_URL}",
        provider: { id: "G01", name: "Bộ Công an" },
        ...options.source,
      },
    },
    targets: Object.fromEntries(
      options.copies.map((copy, index) => [
        copy.target,
        {
          connector: copy.connector ?? "postgres",
          url: `\${env:${targetVariable(copy.target)}}`,
          readers: [roles.reader],
          consumer: { id: String(index + 1), name: `Tỉnh ${copy.target}` },
        },
      ]),
    ),
    shares: Object.entries(options.shares).map(([id, tables]) => ({
      id,
      source: "population",
      regulation: { id: "QC-01/2025", validity_period: "PT24H", on_expiry: "refuse", log_retention: "P1Y", ...options.regulation },
      agreement: { id: "TT-07/2026", from: "2020-01-01", to: "2099-01-01", purpose: "thử nghiệm", storage_basis: "42.1" },
      model: "intermediary",
      platform: "Nền tảng thử nghiệm",
      tables,
      subscriptions: options.copies
        .filter((copy) => copy.share === id)
        .map((copy) => ({ target: copy.target, ...(copy.parameters === undefined ? {} : { parameters: copy.parameters }) })),
    })),
  };
}

/** Where a test's servers are, for each role. */
interface Servers {
  controlUrl(): string;
  sourceUrl(role: string): string;
  targetUrl(target: string, role: string): string;
}

/** The environment that the configuration refers to; `urls` replaces a target's URL, by a proxy's for example. */
export function populationEnvironment(
  servers: Servers,
  targets: readonly string[],
  urls: Readonly<Record<string, string>> = {},
): Record<string, string> {
  return {
    CONTROL_URL: servers.controlUrl(),
    POPULATION_URL: servers.sourceUrl(roles.source),
    ...Object.fromEntries(targets.map((name) => [targetVariable(name), urls[name] ?? servers.targetUrl(name, roles.target)])),
  };
}

function targetVariable(target: string): string {
  return `TARGET_${target.toUpperCase()}_URL`;
}
