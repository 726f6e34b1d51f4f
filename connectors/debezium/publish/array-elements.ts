// An array as PostgreSQL prints it, taken apart ("Array Input and Output Syntax" in its documentation).
import { ValueRefused } from "./value-refused.ts";

/** The elements of an array of one dimension that is numbered from 1; null is NULL. Throws ValueRefused for others. */
export function arrayElements(text: string): (string | null)[] {
  if (!text.startsWith("{") || !text.endsWith("}")) throw new ValueRefused("an array that is not numbered from 1");
  const elements: (string | null)[] = [];
  const element = /("(?:[^"\\]|\\.)*"|[^",{}]+)(,|$)/suy;
  const inside = text.slice(1, -1);
  while (element.lastIndex < inside.length) {
    const [, written, separator] = element.exec(inside) ?? [];
    if (written === undefined) throw new ValueRefused("an array of more than one dimension");
    if (written.startsWith('"')) elements.push(written.slice(1, -1).replaceAll(/\\(.)/gsu, "$1"));
    else elements.push(written === "NULL" ? null : written);
    if (separator === "") return elements;
  }
  if (elements.length > 0) throw new ValueRefused("an array that ends in a comma");
  return elements;
}
