// What is measured by itself: the product's decoders, from bytes to rows, and a fixed piece of work beside them.
import type { DataEvent } from "../../connectors/debezium/decode/change-event.ts";
import { type ReaderOptions, RecordReader } from "../../connectors/debezium/decode/record-reader.ts";
import { parsePgoutput } from "../../connectors/postgres/decode/pgoutput-parser.ts";
import { ChangeDecoder } from "../../connectors/postgres/decode/to-change-message.ts";
import type { ChangeMessage, RowChange } from "../../engine/model/change-message.ts";
import type { ColumnValue } from "../../engine/model/row.ts";
import type { TextChange } from "./citizen-changes.ts";
import { debeziumRecords, topicPrefix } from "./debezium-records.ts";
import { pgoutputStream } from "./pgoutput-stream.ts";

/** A change as a decoder hands it out. */
export interface DecodedChange {
  readonly tag: TextChange["tag"];
  readonly before: readonly (ColumnValue | string)[] | null;
  readonly after: readonly (ColumnValue | string)[] | null;
}

/** Decodes a stream from its beginning to its end; may be called again. */
export type Decoding = (take: (change: DecodedChange) => void) => void;

/** For each way of encoding: from changes to what decodes them again, with the encoding done. */
export const decodings: Readonly<Record<DecodingName, (changes: readonly TextChange[]) => Decoding>> = {
  // As the stream is read, and every row asked for.
  pgoutput: (changes) => {
    const messages = pgoutputStream(changes);
    const decoder = new ChangeDecoder();
    return (take) => {
      for (const bytes of messages) {
        const message = decoder.decodeWholeRow(bytes, 0, bytes.length) ?? decoder.decode(parsePgoutput(bytes));
        if (isRowChange(message)) take({ tag: message.tag, before: message.before, after: message.after });
      }
    };
  },
  // The way of rows that are not whole.
  careful: (changes) => {
    const messages = pgoutputStream(changes);
    const decoder = new ChangeDecoder();
    return (take) => {
      for (const bytes of messages) {
        const message = decoder.decode(parsePgoutput(bytes));
        if (isRowChange(message)) take(message);
      }
    };
  },
  debezium: (changes) => {
    const records = debeziumRecords(changes);
    const reader = new RecordReader(readerOptions, null);
    return (take) => {
      for (const record of records) {
        const event = reader.read(record);
        if (event.kind === "data") take({ tag: tagOf(event), before: event.before, after: event.after });
      }
    };
  },
  // No code of the product is in it, so from build to build it changes with the machine and with Node alone.
  reference: (changes) => {
    const texts = changes.map((change) => Buffer.from(JSON.stringify(change), "utf8"));
    return (take) => {
      for (const bytes of texts) {
        const { tag, row } = JSON.parse(bytes.toString("utf8")) as TextChange;
        take({ tag, before: tag === "delete" ? row : null, after: tag === "delete" ? null : row });
      }
    };
  },
};

export type DecodingName = "pgoutput" | "careful" | "debezium" | "reference";

/** Debezium's own names and its converter's defaults. */
const readerOptions: ReaderOptions = {
  topics: {
    prefix: topicPrefix,
    tables: new Map(),
    heartbeat: `__debezium-heartbeat.${topicPrefix}`,
    transactions: null,
    proof: null,
  },
  converter: {
    format: "json",
    registry: null,
    unavailable: "__debezium_unavailable_value",
    types: new Map(),
    binary: "bytes",
    acceptsInexactDecimals: false,
  },
  fullBeforeImages: false,
};

function isRowChange(message: ChangeMessage | null): message is RowChange {
  return message?.tag === "insert" || message?.tag === "update" || message?.tag === "delete";
}

function tagOf({ op }: DataEvent): TextChange["tag"] {
  return op === "c" ? "insert" : op === "d" ? "delete" : "update";
}

/** In the form that changes have before they are encoded. */
export function textOf({ tag, before, after }: DecodedChange): TextChange {
  const row = after ?? before ?? [];
  return { tag, row: row.map((value) => (value instanceof Buffer ? value.toString("utf8") : typeof value === "string" ? value : null)) };
}
