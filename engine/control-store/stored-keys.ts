// Keys as they are stored until a repair is carried out: JSON, each part base64.
import type { Key } from "../model/row.ts";

export function keysText(keys: readonly Key[]): string {
  return JSON.stringify(keys.map((key) => key.map((part) => part.toString("base64"))));
}

/** Null: they were forgotten. */
export function readKeys(text: string | null | undefined): Key[] {
  const stored = JSON.parse(text ?? "[]") as string[][];
  return stored.map((key) => key.map((part) => Buffer.from(part, "base64")));
}
