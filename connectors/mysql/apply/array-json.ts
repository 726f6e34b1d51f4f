// PostgreSQL's arrays as JSON. Numbers stay the digits they are, so that none is rounded; what JSON has no form for is text.
// Array text: PostgreSQL manual, "Array Input and Output Syntax".
import type { ColumnType } from "../../../engine/model/table.ts";

interface ArrayOptions {
  /** Where the numbering begins may be lost. */
  readonly lossy: boolean;
  readonly refuse: (code: "DB-ROW-010", cause: string) => never;
}

/** `{{1,NULL},{3,4}}` becomes `[[1,null],[3,4]]`. */
export function arrayToJson({ bare }: ColumnType, { lossy, refuse }: ArrayOptions): (text: Buffer) => string {
  const element = /^pg_catalog\."?(\w+)"?\[\]$/.exec(bare)?.[1] ?? "";
  const print = numeric.has(element) ? printNumber : element === "bool" ? printFlag : printText;
  const delimiter = element === "box" ? ";" : ",";
  return (text) => {
    const written = text.toString("utf8");
    if (written.startsWith("{")) return toJson(written, delimiter, print);
    // `[0:1]={7,8}` says that the elements are numbered from 0.
    return lossy
      ? toJson(written.slice(written.indexOf("=") + 1), delimiter, print)
      : refuse("DB-ROW-010", "the array is not numbered from 1");
  };
}

const numeric: ReadonlySet<string> = new Set(["int2", "int4", "int8", "oid", "numeric", "float4", "float8"]);

/** NaN and infinity are numbers of PostgreSQL but not of JSON. */
function printNumber(element: string): string {
  return /^[-\d]/.test(element) && !element.endsWith("y") ? element : JSON.stringify(element);
}

function printFlag(element: string): string {
  return element === "t" ? "true" : "false";
}

function printText(element: string): string {
  return JSON.stringify(element);
}

/** The server prints no blanks between elements, and quotes whatever could be mistaken. */
function toJson(array: string, delimiter: string, print: (element: string) => string): string {
  const parts: string[] = [];
  let at = 0;
  while (at < array.length) {
    const character = array[at];
    if (character === "{" || character === "}" || character === delimiter) {
      parts.push(character === "{" ? "[" : character === "}" ? "]" : ",");
      at += 1;
    } else if (character === '"') {
      const end = quotedEnd(array, at);
      parts.push(print(array.slice(at + 1, end).replaceAll(/\\(.)/gsu, "$1")));
      at = end + 1;
    } else {
      const end = bareEnd(array, at, delimiter);
      const element = array.slice(at, end);
      parts.push(element === "NULL" ? "null" : print(element));
      at = end;
    }
  }
  return parts.join("");
}

/** Where the closing quote is. */
function quotedEnd(array: string, start: number): number {
  let at = start + 1;
  while (at < array.length && array[at] !== '"') at += array[at] === "\\" ? 2 : 1;
  return at;
}

function bareEnd(array: string, start: number, delimiter: string): number {
  let at = start;
  while (at < array.length && array[at] !== delimiter && array[at] !== "}") at += 1;
  return at;
}
