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

/**
 * The register of error codes: the documentation of each is its entry here, and the reference is generated from it.
 * A code is never reused for another meaning. Areas: CFG configuration · PG a PostgreSQL server, as source or target ·
 * SLOT the source's change log · MAP tables, columns, filters and types against the source · TGT the target's own
 * objects · ROW a row that cannot be written · RUN the engine · CTL the control database.
 */
export const errorCodes = {
  // ---- CFG: configuration file and command line (exit 2)
  "DB-CFG-001": {
    meaning: "the configuration file cannot be read",
    usualCause: "wrong path, or no permission to read it",
    remedy: "Check the path given with --config and its permissions",
    retry: "never",
  },
  // ---- PG: a PostgreSQL server
  "DB-PG-001": {
    meaning: "the server cannot be reached",
    usualCause: "it is down, the address is wrong, or the network between is cut",
    remedy: "Start the server or correct the address; dongbo keeps trying",
    retry: "timed",
  },
  // ---- SLOT: replication slot and change stream
  // ---- MAP: mappings against the source
  // ---- TGT: the target database's objects
  // ---- ROW: poison rows
  // ---- RUN: the engine
  "DB-RUN-001": {
    meaning: "an unexpected failure inside dongbo",
    usualCause: "a defect of dongbo",
    remedy: "Collect the log and report it; the subscription is stopped so that nothing is lost",
    retry: "operator",
  },
  "DB-RUN-002": {
    meaning: "a stored position cannot be read",
    usualCause:
      "the checkpoint was edited by hand, or the source was replaced by one of another kind",
    remedy: "Re-sync the subscription with `dongbo resync`",
    retry: "operator",
  },
  // ---- CTL: the control database
} as const satisfies Record<string, ErrorCodeEntry>;

export type ErrorCode = keyof typeof errorCodes;
