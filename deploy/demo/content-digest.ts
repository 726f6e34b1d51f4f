// Equality as anybody could check it: the rows of both sides as their servers print them. Shares no code with the engine.
import { createHash } from "node:crypto";
import type { DemoSession } from "./demo-session.ts";

export interface Content {
  readonly rows: number;
  readonly digest: string;
}

/** Rows and a digest over all columns of one query, whatever order the rows come in. */
export async function contentOf(session: DemoSession, query: string): Promise<Content> {
  const rows = await session.rows(query);
  const lines = rows.map((row) => JSON.stringify(Object.values(row))).toSorted();
  return { rows: rows.length, digest: createHash("sha256").update(lines.join("\n")).digest("hex").slice(0, 32) };
}
