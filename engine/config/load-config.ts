import { readFileSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import type { Finding } from "../model/finding.ts";
import { assemble } from "./assemble.ts";
import { child, entries, items, plain, textOf, type ConfigNode, type Place } from "./config-node.ts";
import { readParts, type ConfigParts } from "./config-parts.ts";
import { configFile } from "./config-schema.ts";
import type { Configuration } from "./configuration.ts";
import { checkDebezium } from "./debezium-checks.ts";
import { checkCopies, checkMasters, checkPublished, checkReaders } from "./ownership-checks.ts";
import { anySource, anyTarget, connectors } from "./server-schemas.ts";
import { Report } from "./report.ts";
import { reportIssues } from "./schema-findings.ts";
import type { Environment } from "./secret-references.ts";
import { checkLaw, checkParameters, checkReferences, checkUse } from "./share-checks.ts";
import { checkReferencing } from "./referencing-checks.ts";
import { checkServerNames, checkTables } from "./table-checks.ts";
import { fileBytesMax, readYaml } from "./yaml-tree.ts";

export interface LoadedConfiguration {
  /** Null when there is a finding of severity error. */
  readonly configuration: Configuration | null;
  /** Everything there is to say of the file, in the order of the file. */
  readonly findings: readonly Finding[];
}

/**
 * Reads a configuration file. Findings name the file as `path` does. All mistakes are told at once, except that a file
 * that is no YAML is not looked at further. Never throws for what a file may hold.
 */
export function loadConfiguration(path: string, env: Environment): LoadedConfiguration {
  const report = new Report();
  const text = readText(path, report);
  return text === null ? { configuration: null, findings: report.findings() } : readConfiguration(text, path, env);
}

/** The same for text that is already read; `path` names it in findings and gives the folder that paths start from. */
export function readConfiguration(text: string, path: string, env: Environment): LoadedConfiguration {
  const report = new Report();
  const root = readYaml(text, path, report);
  if (root === null) return { configuration: null, findings: report.findings() };
  const context = { env, directory: dirname(resolve(path)) };
  const shape = configFile.safeParse(plain(root));
  if (!shape.success) reportIssues(shape.error.issues, root, report);
  judgeUnknown(child(root, "sources"), anySource, report);
  judgeUnknown(child(root, "targets"), anyTarget, report);
  const parts = readParts(root, context, report);
  checkMeaning(root, parts, report);
  const complete = shape.success && !report.hasErrors;
  const configuration = complete ? assemble({ file: shape.data, root, parts, context }, path) : null;
  return { configuration, findings: report.findings() };
}

/** The schema says nothing else of an entry whose connector it does not know. */
function judgeUnknown(servers: ConfigNode | undefined, schema: typeof anySource | typeof anyTarget, report: Report): void {
  for (const { node } of entries(servers)) {
    if (connectors.has(textOf(child(node, "connector")) ?? "") || node.kind !== "map") continue;
    reportIssues(schema.safeParse(plain(node)).error?.issues ?? [], node, report);
  }
}

/** What no schema can say. Each check passes over what is missing or malformed: that is reported already. */
function checkMeaning(root: ConfigNode, parts: ConfigParts, report: Report): void {
  checkReferences(root, report);
  for (const share of items(child(root, "shares"))) {
    checkLaw(root, share, report);
    checkTables(share, report);
    checkServerNames(root, share, report);
    checkReferencing(share, report);
    checkParameters(share, parts, report);
  }
  checkDebezium(root, report);
  checkMasters(root, parts, report);
  checkReaders(root, parts, report);
  checkCopies(root, parts, report);
  checkPublished(root, parts, report);
  if (!report.hasErrors) checkUse(root, report);
}

function readText(path: string, report: Report): string | null {
  const place: Place = { path: "", location: { file: path, line: 1, column: 1 } };
  try {
    const status = statSync(path);
    if (!status.isFile()) {
      report.error("DB-CFG-001", place, { cause: "it is not a file" });
      return null;
    }
    if (status.size > fileBytesMax) {
      report.error("DB-CFG-003", place, { cause: "the file is larger than 1 MiB" });
      return null;
    }
    const bytes = readFileSync(path);
    try {
      return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    } catch {
      report.error("DB-CFG-002", place, { cause: "the file is not UTF-8 text", remedy: "Save it as UTF-8" });
      return null;
    }
  } catch (error) {
    const reason = error instanceof Error && "code" in error ? String(error.code) : "unreadable";
    report.error("DB-CFG-001", place, { cause: `the configuration file cannot be read (${reason})` });
    return null;
  }
}
