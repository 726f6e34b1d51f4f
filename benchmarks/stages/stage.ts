// What one stage of the engine is asked to do alone, and what it tells of it: between the process that does it and who starts it.

/**
 * `raw`: reads the replication protocol and decodes nothing · `capture`: captures and decodes · `map`: captures, decodes, maps and
 * makes net effects, and writes nothing · `apply`: maps and applies changes that are in memory.
 */
export type Stage = "raw" | "capture" | "map" | "apply";

export interface StageOrder {
  readonly stage: Stage;
  /** Path of the configuration, with one source and one subscription. */
  readonly configuration: string;
  /** Where the changes wait. */
  readonly slot: string;
  /** A position that the last transaction covers, and no earlier one. */
  readonly end: string;
}

/** From when the stream is open until the last change has passed the stage. */
export interface StageUsage {
  readonly seconds: number;
  /** Of the process. */
  readonly cpuSeconds: number;
  /** Of the source, that have passed the stage. */
  readonly transactions: number;
  /** Rows changed; null where the stage does not tell. */
  readonly changes: number | null;
}
