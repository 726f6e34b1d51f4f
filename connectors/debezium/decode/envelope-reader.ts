// A record's outer parts, read by the names of their fields: their schemas differ between versions of Debezium.
import type { ConnectSchema } from "./connect-schema.ts";
import type { AvroReader } from "./avro-reader.ts";
import { malformed } from "./decode-failure.ts";
import type { JsonReader } from "./json-reader.ts";
import type { MemberNames } from "./member-names.ts";
import type { ValueReader } from "./value-reader.ts";

/** Every call reads one value; NULL is null. */
export interface EnvelopeReader {
  /** For the rows inside. */
  readonly values: ValueReader;
  /** Reads an object; `member` must read or skip each value. `names`: what such objects have. False: NULL stood there. */
  members(member: (name: string) => void, names?: MemberNames): boolean;
  /** Reads a list of objects. */
  list(item: () => void): void;
  string(): string | null;
  /** A text, or a number or boolean as it is written. */
  word(): string | null;
  number(): number | null;
  integer(): bigint | null;
  skip(): void;
  /** True: NULL stood there and is read over. */
  isNull(): boolean;
}

/** JSON tells by itself what it holds. */
export class JsonEnvelope implements EnvelopeReader {
  readonly values: JsonReader;

  constructor(values: JsonReader) {
    this.values = values;
  }

  isNull(): boolean {
    return this.values.isNull();
  }

  members(member: (name: string) => void, names?: MemberNames): boolean {
    if (this.values.isNull()) return false;
    this.values.members(member, names);
    return true;
  }

  list(item: () => void): void {
    if (!this.values.isNull()) this.values.list(item);
  }

  string(): string | null {
    return this.values.isNull() ? null : this.values.string();
  }

  word(): string | null {
    if (this.values.nextIs("text")) return this.string();
    return this.values.isNull() ? null : this.values.skipped();
  }

  number(): number | null {
    return this.values.isNull() ? null : safe(this.values.integer());
  }

  integer(): bigint | null {
    return this.values.isNull() ? null : BigInt(this.values.integer());
  }

  skip(): void {
    this.values.skip();
  }
}

/** Avro is read in the order of its schema. */
export class AvroEnvelope implements EnvelopeReader {
  readonly values: AvroReader;
  #next: ConnectSchema;

  constructor(values: AvroReader, schema: ConnectSchema) {
    this.values = values;
    this.#next = schema;
  }

  isNull(): boolean {
    return this.#next.optional && this.values.isNull(this.#next);
  }

  members(member: (name: string) => void): boolean {
    const schema = this.#next;
    if (this.isNull()) return false;
    if (schema.type !== "struct") throw malformed("something else stands where an object must");
    for (const field of schema.fields) {
      this.#next = field.schema;
      member(field.name);
    }
    return true;
  }

  list(item: () => void): void {
    const schema = this.#next;
    if (this.isNull()) return;
    const { items } = schema;
    if (schema.type !== "array" || items === null) throw malformed("something else stands where a list must");
    this.values.array(schema, () => {
      this.#next = items;
      item();
    });
  }

  string(): string | null {
    const schema = this.#next;
    if (schema.type !== "string") throw malformed("something else stands where a text must");
    return this.isNull() ? null : this.values.text(schema).toString("utf8");
  }

  word(): string | null {
    const { type } = this.#next;
    if (type === "string") return this.string();
    if (type === "boolean") return this.isNull() ? null : String(this.values.boolean());
    return this.integer()?.toString() ?? null;
  }

  number(): number | null {
    return this.#isMissingNumber() ? null : safe(this.values.integer());
  }

  integer(): bigint | null {
    return this.#isMissingNumber() ? null : BigInt(this.values.integer());
  }

  #isMissingNumber(): boolean {
    if (!this.#next.type.startsWith("int")) throw malformed("something else stands where a number must");
    return this.isNull();
  }

  skip(): void {
    const schema = this.#next;
    if (this.isNull()) return;
    switch (schema.type) {
      case "struct":
        for (const field of schema.fields) {
          this.#next = field.schema;
          this.skip();
        }
        break;
      case "array":
        this.values.array(schema, () => this.#skipPart(schema.items));
        break;
      case "map":
        this.values.map(schema, () => this.#skipPart(schema.items));
        break;
      case "float":
      case "double":
        this.values.double(schema);
        break;
      case "boolean":
        this.values.boolean();
        break;
      case "string":
        this.values.text(schema);
        break;
      case "bytes":
        this.values.bytes(schema);
        break;
      case "int8":
      case "int16":
      case "int32":
      case "int64":
        this.values.integer();
    }
  }

  #skipPart(schema: ConnectSchema | null): void {
    if (schema === null) throw malformed("a schema lacks a part");
    this.#next = schema;
    this.skip();
  }
}

function safe(value: number | bigint): number {
  if (typeof value === "bigint") throw malformed("a time lies outside all times");
  return value;
}
