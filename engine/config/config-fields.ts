// The single values of the configuration file as zod schemas: each reads its text with the function that owns the
// notation and passes that function's problem on, and describes itself for the published JSON schema.
import * as z from "zod";
import { parseDuration } from "./duration.ts";
import { parseInstant } from "./instant.ts";
import { parseListenAddress } from "./listen-address.ts";
import { parseId, parseName, parseSlotName, parseTableName, parseTargetColumn, parseTopicName, parseTypeDeclaration } from "./names.ts";
import { type Problem, read, type Reading, refuse } from "./reading.ts";
import { parseSize } from "./size.ts";
import { printTable } from "../model/table.ts";

/** What the message of an issue about unknown keys carries: it is not for people, but for whoever words the finding. */
export interface KnownKeys {
  readonly known: readonly string[];
  /** Of keys that belong elsewhere: the connector that takes them. */
  readonly elsewhere: Readonly<Record<string, string>>;
}

/** An object whose unknown keys are refused. The issue itself does not tell which keys are known. */
export function strict<Shape extends z.ZodRawShape>(
  shape: Shape,
  elsewhere: Readonly<Record<string, string>> = {},
): z.ZodObject<Shape, z.core.$strict> {
  const keys: KnownKeys = { known: Object.keys(shape), elsewhere };
  return z.strictObject(shape, {
    error: (issue) => (issue.code === "unrecognized_keys" ? JSON.stringify(keys) : undefined),
  });
}

/** A problem inside the `params` of a zod issue. */
export interface ProblemParams {
  readonly problem: Problem;
}

type Written = string | readonly string[];

/** Makes the transform of a schema out of a reading function. */
function reading<In extends Written, Out>(parse: (written: In) => Reading<Out>): (written: In, context: z.RefinementCtx) => Out {
  return (written, context) => {
    const result = parse(written);
    if (result.ok) return result.value;
    const params: ProblemParams = { problem: result.problem };
    context.addIssue({ code: "custom", params: { ...params }, message: result.problem.code });
    return z.NEVER;
  };
}

/** Free text that people read; not empty. */
export function text(description: string): z.ZodString {
  return z.string().trim().min(1).max(2000).describe(description);
}

export const id = z.string().meta({ pattern: "^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$" }).transform(reading(parseId));

export const duration = z
  .string()
  .meta({ description: "ISO 8601 duration, for example PT24H or P1Y. A year counts 365 days, a month 30.", format: "duration" })
  .transform(reading(parseDuration));

/** Shorter, and a hiccup loses it; longer, and readers wait too long after a worker's death. */
const leaseSeconds = { min: 3, max: 300 };

export const lease = z
  .string()
  .meta({ description: "ISO 8601 duration from PT3S to PT5M.", format: "duration" })
  .transform(reading(parseLease));

export const size = z
  .string()
  .meta({ description: "Size with its unit (B, kB, MB, GB, TB), each 1024 times the one before.", examples: ["512MB", "8GB"] })
  .transform(reading(parseSize));

export const instant = z
  .string()
  .meta({
    description: "Date or date-time. A bare date is its first instant; without a zone the time is Vietnam's (UTC+7).",
    examples: ["2026-01-01", "2026-01-01T08:00:00+07:00"],
  })
  .transform(reading(parseInstant));

export const listen = z.string().meta({ description: "host:port, or `off`. Port 0: any free one." }).transform(reading(parseListenAddress));

export const tableName = z
  .union([z.string(), z.array(z.string()).min(2).max(2)])
  .meta({ description: "schema.table, split at the first dot and taken literally, or [schema, table] when a part holds a dot." })
  .transform(reading(parseTableName));

/** A table as the key of a mapping: `schema.table`. */
export const tableKeyText = z.string().transform(reading(parseTableKey));

/** A name in a database, literal. */
export const name = z.string().transform(reading(parseName));
export const targetColumn = z.string().transform(reading(parseTargetColumn));
export const slotName = z.string().transform(reading(parseSlotName));
export const topicName = z.string().meta({ pattern: "^[A-Za-z0-9._-]{1,249}$" }).transform(reading(parseTopicName));
export const typeDeclaration = z.string().transform(reading(parseTypeDeclaration));

function parseLease(written: string): Reading<number> {
  const seconds = parseDuration(written);
  if (!seconds.ok || (seconds.value >= leaseSeconds.min && seconds.value <= leaseSeconds.max)) return seconds;
  return refuse("DB-CFG-009", { cause: "a lease lasts from 3 seconds to 5 minutes", remedy: "Write PT3S to PT5M; PT8S is the default" });
}

function parseTableKey(written: string): Reading<string> {
  const reading = parseTableName(written);
  return reading.ok ? read(printTable(reading.value)) : reading;
}
