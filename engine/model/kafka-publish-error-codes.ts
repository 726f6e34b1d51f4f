import type { ErrorCodeEntry } from "./error-code-entry.ts";

/** KAF 160–179: publishing to Kafka. */
export const kafkaPublishErrorCodes = {} as const satisfies Readonly<Record<string, ErrorCodeEntry>>;
