// Traces of defects, with places in the sources. Node finds those by itself only when it reads the maps of all that it loads, and every
// start would wait for that.
import { readFileSync } from "node:fs";
import { SourceMap } from "node:module";
import { fileURLToPath } from "node:url";

/** A place of a trace, as Node prints it. */
const compiledPlace = /(file:\/\/[^\s()]+\.js):(\d+):(\d+)/g;

interface Place {
  readonly url: string;
  /** From 1, as `column`. */
  readonly line: number;
  readonly column: number;
}

/** The trace with the places of the sources, where there are maps that lead to them; a bundle's leads to what was compiled first. */
export function sourceTrace(trace: string): string {
  const maps = new Map<string, SourceMap | null>();
  return trace.replace(compiledPlace, (_, url: string, line: string, column: string) => {
    let place: Place = { url, line: Number(line), column: Number(column) };
    for (let next: Place | null = place; next !== null; next = mapped(next, maps)) place = next;
    return `${place.url}:${place.line}:${place.column}`;
  });
}

function mapped({ url, line, column }: Place, maps: Map<string, SourceMap | null>): Place | null {
  let map = maps.get(url);
  if (map === undefined) maps.set(url, (map = readMap(url)));
  const entry = map?.findEntry(line - 1, column - 1);
  if (entry === undefined || !("originalSource" in entry)) return null;
  return { url: new URL(entry.originalSource, url).href, line: entry.originalLine + 1, column: entry.originalColumn + 1 };
}

/** Null: it has none, or none that can be read. A defect is being reported: nothing else may come of it. */
function readMap(url: string): SourceMap | null {
  try {
    return new SourceMap(JSON.parse(readFileSync(`${fileURLToPath(url)}.map`, "utf8")));
  } catch {
    return null;
  }
}
