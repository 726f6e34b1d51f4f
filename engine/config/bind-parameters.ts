import type { SourceLocation } from "../model/finding.ts";
import type { Predicate } from "../model/predicate.ts";
import { ReplicationError } from "../model/replication-error.ts";
import type { WhereClause, WhereValue } from "./where-clause.ts";

/** Values by parameter name, as text in the type of the column they are compared with. */
export type Parameters = ReadonlyMap<string, readonly string[]>;

/**
 * Puts a subscription's parameters into a filter. In a list a parameter stands for all its values, each kept once;
 * elsewhere it must have exactly one. An empty list is refused: a copy that can never hold a row is a mistake, and
 * ending a subscription is done by removing it.
 * Throws DB-CFG-053 when a parameter is missing and DB-CFG-055 when its values do not fit. After loadConfiguration
 * neither happens for the file's own subscriptions.
 */
export function bindParameters(where: WhereClause, parameters: Parameters): Predicate {
  switch (where.op) {
    case "all":
    case "any":
      return { op: where.op, of: where.of.map((part) => bindParameters(part, parameters)) };
    case "not":
      return { op: "not", of: bindParameters(where.of, parameters) };
    case "is_null":
      return { op: "is_null", column: where.column, value: where.value };
    case "in":
    case "not_in": {
      const values = where.values.flatMap((value) => valuesOf(value, parameters, where.location));
      return { op: where.op, column: where.column, values: [...new Set(values)] };
    }
    default: {
      const values = valuesOf(where.value, parameters, where.location);
      const [value] = values;
      if (value === undefined || values.length > 1) {
        throw new ReplicationError("DB-CFG-055", {
          subject: printLocation(where.location),
          cause: `the filter compares \`${where.column}\` with one value, the parameter has ${values.length}`,
        });
      }
      return { op: where.op, column: where.column, value };
    }
  }
}

function valuesOf(value: WhereValue, parameters: Parameters, location: SourceLocation): readonly string[] {
  if (typeof value === "string") return [value];
  const values = parameters.get(value.parameter);
  if (values === undefined) {
    throw new ReplicationError("DB-CFG-053", {
      subject: printLocation(location),
      cause: `the filter's parameter \`${value.parameter}\` has no value`,
    });
  }
  if (values.length === 0) {
    throw new ReplicationError("DB-CFG-055", {
      subject: printLocation(location),
      cause: `the parameter \`${value.parameter}\` has no values`,
    });
  }
  return values;
}

function printLocation({ file, line, column }: SourceLocation): string {
  return `${file}:${line}:${column}`;
}
