import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  parseDocument,
  visit,
  type Document,
  type Node,
  type YAMLParseError,
} from "yaml";
import type { SourceLocation } from "../model/finding.ts";
import { keyPath, type ConfigNode, type MapEntry, type Place } from "./config-node.ts";
import type { Report } from "./report.ts";

// Limits of a file. They are far above any real configuration and keep a wrong or hostile file from taking the memory.
export const fileBytesMax = 1024 * 1024;
const depthMax = 64;
const indentMax = 512;
const nodesMax = 100_000;
/** A broken file can hold as many syntax errors as characters; the first ones tell what is wrong. */
const syntaxErrorsMax = 20;

/** Reads YAML text as a tree; null when it cannot be read at all, with the reasons in the report. */
export function readYaml(text: string, file: string, report: Report): ConfigNode | null {
  const lines = new LineCounter();
  const locate = (offset: number): SourceLocation => {
    const { line, col } = lines.linePos(offset);
    return { file, line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const content = protectReferences(text.startsWith("\uFEFF") ? text.slice(1) : text);
  const top: Place = { path: "", location: { file, line: 1, column: 1 } };
  if (Buffer.byteLength(content) > fileBytesMax) {
    report.error("DB-CFG-003", top, { cause: "the file is larger than 1 MiB" });
    return null;
  }
  if (/[\uFDD0-\uFDEF]/.test(text)) {
    report.error("DB-CFG-002", top, { cause: "the file holds characters that are none (U+FDD0 to U+FDEF)" });
    return null;
  }
  if (isTooDeep(content)) {
    report.error("DB-CFG-003", top, { cause: `values are nested more than ${depthMax} levels deep` });
    return null;
  }
  const document = parseDocument(content, {
    lineCounter: lines,
    prettyErrors: false,
    stringKeys: true,
    uniqueKeys: false,
    resolveKnownTags: false,
    logLevel: "error",
  });
  if (!isWellFormed(document, report, locate)) return null;
  if (document.contents === null) {
    report.error("DB-CFG-002", top, { cause: "the file is empty", remedy: "Write a configuration; deploy/examples holds one" });
    return null;
  }
  const reader = new TreeReader(report, locate);
  const tree = reader.read(document.contents, top);
  return reader.isOverLimit ? null : tree;
}

/**
 * YAML ends a plain value at a brace when it stands inside `{…}` or `[…]`, so `{ url: ${env:URL} }` would be a syntax
 * error. References are therefore hidden from the parser behind as many characters, which leaves every position as it is.
 */
function protectReferences(text: string): string {
  return text.replace(/\$\{([^{}\n]*)\}/g, "\uFDD0\uFDD1$1\uFDD2");
}

function restoreReferences(text: string): string {
  return text.replaceAll("\uFDD0\uFDD1", "${").replaceAll("\uFDD2", "}");
}

/**
 * Looks at the nesting before the parser does, which is recursive. Counts open brackets, and markers of lists and keys
 * in a row on one line, as the lexer sees them; what follows a `\x1f` is the text of a scalar.
 */
function isTooDeep(content: string): boolean {
  let brackets = 0;
  let markers = 0;
  let previous = "";
  for (const lexeme of new Lexer().lex(content)) {
    if (previous !== "\x1f") {
      if (lexeme === "[" || lexeme === "{") brackets++;
      else if (lexeme === "]" || lexeme === "}") brackets--;
      else if (brackets === 0 && (lexeme === "-" || lexeme === "?" || lexeme === ":")) markers++;
      else if (lexeme.startsWith("\n") || lexeme.startsWith("\r")) markers = 0;
      else if (/^ +$/.test(lexeme) && lexeme.length > indentMax) return true;
    }
    if (brackets > depthMax || markers > depthMax) return true;
    previous = lexeme;
  }
  return false;
}

/** Reports what the YAML parser found. Its own messages are not shown: they repeat text of the file, which may be secret. */
function isWellFormed(document: Document.Parsed, report: Report, locate: (offset: number) => SourceLocation): boolean {
  const lines = new Set<number>();
  for (const error of document.errors) {
    const quote = openingQuote(document, error);
    const place: Place = { path: "", location: locate(quote ?? error.pos[0]) };
    // One mistake makes the parser stumble several times; the first time in a line tells.
    if (lines.has(place.location.line) || lines.size >= syntaxErrorsMax) continue;
    // After a mistake it may have lost its way, and find everything unexpected.
    if (error.code === "UNEXPECTED_TOKEN" && lines.size > 0) continue;
    lines.add(place.location.line);
    if (error.code === "RESOURCE_EXHAUSTION") report.error("DB-CFG-003", place);
    else if (error.code === "MULTIPLE_DOCS") report.error("DB-CFG-005", place, { cause: "the file holds more than one document" });
    else if (error.code === "NON_STRING_KEY") report.error("DB-CFG-005", place, { cause: "a key is not plain text" });
    else report.error("DB-CFG-002", place, { cause: syntaxCauses[error.code] ?? "the file is not well-formed YAML" });
    // The rest of the file lies inside the quote.
    if (quote !== null) break;
  }
  if (document.directives.yaml.explicit && document.directives.yaml.version !== "1.2") {
    report.error("DB-CFG-005", { path: "", location: locate(0) }, { cause: "the file asks for YAML 1.1; dongbo reads YAML 1.2" });
  }
  return document.errors.length === 0;
}

/** Where the quote was opened that is never closed; the parser itself names the end of the file. */
function openingQuote(document: Document.Parsed, error: YAMLParseError): number | null {
  if (error.code !== "MISSING_CHAR") return null;
  let start: number | null = null;
  visit(document, {
    Scalar: (_, { range, type }) => {
      const quoted = type === "QUOTE_SINGLE" || type === "QUOTE_DOUBLE";
      if (quoted && range && range[0] < error.pos[0] && range[1] >= error.pos[0]) start = range[0];
    },
  });
  return start;
}

const syntaxCauses: Readonly<Record<string, string>> = {
  BAD_ALIAS: "an alias (*name) is malformed",
  BAD_DIRECTIVE: "a line starting with % is malformed",
  BAD_DQ_ESCAPE: "a backslash in double quotes is followed by a letter that YAML does not know; use single quotes",
  BAD_INDENT: "the indentation does not fit, or a bracket is not closed",
  BAD_SCALAR_START: "a value starts with a character that YAML reserves; write it in quotes",
  BLOCK_AS_IMPLICIT_KEY: "a second `key: value` stands where a value is expected; indent it on a new line or use quotes",
  BLOCK_IN_FLOW: "an indented list or mapping stands inside brackets",
  KEY_OVER_1024_CHARS: "a key is longer than 1024 characters",
  MISSING_CHAR: "a quote, bracket, colon or space is missing",
  MULTILINE_IMPLICIT_KEY: "a key runs over more than one line; a colon may be missing",
  TAB_AS_INDENT: "a tab is used for indentation; use spaces",
  UNEXPECTED_TOKEN: "something stands where YAML expects nothing of the kind; check indentation, commas and brackets",
};

/** Turns the library's nodes into ours, following aliases within a budget and refusing what a configuration needs not. */
class TreeReader {
  readonly #report: Report;
  readonly #locate: (offset: number) => SourceLocation;
  readonly #anchors = new Map<string, Node>();
  /** Anchored nodes that are being read: an alias to one of them would never end. */
  readonly #open = new Set<Node>();
  #nodes = 0;

  constructor(report: Report, locate: (offset: number) => SourceLocation) {
    this.#report = report;
    this.#locate = locate;
  }

  get isOverLimit(): boolean {
    return this.#nodes === Infinity;
  }

  /** `place` is that of the key above, for values that are written nowhere. */
  read(node: Node | null | undefined, place: Place, depth = 0): ConfigNode {
    const empty: ConfigNode = { kind: "scalar", value: null, text: "", ...place };
    if (node === null || node === undefined) return empty;
    if (++this.#nodes > nodesMax || depth > depthMax) {
      // Said once: everything after the limit is left out.
      if (this.#nodes !== Infinity) this.#report.error("DB-CFG-003", place);
      this.#nodes = Infinity;
      return empty;
    }
    if (isAlias(node)) return this.#follow(node.source, { path: place.path, location: this.#start(node, place) }, depth);
    if (node.tag !== undefined) {
      this.#report.error("DB-CFG-005", { path: place.path, location: this.#start(node, place) }, { cause: "the value has a tag" });
    }
    if ("anchor" in node && typeof node.anchor === "string") this.#anchors.set(node.anchor, node);
    this.#open.add(node);
    const result = this.#readOpen(node, place, depth);
    this.#open.delete(node);
    return result;
  }

  #readOpen(node: Node, place: Place, depth: number): ConfigNode {
    const here: Place = { path: place.path, location: this.#start(node, place) };
    if (isMap(node)) return { kind: "map", entries: this.#entries(node.items, here, depth), ...here };
    if (isSeq(node)) {
      const items = node.items.map((item, index) =>
        this.read(item as Node, { path: `${here.path}[${index}]`, location: here.location }, depth + 1),
      );
      return { kind: "list", items, ...here };
    }
    const value: unknown = isScalar(node) ? node.value : null;
    const text = isScalar(node) ? restoreReferences(node.source ?? String(value)) : "";
    // A value left out has a position after its key; people look for the key.
    if (value === null && text === "") return { kind: "scalar", value: null, text, ...place };
    if (typeof value === "number" || typeof value === "boolean" || value === null) return { kind: "scalar", value, text, ...here };
    return { kind: "scalar", value: text, text, ...here };
  }

  #entries(pairs: readonly { key: unknown; value: unknown }[], map: Place, depth: number): Map<string, MapEntry> {
    const result = new Map<string, MapEntry>();
    for (const pair of pairs) {
      const keyNode = pair.key as Node;
      const key = isScalar(keyNode) ? restoreReferences(keyNode.source ?? String(keyNode.value)) : "";
      const place: Place = { path: keyPath(map.path, key), location: this.#start(keyNode, map) };
      if (!isScalar(keyNode)) this.#report.error("DB-CFG-005", place, { cause: "a key is not plain text" });
      else if (key === "__proto__") this.#report.error("DB-CFG-005", place, { cause: "the key __proto__ is not accepted" });
      else if (key === "<<") this.#report.error("DB-CFG-005", place, { cause: "merge keys (<<) belong to YAML 1.1" });
      else if (result.has(key)) {
        const first = result.get(key)?.location.line;
        this.#report.error("DB-CFG-004", place, { cause: `the key is already written in line ${first}` });
      } else result.set(key, { key, node: this.read(pair.value as Node | null, place, depth + 1), ...place });
    }
    return result;
  }

  #follow(name: string, place: Place, depth: number): ConfigNode {
    const node = this.#anchors.get(name);
    if (node !== undefined && !this.#open.has(node)) return this.read(node, place, depth + 1);
    const cause =
      node === undefined ? "an alias refers to an anchor that is not defined above it" : "an alias stands inside its own anchor";
    this.#report.error("DB-CFG-002", place, { cause });
    return { kind: "scalar", value: null, text: "", ...place };
  }

  #start(node: Node, otherwise: Place): SourceLocation {
    return node.range === null || node.range === undefined ? otherwise.location : this.#locate(node.range[0]);
  }
}
