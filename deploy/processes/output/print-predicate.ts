import type { Predicate } from "../../../engine/model/predicate.ts";

/** Values of a list that are shown. */
const valuesShown = 6;

const signs = { eq: "=", ne: "<>", lt: "<", lte: "<=", gt: ">", gte: ">=" } as const;

/** A filter, or a part of one, as a person reads it: `province_code in (79, 46) and not (deleted = true)`. */
export function printPredicate(predicate: Predicate): string {
  switch (predicate.op) {
    case "all":
    case "any":
      return predicate.of
        .map((part) => (part.op === "all" || part.op === "any" ? `(${printPredicate(part)})` : printPredicate(part)))
        .join(predicate.op === "all" ? " and " : " or ");
    case "not":
      return `not (${printPredicate(predicate.of)})`;
    case "in":
    case "not_in": {
      const more = predicate.values.length > valuesShown ? [`… ${predicate.values.length} values`] : [];
      const values = [...predicate.values.slice(0, valuesShown), ...more].join(", ");
      return `${predicate.column} ${predicate.op === "in" ? "in" : "not in"} (${values})`;
    }
    case "is_null":
      return `${predicate.column} is ${predicate.value ? "" : "not "}null`;
    case "starts_with":
      return `${predicate.column} starts with ${predicate.value}`;
    default:
      return `${predicate.column} ${signs[predicate.op]} ${predicate.value}`;
  }
}
