import type { SourceLocation } from "../model/finding.ts";

/** A parameter of the share, to be replaced by the values that a subscription gives it. */
interface ParameterReference {
  readonly parameter: string;
}

/** A literal as text in the column's type, exactly as written in the file, or a parameter. */
export type WhereValue = string | ParameterReference;

/**
 * A row filter as written, before a subscription's parameters are put in: the same tree as Predicate. A parameter in a
 * list stands for all of its values; anywhere else it must have exactly one. `location` is where the condition is written.
 */
export type WhereClause =
  | { readonly op: "all"; readonly of: readonly WhereClause[]; readonly location: SourceLocation }
  | { readonly op: "any"; readonly of: readonly WhereClause[]; readonly location: SourceLocation }
  | { readonly op: "not"; readonly of: WhereClause; readonly location: SourceLocation }
  | {
      readonly op: "eq" | "ne" | "lt" | "lte" | "gt" | "gte" | "starts_with";
      readonly column: string;
      readonly value: WhereValue;
      readonly location: SourceLocation;
    }
  | {
      readonly op: "in" | "not_in";
      readonly column: string;
      readonly values: readonly WhereValue[];
      readonly location: SourceLocation;
    }
  | {
      readonly op: "is_null";
      readonly column: string;
      readonly value: boolean;
      readonly location: SourceLocation;
    };

/** How a filter uses one of its parameters. */
export interface ParameterUse {
  readonly parameter: string;
  /** Compared as one value somewhere, so it must have exactly one. */
  readonly single: boolean;
  /** The first condition that uses it, or the first that needs a single value. */
  readonly location: SourceLocation;
}

/** The parameters that the filter uses, each once, by name. */
export function parameterUses(where: WhereClause): ReadonlyMap<string, ParameterUse> {
  const uses = new Map<string, ParameterUse>();
  const note = (value: WhereValue, single: boolean, location: SourceLocation): void => {
    if (typeof value === "string") return;
    const { parameter } = value;
    const known = uses.get(parameter);
    if (known === undefined || (single && !known.single)) uses.set(parameter, { parameter, single, location });
  };
  const visit = (node: WhereClause): void => {
    if (node.op === "all" || node.op === "any") node.of.forEach(visit);
    else if (node.op === "not") visit(node.of);
    else if ("values" in node) {
      for (const value of node.values) note(value, false, node.location);
    } else if (node.op !== "is_null") note(node.value, true, node.location);
  };
  visit(where);
  return uses;
}
