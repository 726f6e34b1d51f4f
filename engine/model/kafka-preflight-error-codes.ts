import type { ErrorCodeEntry } from "./error-code-entry.ts";

/** KAF 140–159: settings of connector and topics that lose data. */
export const kafkaPreflightErrorCodes = {} as const satisfies Readonly<Record<string, ErrorCodeEntry>>;
