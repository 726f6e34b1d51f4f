// Who may import whom. The tree shows the data's way; these rules keep it so.
const stage = (name) => `^${name}/`;

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    { name: "no-cycles", comment: "A cycle has no first page to read.", severity: "error", from: {}, to: { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } } },
    { name: "model-is-plain", comment: "Everybody may know the model, so it knows nobody.", severity: "error", from: { path: "^engine/model/" }, to: { pathNot: "^engine/model/", dependencyTypesNot: ["core"] } },
    { name: "ports-know-the-model-only", comment: "A port is a promise, not an implementation.", severity: "error", from: { path: "^engine/ports/" }, to: { pathNot: "^engine/(model|ports)/" } },
    { name: "engine-names-no-database", comment: "Sources and targets are behind ports.", severity: "error", from: { path: stage("engine") }, to: { path: "^(connectors|mappings|reconcilers|deploy|benchmarks|test)/" } },
    { name: "mappings-are-pure", comment: "Event in, events out: no I/O, no connector.", severity: "error", from: { path: stage("mappings") }, to: { pathNot: "^(mappings/|engine/(model|ports|config)/)", dependencyTypesNot: ["core"] } },
    { name: "mappings-do-no-io", severity: "error", comment: "Pure stages stay testable without servers.", from: { path: stage("mappings") }, to: { path: "^(node:)?(fs|net|tls|http|https|child_process|worker_threads)(/|$)" } },
    { name: "connectors-know-ports", comment: "A connector implements ports; it neither runs the pipeline nor maps.", severity: "error", from: { path: stage("connectors") }, to: { path: "^(mappings|reconcilers|deploy|benchmarks|test|engine/(pipeline|snapshot|fleet|control-store))/" } },
    { name: "connectors-stand-alone", comment: "Databases do not know each other.", severity: "error", from: { path: "^connectors/([^/]+)/" }, to: { path: "^connectors/([^/]+)/", pathNot: "^connectors/$1/" } },
    { name: "decode-is-pure", comment: "Decoding is bytes to events: no sockets, no timers.", severity: "error", from: { path: "^connectors/[^/]+/decode/" }, to: { path: "(^|/)(pg|mysql2|kafkajs|net|tls|timers)(/|$)" } },
    { name: "reconcilers-judge-through-ports", severity: "error", comment: "The judge does not know whom it judges.", from: { path: stage("reconcilers") }, to: { path: "^(connectors|mappings|deploy|benchmarks|test)/" } },
    { name: "nobody-imports-the-processes", comment: "Composition is the end of the line.", severity: "error", from: { pathNot: "^(deploy|benchmarks|test)/" }, to: { path: "^(deploy|benchmarks|test)/" } },
    { name: "the-product-does-not-import-tests", severity: "error", comment: "Tests and benchmarks are leaves.", from: { path: "^(engine|connectors|mappings|reconcilers|deploy)/" }, to: { path: "^(test|benchmarks)/" } },
    { name: "the-checker-is-independent", comment: "Whatever judges equality shares no code with the engine.", severity: "error", from: { path: "^test/checker/(?!.*\\.test\\.ts$)" }, to: { path: "^(engine|connectors|mappings|reconcilers|deploy)/" } },
    { name: "pg-in-its-connector", comment: "One door to PostgreSQL for the product, one for the control database.", severity: "error", from: { path: "^(engine|mappings|reconcilers|deploy|connectors)/", pathNot: "^(connectors/postgres|engine/control-store|deploy/embedded|deploy/demo)/" }, to: { path: "node_modules/(pg|pg-copy-streams)/" } },
    { name: "mysql-in-its-connector", comment: "One door to MySQL and MariaDB for the product.", severity: "error", from: { path: "^(engine|mappings|reconcilers|deploy|connectors)/", pathNot: "^(connectors/mysql|deploy/embedded|deploy/demo)/" }, to: { path: "node_modules/(mysql2|@vlasky)/" } },
    { name: "kafka-clients-behind-one-door", comment: "Clients come and go; the rest of the connector knows a port.", severity: "error", from: { path: "^(engine|mappings|reconcilers|deploy|connectors)/", pathNot: "^connectors/debezium/kafka/" }, to: { path: "node_modules/(kafkajs|@platformatic)/" } },
    { name: "metrics-in-telemetry", comment: "Every metric is in one register.", severity: "error", from: { pathNot: "^(engine/telemetry|test)/" }, to: { path: "node_modules/prom-client/" } },
    { name: "zod-at-the-edge", comment: "Parse, then trust.", severity: "error", from: { pathNot: "^(engine/config|deploy/generate|test)/|^benchmarks/suite/result\\.ts$|-config\\.ts$" }, to: { path: "node_modules/zod/" } },
    { name: "no-orphans", comment: "Code that nobody imports is dead, or a way in.", severity: "error", from: { orphan: true, pathNot: "^(deploy/|test/|benchmarks/|[^/]+$)|\\.d\\.ts$" }, to: {} },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "require", "node", "default", "types"] },
  },
};
