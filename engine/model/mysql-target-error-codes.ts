import type { ErrorCodeEntry } from "./error-code-entry.ts";

/** DB-MY-060 to 089: a MySQL or MariaDB server as target. */
export const mysqlTargetErrorCodes = {
  "DB-MY-060": {
    meaning: "any session can set the clock by which copies are judged",
    usualCause: "the server was started with --sysdate-is-now",
    remedy: "Start the server without that option: with it a reader's `SET timestamp` would open an expired copy",
    retry: "operator",
  },
  "DB-MY-061": {
    meaning: "the largest packet that the server takes is small",
    usualCause: "max_allowed_packet is below 64 MB",
    remedy: "Set max_allowed_packet above the largest row, 64M or more; a row that does not fit is set aside",
    retry: "operator",
  },
  "DB-MY-062": {
    meaning: "the server cannot hold dongbo's tables",
    usualCause: "InnoDB is switched off, or innodb_page_size is below 16k so that keys may not be as long as they are",
    remedy: "Use a server with InnoDB and pages of 16k or more",
    retry: "operator",
  },
  "DB-MY-063": {
    meaning: "the server's clock and this machine's differ",
    usualCause: "one of them is not synchronised",
    remedy: "Synchronise both with the same time service: the validity of copies is counted by these clocks",
    retry: "operator",
  },
  "DB-MY-064": {
    meaning: "the server's binary log takes no writes of dongbo's",
    usualCause: "binlog_format is STATEMENT, with which InnoDB cannot write as dongbo does (READ COMMITTED)",
    remedy: "Set binlog_format to ROW, here and in the server's configuration",
    retry: "operator",
  },
} as const satisfies Record<string, ErrorCodeEntry>;
