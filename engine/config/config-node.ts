import type { SourceLocation } from "../model/finding.ts";

/** Where a part of the file is, for findings: its path from the top (`shares[0].tables[1].key`) and its position. */
export interface Place {
  readonly path: string;
  readonly location: SourceLocation;
}

/**
 * The file as a tree of plain values that know where they are written. Aliases are already followed. Unlike the objects
 * that a YAML library makes, a scalar keeps its text: `1.10` and `079` stay what was written.
 */
export type ConfigNode = ScalarNode | ListNode | MapNode;

export interface ScalarNode extends Place {
  readonly kind: "scalar";
  readonly value: string | number | boolean | null;
  /** As written, without quotes. */
  readonly text: string;
}

interface ListNode extends Place {
  readonly kind: "list";
  readonly items: readonly ConfigNode[];
}

export interface MapNode extends Place {
  readonly kind: "map";
  readonly entries: ReadonlyMap<string, MapEntry>;
}

/** `location` is that of the key. */
export interface MapEntry extends Place {
  readonly key: string;
  readonly node: ConfigNode;
}

/** The value under a key; undefined when there is none or the node is no map. */
export function child(node: ConfigNode | undefined, key: string): ConfigNode | undefined {
  return node?.kind === "map" ? node.entries.get(key)?.node : undefined;
}

/** The entries of a map; none when the node is something else. */
export function entries(node: ConfigNode | undefined): readonly MapEntry[] {
  return node?.kind === "map" ? [...node.entries.values()] : [];
}

/** The items of a list; none when the node is something else. */
export function items(node: ConfigNode | undefined): readonly ConfigNode[] {
  return node?.kind === "list" ? node.items : [];
}

/** The text of a scalar that is text; undefined for anything else. */
export function textOf(node: ConfigNode | undefined): string | undefined {
  return node?.kind === "scalar" && typeof node.value === "string" ? node.value : undefined;
}

/** What kind of value a node holds, for people. */
export function kindOf(node: ConfigNode): string {
  if (node.kind === "list") return "a list";
  if (node.kind === "map") return "a mapping";
  if (node.value === null) return "nothing";
  if (typeof node.value === "string") return "text";
  return typeof node.value === "boolean" ? "true or false" : "a number";
}

/** The tree as ordinary objects, for a schema to judge. Objects have no prototype, so that no key means more than it says. */
export function plain(node: ConfigNode): unknown {
  if (node.kind === "scalar") return node.value;
  if (node.kind === "list") return node.items.map(plain);
  const object = Object.create(null) as Record<string, unknown>;
  for (const entry of node.entries.values()) object[entry.key] = plain(entry.node);
  return object;
}

/** The path of a key in a map. A key that could be a connection URL with its password is not repeated. */
export function keyPath(path: string, key: string): string {
  if (/^[\w-]{1,64}$/.test(key)) return path === "" ? key : `${path}.${key}`;
  return `${path}[${printKey(key)}]`;
}

/** A key as it may be shown to people. */
export function printKey(key: string): string {
  if (key.includes("://")) return '"…"';
  return key.length <= 64 ? JSON.stringify(key) : `${JSON.stringify(key.slice(0, 60)).slice(0, -1)}…"`;
}
