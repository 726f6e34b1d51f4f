import { kindOf, type ConfigNode, type MapEntry } from "./config-node.ts";
import type { Report } from "./report.ts";
import { parameterName, readLiteral } from "./where-parser.ts";

/** One parameter as a subscription gives it. */
export interface GivenParameter {
  readonly entry: MapEntry;
  /** Null when they could not be read, which is then reported. */
  readonly values: readonly string[] | null;
}

/**
 * Reads `parameters:` of a subscription: by name a list of values, or one value alone. Values keep the text that is
 * written, so `[079]` is 079 whatever YAML makes of it.
 */
export function readParameters(node: ConfigNode | undefined, report: Report): ReadonlyMap<string, GivenParameter> {
  const parameters = new Map<string, GivenParameter>();
  if (node === undefined) return parameters;
  if (node.kind !== "map") {
    report.error("DB-CFG-008", node, {
      cause: `a mapping from names to lists of values is expected, ${kindOf(node)} is written`,
      remedy: 'Write, for example, parameters: { provinces: ["79"] }',
    });
    return parameters;
  }
  for (const entry of node.entries.values()) {
    if (!parameterName.test(entry.key)) {
      report.error("DB-CFG-055", entry, {
        cause: "the name of the parameter is malformed",
        remedy: "Use letters, digits and _, beginning with a letter or _",
      });
    }
    parameters.set(entry.key, { entry, values: readValues(entry.node, report) });
  }
  return parameters;
}

function readValues(node: ConfigNode, report: Report): readonly string[] | null {
  const written = node.kind === "list" ? node.items : [node];
  if (written.length === 0) {
    const remedy = "Name at least one value; to end the subscription, remove it";
    report.error("DB-CFG-055", node, { cause: "the parameter has no values, so the copy could never hold a row", remedy });
    return null;
  }
  const values: string[] = [];
  for (const item of written) {
    if (item.kind !== "scalar") {
      report.error("DB-CFG-055", item, {
        cause: `a plain value is expected, ${kindOf(item)} is written`,
        remedy: "Write a list of values",
      });
      continue;
    }
    const literal = readLiteral(item, report);
    if (literal !== null) values.push(literal);
  }
  return values.length === written.length ? [...new Set(values)] : null;
}
