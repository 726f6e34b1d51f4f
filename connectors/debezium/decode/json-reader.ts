// Reads JSON (RFC 8259) from bytes, token by token: numbers keep all their digits, and what nobody asks for is never made.
import type { ConnectSchema } from "./connect-schema.ts";
import { malformed } from "./decode-failure.ts";
import type { MemberNames } from "./member-names.ts";
import type { ValueReader } from "./value-reader.ts";
import { unescapeJson } from "./json-escapes.ts";

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const colon = 0x3a;
const [openBrace, closeBrace, openBracket, closeBracket] = [0x7b, 0x7d, 0x5b, 0x5d];
const [minus, zero, nine] = [0x2d, 0x30, 0x39];
const [wordTrue, wordFalse, wordNull] = ["true", "false", "null"].map((word) => Buffer.from(word)) as [Buffer, Buffer, Buffer];
const base64Form = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const safeDigits = 15;
const depthMax = 64;

/** Kafka Connect's form of values (JsonConverter): bytes as base64, maps with other keys than text as pairs. */
export class JsonReader implements ValueReader {
  readonly #bytes: Buffer;
  readonly #end: number;
  #at: number;
  #textStart = 0;

  constructor(bytes: Buffer, at = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#at = at;
    this.#end = end;
  }

  /** Of the next byte that is not read, beyond blanks. */
  get position(): number {
    this.#blanks();
    return this.#at;
  }

