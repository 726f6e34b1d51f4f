// The pages of deploy/reference, made from the registers that the program itself uses, so that they cannot drift apart.
import type { ErrorCodeEntry, RetryKind } from "../../engine/model/error-code-entry.ts";
import { errorCodes } from "../../engine/model/error-codes.ts";
import { type MetricDefinition, metricRegister } from "../../engine/telemetry/metric-register.ts";

const areas: Readonly<Record<string, string>> = {
  CFG: "configuration file",
  PG: "a PostgreSQL server, as source or target",
  MY: "a MySQL or MariaDB server, as source or target",
  KAF: "Kafka, and what Debezium writes there",
  SLOT: "the source's change log",
  MAP: "tables, columns, filters and types against the source",
  TGT: "the target's own objects",
  ROW: "rows that cannot be written",
  RUN: "the engine and the command line",
  FLT: "a fleet of workers, and the Redis that hands out its jobs",
  REC: "comparing copies with their master",
  CTL: "the control database",
};

const behaviour: Readonly<Record<RetryKind, string>> = {
  timed: "dongbo tries again by itself, with growing pauses up to 15 s",
  operator: "what is named stops until somebody acts; everything else goes on",
  never: "the command ends",
};

/** Second line of every page. */
export const generated = "<!-- Made by deploy/generate/reference.ts from the registers in the sources; do not edit. -->";

/** One section an area, one entry a code. */
export function errorsPage(): string {
  const entries = Object.entries(errorCodes) as [string, ErrorCodeEntry][];
  const sections = Object.entries(areas).map(([area, title]) => {
    const own = entries.filter(([code]) => areaOf(code) === area).toSorted(([a], [b]) => (a < b ? -1 : 1));
    return own.length === 0 ? "" : [`## ${area}: ${title}`, ...own.map(([code, entry]) => errorEntry(code, entry))].join("\n\n");
  });
  const lead = [
    "# Error codes",
    generated,
    "Errors are printed as `DB-<AREA>-<NNN>: subject: cause. Remedy.` A code keeps its meaning for ever. DB001 is another thing: the\nSQLSTATE with which a target database refuses a copy that may not be used.",
  ];
  return `${[...lead, ...sections.filter((section) => section !== "")].join("\n\n")}\n`;
}

/** All areas that codes use; each must have a title here. */
export function untitledAreas(): string[] {
  return [...new Set(Object.keys(errorCodes).map(areaOf))].filter((area) => !Object.hasOwn(areas, area));
}

export function metricsPage(): string {
  const rows = (Object.entries(metricRegister) as [string, MetricDefinition][]).map(([name, metric]) => {
    const labels = metric.labels.length === 0 ? "" : `{${metric.labels.join(", ")}}`;
    return `## ${name}\n\n\`${name}${labels}\` · ${metric.kind} · ${metric.help}.\n\n${metric.reading}`;
  });
  const lead = [
    "# Metrics",
    generated,
    "Served in Prometheus' text format at `/metrics` of the address in `listen:`. Every metric exists from the start (`dongbo_fleet_*` in\nworkers), so a missing one means that dongbo does not run. Label values are names from the configuration, codes of errors.md, or the states named here.",
  ];
  return `${[...lead, ...rows].join("\n\n")}\n`;
}

function areaOf(code: string): string {
  return code.split("-")[1] ?? "";
}

function errorEntry(code: string, { meaning, usualCause, remedy, retry }: ErrorCodeEntry): string {
  const points = [`- Usual cause: ${usualCause}.`, `- Remedy: ${remedy}.`, `- Then: ${behaviour[retry]}.`];
  return `### ${code}\n\n${capital(meaning)}.\n\n${points.join("\n")}`;
}

function capital(sentence: string): string {
  return sentence.charAt(0).toUpperCase() + sentence.slice(1);
}
