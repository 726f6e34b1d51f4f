/**
 * Who can end the failure. `timed`: it may pass by itself, so the engine tries again with growing pauses. `operator`:
 * somebody must act; only what is named stops. `never`: the command itself is wrong and ends.
 */
export type RetryKind = "timed" | "operator" | "never";

export interface ErrorCodeEntry {
  /** What has happened, as a sentence; used when the error itself has nothing more specific to say. */
  readonly meaning: string;
  /** What usually leads to it. */
  readonly usualCause: string;
  readonly remedy: string;
  readonly retry: RetryKind;
}
