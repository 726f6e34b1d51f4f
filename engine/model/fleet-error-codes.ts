import type { ErrorCodeEntry } from "./error-code-entry.ts";

/** FLT: a fleet of workers, and the Redis that hands out its jobs. */
export const fleetErrorCodes = {
  "DB-FLT-001": {
    meaning: "a worker needs `redis:` in the configuration",
    usualCause: "the file was written for `dongbo run`, which does everything in one process",
    remedy: "Add `redis: rediss://host:6379/0`, the same for all workers; or use `dongbo run`",
    retry: "never",
  },
  "DB-FLT-002": {
    meaning: "the Redis of the fleet cannot be reached",
    usualCause: "it is down, or `redis:` names another server",
    remedy: "Start it or correct `redis:`; sources are streamed meanwhile, and what is due is handed out once it is there again",
    retry: "timed",
  },
  "DB-FLT-003": {
    meaning: "the Redis of the fleet would throw jobs away when its memory is full",
    usualCause: "its maxmemory-policy is one for caches",
    remedy: "Set maxmemory-policy to noeviction, or name a Redis that is no cache",
    retry: "never",
  },
  "DB-FLT-004": {
    meaning: "the Redis of the fleet refuses this user",
    usualCause: "the password is wrong, the user may not use this database, or a certificate file cannot be read",
    remedy: "Correct `redis:`, or let the user run INFO, and all commands on keys that begin with dongbo:",
    retry: "operator",
  },
  "DB-FLT-005": {
    meaning: "no trusted TLS connection to the Redis of the fleet could be made",
    usualCause: "its certificate has expired, is for another host or from an unknown authority, or it asks for a client certificate",
    remedy: "Renew or correct the certificate, or name the right files with sslrootcert, sslcert and sslkey in `redis:`",
    retry: "operator",
  },
} as const satisfies Readonly<Record<string, ErrorCodeEntry>>;
