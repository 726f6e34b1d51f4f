import { readConfiguration, type LoadedConfiguration } from "../../../engine/config/load-config.ts";
import type { Environment } from "../../../engine/config/secret-references.ts";

/** A small valid file that tests change one thing of. */
export const sample = `version: 1
sources:
  population:
    connector: postgres
    url: \${env:POPULATION_URL}
    provider: { id: G01, name: Bộ Công an }
targets:
  hcm:
    connector: postgres
    url: \${env:HCM_URL}
    consumer: { id: "79", name: Thành phố Hồ Chí Minh }
shares:
  - id: population
    source: population
    regulation: { id: QC-01/2025, validity_period: PT24H, on_expiry: refuse, log_retention: P1Y }
    agreement: { id: TT-07/2026, from: 2026-01-01, to: 2027-01-01, purpose: Thủ tục hành chính, storage_basis: "42.1" }
    model: intermediary
    platform: NDXP
    tables:
      - source: public.citizen
        target: population.citizen
        key: [personal_id]
        columns: [personal_id, full_name, province_code]
        where: { province_code: { in: $provinces } }
    subscriptions:
      - { target: hcm, parameters: { provinces: ["79"] } }
`;

/** Passwords that no output may ever hold. */
export const secrets = ["hunter2-Ω", "s3cr3t", "p%40ssw0rd"] as const;

export const sampleEnvironment: Environment = {
  POPULATION_URL: `postgres://reader:s3cr3t@db.example.vn/population`,
  HCM_URL: "postgresql://writer:p%40ssw0rd@10.0.0.7:5433/hcm",
  HUE_URL: "mysql://writer:s3cr3t@10.0.0.8/hue",
  PASSWORD: "hunter2-Ω",
  EMPTY: "",
};

/** Replaces the one occurrence of `from`; a test that changes nothing would prove nothing. */
export function edited(text: string, from: string, to: string): string {
  if (text.split(from).length !== 2) throw new Error(`not exactly one occurrence of: ${from}`);
  return text.replace(from, () => to);
}

export function readSample(text: string, env: Environment = sampleEnvironment): LoadedConfiguration {
  return readConfiguration(text, "/etc/dongbo/dongbo.yaml", env);
}

/** Text whose `«` mark positions: the text without them, and each as line:column. */
export function unmark(marked: string): { text: string; positions: string[] } {
  const positions: string[] = [];
  const lines = marked.split("\n").map((line, index) => {
    const [first = "", ...rest] = line.split("«");
    let plain = first;
    for (const part of rest) {
      positions.push(`${index + 1}:${plain.length + 1}`);
      plain += part;
    }
    return plain;
  });
  return { text: lines.join("\n"), positions };
}
