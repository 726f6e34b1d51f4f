// Arrays and maps.
import { UNCHANGED } from "../../../engine/model/row.ts";
import { arrayText } from "./array-text.ts";
import type { CodecContext, UnavailableForms } from "./codec-context.ts";
import type { ConnectSchema } from "./connect-schema.ts";
import { type DecodeFailure, inexact, malformed, unreadable } from "./decode-failure.ts";
import { arrayOf, postgresType } from "./postgres-type.ts";
import { dateText } from "./temporal-text.ts";
import { codec, type ValueCodec } from "./value-codec.ts";

/** `element` gives the codec of the items. */
export function arrayCodec(
  schema: ConnectSchema,
  context: CodecContext,
  element: (schema: ConnectSchema, context: CodecContext) => ValueCodec,
): ValueCodec {
  const { items } = schema;
  if (items === null) throw malformed("an array's schema has no items");
  const { connector, source, unavailable } = context;
  const inner = element(items, { ...context, source: source === null ? null : { ...source, name: elementName(source.name) } });
  if (connector === "postgresql" && inner.type.name === "time") throw notExact("come without what is finer than a millisecond");
  const placeholder = placeholderOf(items, unavailable);
  const read: ValueCodec["read"] = (reader) => {
    const texts: (string | null)[] = [];
    let isPlaceholder = false;
    reader.array(schema, () => {
      const value = items.optional && reader.isNull(items) ? null : inner.read(reader);
      if (value === UNCHANGED) isPlaceholder = true;
      else if (value !== null && inner.doubtful?.(value) === true) throw notExact("hold a value that the connector does not read exactly");
      texts.push(value instanceof Buffer ? value.toString("utf8") : null);
    });
    if (isPlaceholder || (placeholder !== null && texts.join() === placeholder)) return UNCHANGED;
    // The PostgreSQL connector makes an array of NULLs of one with several dimensions.
    if (texts.length > 0 && texts.every((text) => text === null)) {
      throw unreadable("an array of nothing but NULL cannot be told from one with several dimensions");
    }
    return Buffer.from(arrayText(texts), "utf8");
  };
  return codec(arrayOf(inner.type), read, { deterministic: inner.deterministic });
}

/** The PostgreSQL connector reads arrays as its driver does, those of the log too. */
function notExact(what: string): DecodeFailure {
  return inexact(`arrays of this type ${what}`, "Leave the column out with `column.exclude.list` of the connector");
}

function elementName(name: string): string {
  return name.replace(/^((?:[^.]+\.)?)_/, "$1");
}

/** What an array of this type shows that did not change, as its items print; null: it holds the text itself. */
function placeholderOf({ name, type }: ConnectSchema, { numbers, uuid }: UnavailableForms): string | null {
  if (name === "io.debezium.data.Uuid") return uuid;
  if (type !== "int32" && type !== "int64") return null;
  if (name === null) return numbers.join();
  return name.endsWith(".Date") ? numbers.map((number) => dateText(Number(number))).join() : null;
}

/** An hstore (`hstore.handling.mode=map`), as the JSON that the other mode makes of it. */
export function mapCodec(schema: ConnectSchema, { unavailable }: CodecContext): ValueCodec {
  const { keys, items } = schema;
  if (keys?.type !== "string" || items?.type !== "string" || items.name !== null) throw malformed("a map holds something else than text");
  const placeholder = unavailable.text.toString("utf8");
  return codec(postgresType("json"), (reader) => {
    const parts: string[] = [];
    let isPlaceholder = false;
    reader.map(schema, (key) => {
      const name = key.toString("utf8");
      const value = items.optional && reader.isNull(items) ? null : reader.text(items).toString("utf8");
      isPlaceholder ||= name === placeholder && value === placeholder;
      parts.push(`${JSON.stringify(name)}:${JSON.stringify(value)}`);
    });
    return isPlaceholder ? UNCHANGED : Buffer.from(`{${parts.join(",")}}`, "utf8");
  });
}
