import { readFileSync } from "node:fs";

/** Bytes captured from one server. */
export interface GoldenFile {
  /** The release they came from. */
  readonly server: string;
  readonly scenarios: Record<string, GoldenScenario>;
}

export interface GoldenScenario {
  /** What was run. */
  readonly sql: readonly string[];
  /** One pgoutput message each, hexadecimal. */
  readonly messages: readonly string[];
  /** Rows of the scenario's query as an ordinary session read them. */
  readonly selected?: readonly (readonly (string | null)[])[];
}

export const goldenMajors = [15, 16, 17, 18] as const;

/** From the project's folder, where every command of ours runs. */
export function goldenPath(major: number): string {
  return `test/golden/pgoutput/${major}.json`;
}

export function readGolden(major: number): GoldenFile {
  return JSON.parse(readFileSync(goldenPath(major), "utf8")) as GoldenFile;
}