  isNull(): boolean {
    if (this.#peek() !== wordNull[0]) return false;
    this.#word(wordNull);
    return true;
  }

  integer(): number | bigint {
    const start = this.#number();
    if (this.#at - start > safeDigits) {
      const value = BigInt(this.#integerSlice(start).toString("latin1"));
      const number = Number(value);
      return Number.isSafeInteger(number) ? number : value;
    }
    const isNegative = this.#bytes[start] === minus;
    let value = 0;
    for (let at = isNegative ? start + 1 : start; at < this.#at; at++) {
      const digit = (this.#bytes[at] ?? 0) - zero;
      if (digit < 0 || digit > 9) throw malformed("a number that must be whole is not");
      value = value * 10 + digit;
    }
    return isNegative ? -value : value;
  }

  integerText(): Buffer {
    return this.#integerSlice(this.#number());
  }

  double(): number {
    if (this.#peek() === quote) {
      const word = this.text().toString("latin1");
      if (word === "NaN" || word === "Infinity" || word === "-Infinity") return Number(word);
      throw malformed("a text stands where a number must");
    }
    const start = this.#number();
    return Number(this.#bytes.toString("latin1", start, this.#at));
  }

  boolean(): boolean {
    if (this.#peek() === wordTrue[0]) {
      this.#word(wordTrue);
      return true;
    }
    this.#word(wordFalse);
    return false;
  }

  text(): Buffer {
    const isPlain = this.#skipText();
    const text = this.#bytes.subarray(this.#textStart, this.#at - 1);
    return isPlain ? text : unescapeJson(text);
  }

  /** A text as a string. */
  string(): string {
    const isPlain = this.#skipText();
    if (isPlain) return this.#bytes.toString("utf8", this.#textStart, this.#at - 1);
    return unescapeJson(this.#bytes.subarray(this.#textStart, this.#at - 1)).toString("utf8");
  }

  bytes(): Buffer {
    const text = this.text().toString("latin1");
    if (!base64Form.test(text)) throw malformed("bytes are not written as base64");
    return Buffer.from(text, "base64");
  }

  array(_schema: ConnectSchema, item: () => void): void {
    this.#each(openBracket, closeBracket, item);
  }

  map(_schema: ConnectSchema, value: (key: Buffer) => void): void {
    if (this.#peek() === openBrace) {
      this.#each(openBrace, closeBrace, () => value(this.#name()));
      return;
    }
    this.#each(openBracket, closeBracket, () => {
      this.#take(openBracket);
      const key = this.nextIs("text") ? this.text() : this.integerText();
      this.#take(comma);
      value(key);
      this.#take(closeBracket);
    });
  }

  struct(schema: ConnectSchema, field: (index: number) => void): void {
    const { fields } = schema;
    let [next, seen] = [0, 0];
    this.#each(openBrace, closeBrace, () => {
      let index = next;
      const expected = fields[next];
      if (expected === undefined || !this.#skipIf(expected.json)) {
        const name = this.#name().toString("utf8");
        index = fields.findIndex((other) => other.name === name);
        if (index < 0) throw malformed("an object has a field that its schema does not name");
      }
      field(index);
      next = index + 1;
      seen++;
    });
    if (seen !== fields.length) throw malformed("an object lacks a field that its schema names, or has it twice");
  }

  /** Visits the members of an object whose schema is not known; `member` must read or skip the value. `names` remembers what they are called. */
  members(member: (name: string) => void, names: MemberNames | null = null): void {
    if (names === null) {
      this.#each(openBrace, closeBrace, () => member(this.#name().toString("utf8")));
      return;
    }
    let [before, place] = [-1, names.first];
    this.#each(openBrace, closeBrace, () => {
      const json = names.json(place);
      if (json === null || !this.#skipIf(json)) {
        const name = this.#name().toString("utf8");
        place = names.learn(name, before);
        before = place;
        place = names.after(place);
        member(name);
        return;
      }
      before = place;
      place = names.after(place);
      member(names.name(before));
    });
  }

  /** Visits the items of a list whose schema is not known. */
  list(item: () => void): void {
    this.#each(openBracket, closeBracket, item);
  }

  /** Names of an object's members, whose values are read over. */
  memberNames(): string[] {
    const names: string[] = [];
    this.members((name) => {
      names.push(name);
      this.skip();
    });
    return names;
  }

  /** Another reader of the same bytes. */
  again(at = this.#at): JsonReader {
    return new JsonReader(this.#bytes, at, this.#end);
  }

  /** What kind of value comes next, by its first byte. */
  nextIs(kind: "object" | "array" | "text"): boolean {
    return this.#peek() === { object: openBrace, array: openBracket, text: quote }[kind];
  }

  /** Reads over one value of any kind. */
  skip(depth = 0): void {
    if (depth > depthMax) throw malformed("values are nested too deeply");
    switch (this.#peek()) {
      case quote:
        this.#skipText();
        break;
      case openBrace:
        this.#each(openBrace, closeBrace, () => {
          this.#skipText();
          this.#take(colon);
          this.skip(depth + 1);
        });
        break;
      case openBracket:
        this.#each(openBracket, closeBracket, () => this.skip(depth + 1));
        break;
      case wordNull[0]:
        this.#word(wordNull);
        break;
      case wordTrue[0]:
      case wordFalse[0]:
        this.boolean();
        break;
      default:
        this.#number();
    }
  }

  /** Reads over one value, and tells how it is written. */
  skipped(): string {
    const start = this.position;
    this.skip();
    return this.#bytes.toString("latin1", start, this.#at);
  }

  /** Nothing but blanks is left. */
  finish(): void {
    this.#blanks();
    if (this.#at !== this.#end) throw malformed("something stands behind the JSON");
  }

  #each(open: number, close: number, read: () => void): void {
    this.#take(open);
    if (this.#peek() === close) {
      this.#at++;
      return;
    }
    for (;;) {
      read();
      if (this.#peek() === close) {
        this.#at++;
        return;
      }
      this.#take(comma);
      this.#blanks();
    }
  }

  #name(): Buffer {
    const name = this.text();
    this.#take(colon);
    return name;
  }

  /** Reads over a text, whose beginning behind the quote is kept. True: nothing in it is escaped. */
  #skipText(): boolean {
    if (this.#peek() !== quote) throw malformed("something else stands where a text must");
    const start = this.#at + 1;
    const [bytes, end] = [this.#bytes, this.#end];
    let isPlain = true;
    for (let at = start; at < end; at++) {
      const byte = bytes[at];
      if (byte === quote) {
        this.#textStart = start;
        this.#at = at + 1;
        return isPlain;
      }
      if (byte === backslash) {
        isPlain = false;
        at++;
      }
    }
    throw malformed("a text does not end");
  }

  /** Where the number begins; stands behind it. */
  #number(): number {
    this.#blanks();
    const start = this.#at;
    const bytes = this.#bytes;
    const first = bytes[start] === minus ? start + 1 : start;
    let at = this.#digits(first);
    let isWell = at > first && (bytes[first] !== zero || at === first + 1);
    if (at < this.#end && bytes[at] === 0x2e) {
      const fraction = at + 1;
      at = this.#digits(fraction);
      isWell &&= at > fraction;
    }
    if (at < this.#end && (bytes[at] === 0x65 || bytes[at] === 0x45)) {
      const exponent = bytes[at + 1] === 0x2b || bytes[at + 1] === minus ? at + 2 : at + 1;
      at = this.#digits(exponent);
      isWell &&= at > exponent;
    }
    if (!isWell || at > this.#end) throw malformed("a number is not written as one");
    this.#at = at;
    return start;
  }

  /** The end of the digits that begin there. */
  #digits(from: number): number {
    const [bytes, end] = [this.#bytes, this.#end];
    let at = from;
    while (at < end && isDigit(bytes[at])) at++;
    return at;
  }

  #integerSlice(start: number): Buffer {
    for (let at = start + 1; at < this.#at; at++) {
      if (!isDigit(this.#bytes[at])) throw malformed("a number that must be whole is not");
    }
    const text = this.#bytes.subarray(start, this.#at);
    return text.length === 2 && text[0] === minus && text[1] === zero ? text.subarray(1) : text;
  }

  #peek(): number {
    this.#blanks();
    return this.#at < this.#end ? (this.#bytes[this.#at] ?? -1) : -1;
  }

  #blanks(): void {
    while (this.#at < this.#end) {
      const byte = this.#bytes[this.#at];
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return;
      this.#at++;
    }
  }

  #take(byte: number): void {
    if (this.#peek() !== byte) throw malformed(`JSON lacks a "${String.fromCharCode(byte)}"`);
    this.#at++;
  }

  #word(word: Buffer): void {
    if (!this.#skipIf(word)) throw malformed("JSON has a word that it does not know");
  }

  #skipIf(text: Buffer): boolean {
    const { length } = text;
    if (this.#at + length > this.#end) return false;
    for (let index = 0; index < length; index++) if (this.#bytes[this.#at + index] !== text[index]) return false;
    this.#at += length;
    return true;
  }
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= zero && byte <= nine;
}
