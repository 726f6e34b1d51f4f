// dongbo.yaml of an installation that is measured. URLs are in the environment: SOURCE_URL, CONTROL_URL, TARGET_0_URL, …

export type Family = "postgres" | "mysql";

export interface BenchConfiguration {
  /** The name is that of the publication and the slot as well. */
  readonly source: { readonly name: string; readonly connector: Family; readonly table: string };
  /** Each with the values of the filter column that it gets. */
  readonly targets: readonly { readonly connector: Family; readonly values?: readonly string[] }[];
  /** All when absent. */
  readonly columns?: readonly string[];
  /** Every row when absent. */
  readonly filterColumn?: string;
}

export function benchConfiguration({ source, targets, columns, filterColumn }: BenchConfiguration): object {
  return {
    version: 1,
    control: "${env:CONTROL_URL}",
    data_dir: ".dongbo",
    listen: "off",
    sources: { [source.name]: { connector: source.connector, url: "${env:SOURCE_URL}", provider: { id: "G01", name: "Bộ Công an" } } },
    targets: Object.fromEntries(
      targets.map(({ connector }, at) => [
        `t${at}`,
        { connector, url: `\${env:TARGET_${at}_URL}`, consumer: { id: `C${at}`, name: `Tỉnh ${at}` } },
      ]),
    ),
    shares: [
      {
        id: "register",
        source: source.name,
        regulation: { id: "QC-01/2025", validity_period: "PT24H", on_expiry: "refuse", log_retention: "P1Y" },
        agreement: { id: "TT-07/2026", from: "2020-01-01", to: "2100-01-01", purpose: "Đo hiệu năng", storage_basis: "42.1" },
        model: "intermediary",
        platform: "Nền tảng chia sẻ, điều phối dữ liệu",
        tables: [
          {
            source: source.table,
            target: "copy.citizen",
            key: ["id"],
            ...(columns === undefined ? {} : { columns }),
            ...(filterColumn === undefined ? {} : { where: { [filterColumn]: { in: "$values" } } }),
          },
        ],
        subscriptions: targets.map(({ values }, at) => ({ target: `t${at}`, ...(values === undefined ? {} : { parameters: { values } }) })),
      },
    ],
  };
}
