// The first thing that runs on a fresh clone: plain JavaScript, no dependency. Installs what package-lock.json names when
// it is not there, builds, and hands over. `npm run demo`, `npm test`, `npm run check` and the CLI all start here.
import { spawnSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const at = (...parts) => join(root, ...parts);

/** Runs a program in the project's folder with its output shown; ends this process when it fails. */
function run(program, parameters, options = {}) {
  const result = spawnSync(program, parameters, { cwd: root, stdio: "inherit", ...options });
  if (result.error) throw result.error;
  if (result.status !== 0) process.exit(result.status ?? 1);
}

function bin(name) {
  return at("node_modules", ".bin", name);
}

/** npm writes node_modules/.package-lock.json at the end of an installation, so it is missing or old when one is owed. */
export function install() {
  const done = at("node_modules", ".package-lock.json");
  if (existsSync(done) && statSync(done).mtimeMs >= statSync(at("package-lock.json")).mtimeMs) return;
  console.error("Installing packages (once) ...");
  // Not `npm ci`: it refuses a lock file that leaves out optional packages for other platforms, which some registries do not
  // carry. This takes the same versions from the lock file and changes nothing in it.
  run("npm", ["install", "--no-save", "--no-audit", "--no-fund", "--loglevel=error"], { stdio: ["ignore", 2, 2] });
}

/** Compiles to dist/, incrementally, and puts together what the command line starts from. */
export function build() {
  install();
  run(bin("tsc"), ["-p", "tsconfig.build.json"], { stdio: ["ignore", 2, 2] });
  run(bin("rolldown"), ["--config"], { stdio: ["ignore", "ignore", 2] });
}

const folders = ["engine", "connectors", "mappings", "reconcilers", "deploy", "benchmarks", "test"];

/** What needs no server, in the order of how fast it finds mistakes. Each stage shows what it looked at. */
function check() {
  install();
  stage("format", bin("oxfmt"), ["--check", ...folders]);
  stage("lint", bin("oxlint"), ["--type-aware", "--deny-warnings", ...folders]);
  stage("types", bin("tsc"), ["--noEmit", "-p", "tsconfig.json"]);
  stage("imports", process.execPath, ["test/architecture/import-rules.mjs"]);
  stage("dead code", bin("knip"), ["--no-progress"]);
  stage("tests without servers", bin("vitest"), ["run", "--project", "unit"]);
}

function stage(name, program, parameters) {
  const started = Date.now();
  console.log(`── ${name}`);
  run(program, parameters);
  console.log(`   ${name}: ok in ${((Date.now() - started) / 1000).toFixed(1)} s`);
}

/** All suites, real servers. Arguments after `npm test --` go to vitest. */
function test(parameters) {
  build();
  run(bin("vitest"), ["run", ...parameters]);
}

/** What has a full size, at that, which takes hours: faults, and every right that is asked for. */
function testFull(parameters) {
  build();
  process.env["DONGBO_TEST_SIZE"] = "full";
  run(bin("vitest"), [
    "run",
    "--testTimeout=7200000",
    "e2e/",
    "--project",
    "fault",
    "--project",
    "stress",
    "--project",
    "mysql",
    ...parameters,
  ]);
}

/** References that are made from the code; tests check that they are current. */
function generate() {
  build();
  for (const script of ["config-schema", "reference"]) run(process.execPath, [`dist/deploy/generate/${script}.js`]);
}

/** The suite that says what this build can do on this machine, beside its anchors. */
function bench(parameters) {
  build();
  run(process.execPath, ["--enable-source-maps", "dist/benchmarks/bench.js", ...parameters]);
}

/** Both Kafka clients reading the same topic. */
function kafkaClients(parameters) {
  build();
  run(process.execPath, ["--enable-source-maps", "dist/benchmarks/kafka-clients/measure.js", ...parameters]);
}

/** dongbo and the stock Debezium JDBC sink reading the same topic. */
function debeziumSink(parameters) {
  build();
  run(process.execPath, ["--enable-source-maps", "dist/benchmarks/debezium-sink/measure.js", ...parameters]);
}

/** What further workers of a fleet bring. */
function fleet(parameters) {
  build();
  run(process.execPath, ["--enable-source-maps", "dist/benchmarks/fleet/measure.js", ...parameters]);
}

/** Whether `dongbo bench compare` stops a build that decodes more slowly, and no other. */
function gateCheck(parameters) {
  build();
  run(process.execPath, ["--enable-source-maps", "dist/benchmarks/gate-check/measure.js", ...parameters]);
}

/** The engine on simulated clock, source and targets, judged in every committed state; `--seed N` repeats a world. */
function simulate(parameters) {
  build();
  run(process.execPath, ["--enable-source-maps", "dist/test/simulation/simulate.js", ...parameters]);
}

/** The fleet under random load and random faults; `--minutes 30 --seed N`. */
function soak(parameters) {
  build();
  const env = { ...process.env, DONGBO_TEST_BUILD: "skip" };
  run(process.execPath, ["--enable-source-maps", "dist/test/soak/soak.js", ...parameters], { env });
}

function demo(parameters) {
  build();
  run(process.execPath, ["--enable-source-maps", "dist/deploy/demo/demo.js", ...parameters]);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [command, ...parameters] = process.argv.slice(2);
  const commands = {
    bench: () => bench(parameters),
    build,
    check,
    generate,
    demo: () => demo(parameters),
    "debezium-sink": () => debeziumSink(parameters),
    fleet: () => fleet(parameters),
    "gate-check": () => gateCheck(parameters),
    "kafka-clients": () => kafkaClients(parameters),
    simulate: () => simulate(parameters),
    soak: () => soak(parameters),
    test: () => test(parameters),
    "test-full": () => testFull(parameters),
  };
  const chosen = commands[command];
  if (chosen === undefined) {
    console.error(`usage: node deploy/bootstrap.mjs ${Object.keys(commands).join("|")}`);
    process.exit(2);
  }
  chosen();
}
