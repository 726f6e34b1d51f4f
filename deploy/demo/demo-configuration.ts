import { type DemoDatabases, type Province, provinces } from "./demo-databases.ts";

/** Seconds after which the short-lived share may no longer be used without a sync. */
export const shortValiditySeconds = 5;

/** The demo's configuration file. Two shares: one that lasts a day, and one, for Huế, that lasts seconds so that it can be seen to end. */
export function demoConfiguration(databases: DemoDatabases): string {
  return `version: 1
control: embedded
data_dir: .dongbo
listen: 127.0.0.1:0
sources:
  population:
    connector: postgres
    url: "\${env:POPULATION_URL}"
    provider: { id: G01, name: "Bộ Công an" }
targets:
${provinces.map((province) => targetLine(province, databases.connector(province))).join("\n")}
shares:
  - id: population
    source: population
    regulation: { id: QC-01/2025, validity_period: PT24H, on_expiry: refuse, log_retention: P1Y }
    agreement: { id: TT-07/2026, from: 2020-01-01, to: 2100-01-01, purpose: "Giải quyết thủ tục hành chính", storage_basis: "42.1" }
    model: intermediary
    platform: "Nền tảng chia sẻ, điều phối dữ liệu"
    tables:
      - source: public.citizen
        target: population.citizen
        key: [personal_id]
        columns: [personal_id, full_name, birth_date, gender_code, province_code, address]
        where: { province_code: { in: $provinces } }
    subscriptions:
${provinces.map(subscriptionLine).join("\n")}
  - id: code-lists
    source: population
    regulation: { id: QC-02/2025, validity_period: PT${shortValiditySeconds}S, on_expiry: refuse, log_retention: P1Y }
    agreement: { id: TT-08/2026, from: 2020-01-01, to: 2100-01-01, purpose: "Danh mục dùng chung", storage_basis: "42.1" }
    model: intermediary
    platform: "Nền tảng chia sẻ, điều phối dữ liệu"
    tables:
      - { source: public.province, target: code_list.province, key: [code], columns: [code, name] }
    subscriptions:
      - { target: hue }
`;
}

function targetLine({ id, code, name }: Province, connector: string): string {
  return `  ${id}: { connector: ${connector}, url: "\${env:${id.toUpperCase()}_URL}", readers: [app_reader], consumer: { id: "${code}", name: "${name}" } }`;
}

function subscriptionLine({ id, code }: Province): string {
  return `      - { target: ${id}, parameters: { provinces: ["${code}"] } }`;
}
