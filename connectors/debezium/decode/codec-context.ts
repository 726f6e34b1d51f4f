import type { SourceConnector } from "./change-event.ts";
import type { ConnectSchema } from "./connect-schema.ts";

/** How the connector writes bytes (`binary.handling.mode`). */
export type BinaryMode = "bytes" | "base64" | "base64-url-safe" | "hex";

/** What decides over the meaning of a column's values beside its schema. */
export interface CodecContext {
  readonly connector: SourceConnector;
  readonly source: SourceType | null;
  readonly binary: BinaryMode;
  readonly unavailable: UnavailableForms;
  readonly acceptsInexactDecimals: boolean;
}

/** The column's type at the source, where the connector tells it (`column.propagate.source.type`). */
export interface SourceType {
  /** In capitals, without quotes: `VARCHAR`, `INT UNSIGNED`, `_INT4`. */
  readonly name: string;
  readonly length: number | null;
  readonly scale: number | null;
}

/** `unavailable.value.placeholder` as each type shows it (connector source, UnchangedToastedPlaceholder). */
export interface UnavailableForms {
  readonly text: Buffer;
  /** Name-based UUID (RFC 4122, version 3) of its bytes. */
  readonly uuid: string;
  /** Its bytes as numbers, for arrays of integers. */
  readonly numbers: readonly string[];
}

const parameter = "__debezium.source.column.";
/** PostgreSQL's driver says so of types without a length. */
const noLength = 2_147_483_647;

export function sourceTypeOf({ parameters }: ConnectSchema): SourceType | null {
  const name = parameters[`${parameter}type`];
  if (name === undefined) return null;
  const number = (part: string): number | null => {
    const text = parameters[`${parameter}${part}`];
    return text === undefined || !/^-?\d+$/.test(text) || Number(text) >= noLength ? null : Number(text);
  };
  return { name: name.replaceAll('"', "").toUpperCase(), length: number("length"), scale: number("scale") };
}

export function isMysqlFamily(connector: SourceConnector): boolean {
  return connector === "mysql" || connector === "mariadb";
}

/** Digits of a second's fraction; null: not told. */
export function fractionDigits({ connector, source }: CodecContext): number | null {
  if (source === null) return null;
  if (isMysqlFamily(connector)) return source.length ?? 0;
  const written = /\((\d)\)/.exec(source.name)?.[1];
  return written === undefined ? source.scale : Number(written);
}
