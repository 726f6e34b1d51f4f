import { child, entries, items, textOf, type ConfigNode, type MapEntry } from "./config-node.ts";
import type { ConfigParts } from "./config-parts.ts";
import { parseDuration } from "./duration.ts";
import { parseInstant } from "./instant.ts";
import type { Report } from "./report.ts";
import { chooseAmong } from "./suggestion.ts";
import { parameterUses, type ParameterUse } from "./where-clause.ts";

/** Checks ids and references between shares, sources and targets. */
export function checkReferences(root: ConfigNode, report: Report): void {
  const sources = entries(child(root, "sources"));
  const targets = entries(child(root, "targets"));
  const shares = items(child(root, "shares"));
  refuseRepeated(shares, "id", "another share has this id", report);
  for (const share of shares) {
    checkReference(child(share, "source"), "source", sources, report);
    const subscriptions = items(child(share, "subscriptions"));
    refuseRepeated(subscriptions, "target", "another subscription of the share has this target", report);
    for (const subscription of subscriptions) checkReference(child(subscription, "target"), "target", targets, report);
  }
}

/** Tells of sources and targets that no share uses. Only for a file in order: in another one the share may be the mistake. */
export function checkUse(root: ConfigNode, report: Report): void {
  const shares = items(child(root, "shares"));
  const subscriptions = shares.flatMap((share) => items(child(share, "subscriptions")));
  warnOfUnused(entries(child(root, "sources")), used("source", shares), report);
  warnOfUnused(entries(child(root, "targets")), used("target", subscriptions), report);
}

function used(key: string, nodes: readonly ConfigNode[]): Set<string | undefined> {
  return new Set(nodes.map((node) => textOf(child(node, key))));
}

function refuseRepeated(nodes: readonly ConfigNode[], key: string, cause: string, report: Report): void {
  const seen = new Set<string>();
  for (const node of nodes) {
    const place = child(node, key);
    const id = textOf(place);
    if (place === undefined || id === undefined) continue;
    if (seen.has(id)) report.error("DB-CFG-060", place, { cause });
    seen.add(id);
  }
}

function checkReference(node: ConfigNode | undefined, what: string, defined: readonly MapEntry[], report: Report): void {
  const id = textOf(node);
  if (node === undefined || id === undefined) return;
  const known = defined.map((entry) => entry.key);
  if (!known.includes(id)) {
    report.error("DB-CFG-061", node, { cause: `no ${what} of this id is defined`, remedy: chooseAmong(id, known) });
  }
}

function warnOfUnused(defined: readonly MapEntry[], used: ReadonlySet<string | undefined>, report: Report): void {
  for (const entry of defined) if (!used.has(entry.key)) report.warning("DB-CFG-067", entry);
}

/** Checks what the law asks of a share: its term, its periods, how the parties are connected. */
export function checkLaw(root: ConfigNode, share: ConfigNode, report: Report): void {
  checkTerm(child(share, "agreement"), report);
  const regulation = child(share, "regulation");
  for (const key of ["validity_period", "log_retention"]) {
    refuseNoLength(child(regulation, key), "Write the period that the usage regulation states", report);
  }
  refuseNoLength(child(child(share, "reconcile"), "every"), "Write how often copies are compared, or leave it out", report);
  checkModel(root, share, report);
}

function refuseNoLength(node: ConfigNode | undefined, remedy: string, report: Report): void {
  const reading = parseDuration(textOf(node) ?? "");
  if (node !== undefined && reading.ok && reading.value <= 0)
    report.error("DB-CFG-030", node, { cause: "the period has no length", remedy });
}

function checkTerm(agreement: ConfigNode | undefined, report: Report): void {
  const end = child(agreement, "to");
  const from = parseInstant(textOf(child(agreement, "from")) ?? "");
  const to = parseInstant(textOf(end) ?? "");
  if (end !== undefined && from.ok && to.ok && to.value.getTime() <= from.value.getTime()) report.error("DB-CFG-064", end);
}

/** D194 19.2: a direct connection needs a written statement by whoever manages the intermediary, which is not the provider. */
function checkModel(root: ConfigNode, share: ConfigNode, report: Report): void {
  const model = child(share, "model");
  const basis = child(share, "direct_basis");
  if (textOf(model) !== "direct") {
    const given = model === undefined || textOf(model) === "intermediary";
    if (given && child(share, "platform") === undefined && share.kind === "map") report.warning("DB-CFG-066", model ?? share);
    return;
  }
  if (model !== undefined && basis === undefined) report.error("DB-CFG-065", model);
  const issuer = child(basis, "issuer");
  const provider = child(child(child(root, "sources"), textOf(child(share, "source")) ?? ""), "provider");
  const names = [textOf(child(provider, "id")), textOf(child(provider, "name"))];
  if (issuer !== undefined && names.includes(textOf(issuer) ?? "")) {
    report.error("DB-CFG-065", issuer, { cause: "the statement is issued by the provider itself, not by the intermediary's manager" });
  }
}

/** Checks that every subscription gives the parameters that the share's filters use, and no others. */
export function checkParameters(share: ConfigNode, parts: ConfigParts, report: Report): void {
  const uses = new Map<string, ParameterUse>();
  let complete = true;
  for (const table of items(child(share, "tables"))) {
    const where = child(table, "where");
    const filter = where === undefined ? undefined : parts.filters.get(where);
    if (where !== undefined && filter === undefined) complete = false;
    if (filter === undefined) continue;
    for (const use of parameterUses(filter).values()) if (uses.get(use.parameter)?.single !== true) uses.set(use.parameter, use);
  }
  for (const subscription of items(child(share, "subscriptions"))) {
    const given = parts.parameters.get(subscription) ?? new Map();
    for (const { parameter, location, single } of uses.values()) {
      const entry = given.get(parameter);
      if (entry === undefined) {
        const cause = `the parameter \`${parameter}\`, used in line ${location.line}, has no value`;
        report.error("DB-CFG-053", subscription, { cause });
      } else if (single && entry.values !== null && entry.values.length > 1) {
        const cause = `the filter in line ${location.line} compares with one value, ${entry.values.length} are given`;
        report.error("DB-CFG-055", entry.entry, { cause, remedy: "Give exactly one value, or use `in` in the filter" });
      }
    }
    // While a filter cannot be read nobody knows which parameters it uses.
    if (!complete) continue;
    for (const [name, { entry }] of given) {
      if (!uses.has(name)) report.error("DB-CFG-054", entry, { remedy: chooseAmong(name, [...uses.keys()]) });
    }
  }
}
