import type { core } from "zod";
import { kindOf, printKey, type ConfigNode, type MapEntry, type Place } from "./config-node.ts";
import type { KnownKeys, ProblemParams } from "./config-fields.ts";
import type { Report } from "./report.ts";
import { chooseAmong } from "./suggestion.ts";

type Issue = core.$ZodIssue;

/** Words zod's judgement of the file's shape for people, each issue at the place in the file that it goes back to. */
export function reportIssues(issues: readonly Issue[], root: ConfigNode, report: Report): void {
  for (const issue of issues) reportIssue(issue, root, report);
}

/** `base` is the node that the issue's path starts from. */
function reportIssue(issue: Issue, base: ConfigNode, report: Report): void {
  const { node, place, parent, key: keyPlace } = find(base, issue.path);
  if (node === undefined && issue.code !== "invalid_key") {
    const key = String(issue.path.at(-1) ?? "");
    report.error("DB-CFG-007", parent, { cause: `the key \`${key}\` is missing`, remedy: `Add \`${key}:\`` });
    return;
  }
  switch (issue.code) {
    case "unrecognized_keys":
      return reportUnknownKeys(issue, place, node, report);
    case "invalid_union":
      if ("options" in issue) return reportChoice(issue.options ?? [], node, place, report);
      return reportUnion(issue, node, place, report);
    case "custom": {
      const params = issue.params as ProblemParams | undefined;
      if (params !== undefined) return report.problem(params.problem, place);
      return report.error("DB-CFG-009", place, { cause: "at least one entry is needed", remedy: "Add an entry" });
    }
    case "invalid_key":
      for (const inner of issue.issues) {
        if (inner.code === "custom") report.problem((inner.params as unknown as ProblemParams).problem, keyPlace);
      }
      return;
    case "invalid_type":
      return report.error("DB-CFG-008", place, mismatch([issue.expected], node));
    case "invalid_value":
      return reportValue(issue, node, place, report);
    case "too_small":
    case "too_big":
      return report.error("DB-CFG-009", place, outOfBounds(issue));
    default:
      return report.error("DB-CFG-009", place);
  }
}

function reportUnknownKeys(issue: Issue & { code: "unrecognized_keys" }, place: Place, node: ConfigNode | undefined, report: Report): void {
  const { known, elsewhere } = JSON.parse(issue.message) as KnownKeys;
  for (const key of issue.keys) {
    const at = node?.kind === "map" ? (node.entries.get(key) ?? place) : place;
    const owner = Object.hasOwn(elsewhere, key) ? elsewhere[key] : undefined;
    if (owner !== undefined) report.error("DB-CFG-013", at, { cause: `the key \`${key}\` goes with connector ${owner}` });
    else report.error("DB-CFG-006", at, { cause: `the key ${printKey(key)} is not known here`, remedy: chooseAmong(key, known) });
  }
}

function reportValue(issue: Issue & { code: "invalid_value" }, node: ConfigNode | undefined, place: Place, report: Report): void {
  if (place.path === "version") return report.error("DB-CFG-011", place);
  reportChoice(issue.values, node, place, report);
}

function reportChoice(values: readonly unknown[], node: ConfigNode | undefined, place: Place, report: Report): void {
  const known = values.map(String);
  const isText = node?.kind === "scalar" && typeof node.value === "string";
  if (!isText) return report.error("DB-CFG-008", place, mismatch(["string"], node));
  report.error("DB-CFG-009", place, {
    cause: "the value is not one of those accepted",
    remedy: chooseAmong(node.text, known),
  });
}

/**
 * A value that may take several forms: when one form fits on the outside, its inner mistakes are told; when none does,
 * what the forms are.
 */
function reportUnion(issue: Issue & { code: "invalid_union" }, node: ConfigNode | undefined, place: Place, report: Report): void {
  const fitting = issue.errors.filter((branch) => !branch.some((inner) => inner.path.length === 0 && isMismatch(inner)));
  const [form] = fitting;
  if (form !== undefined && node !== undefined) {
    for (const inner of form) reportIssue(inner, node, report);
    return;
  }
  const values = issue.errors.flatMap((branch) =>
    branch.flatMap((inner) => (inner.code === "invalid_value" ? inner.values.map(String) : [])),
  );
  if (node?.kind === "scalar" && typeof node.value === "string" && values.length > 0) {
    return report.error("DB-CFG-009", place, { cause: "the value is not one of those accepted", remedy: chooseAmong(node.text, values) });
  }
  const expected = issue.errors.flatMap((branch) =>
    branch.flatMap((inner) => (inner.code === "invalid_type" ? [inner.expected] : inner.code === "invalid_value" ? ["string"] : [])),
  );
  report.error("DB-CFG-008", place, mismatch(expected, node));
}

function isMismatch(issue: Issue): boolean {
  return issue.code === "invalid_type" || issue.code === "invalid_value";
}

const kinds: Readonly<Record<string, string>> = {
  string: "text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  tuple: "a list",
  object: "a mapping",
  record: "a mapping",
};

function mismatch(expected: readonly string[], node: ConfigNode | undefined): { cause: string; remedy?: string } {
  const wanted = [...new Set(expected.map((kind) => kinds[kind] ?? kind))].join(" or ");
  const found = node === undefined ? "nothing" : kindOf(node);
  const cause = `${wanted} is expected, ${found} is written`;
  const unquoted = node?.kind === "scalar" && node.value !== null && typeof node.value !== "string" && expected.includes("string");
  return unquoted ? { cause, remedy: 'Put the value in quotes, as in "79"' } : { cause, remedy: `Write ${wanted}` };
}

function outOfBounds(issue: Issue & { code: "too_small" | "too_big" }): { cause: string; remedy: string } {
  const small = issue.code === "too_small";
  const bound = String(small ? issue.minimum : issue.maximum);
  if (issue.origin === "string") {
    return small
      ? { cause: "the text is empty", remedy: "Write the text, or remove the key" }
      : { cause: `the text is longer than ${bound} characters`, remedy: "Shorten it" };
  }
  if (issue.origin === "array") {
    const cause = small ? `the list has fewer than ${bound} entries` : `the list has more than ${bound} entries`;
    return { cause, remedy: small ? "Add what is missing" : "Remove what is too much" };
  }
  const cause = small ? `the number is less than ${bound}` : `the number is greater than ${bound}`;
  return { cause, remedy: small ? `Write at least ${bound}` : `Write at most ${bound}` };
}

interface Found {
  /** Undefined when nothing is written there. */
  readonly node: ConfigNode | undefined;
  readonly place: Place;
  /** Of the key that the path ends with; of the value when it ends with an index. */
  readonly key: Place;
  /** The deepest part of the path that is written. */
  readonly parent: Place;
}

/** Goes down the path. What is missing takes the place of what encloses it. */
function find(base: ConfigNode, path: readonly PropertyKey[]): Found {
  let node: ConfigNode | undefined = base;
  let place: Place = base;
  let parent: Place = base;
  let key: Place = base;
  for (const step of path) {
    if (node === undefined) break;
    parent = node;
    const entry: MapEntry | undefined = node.kind === "map" ? node.entries.get(String(step)) : undefined;
    node = node.kind === "list" && typeof step === "number" ? node.items[step] : entry?.node;
    if (node !== undefined) place = node;
    key = entry ?? place;
  }
  return { node, place, parent, key };
}
