// What is put into MySQL's form is the value that it was, or is refused: shown by readers that share no code with the encoder.
import fc from "fast-check";
import { expect, test } from "vitest";
import { encoderOf } from "../../connectors/mysql/apply/encode-value.ts";
import { ReplicationError } from "../../engine/model/replication-error.ts";
import type { ColumnType } from "../../engine/model/table.ts";
import { postgresType } from "../support/family-types.ts";

/** Null: refused. */
function encode(source: ColumnType, declaration: string, text: string): string | null {
  try {
    const encoded = encoderOf(source, { declaration })(Buffer.from(text, "utf8"));
    return typeof encoded === "string" ? encoded : encoded.toString("hex");
  } catch (error) {
    if (error instanceof ReplicationError && error.code.startsWith("DB-ROW-")) return null;
    throw error;
  }
}

const whole = fc.stringMatching(/^\d{1,40}$/);
/** Often with zeros behind, around the scales that are tried. */
const fraction = fc.oneof(fc.stringMatching(/^\d{1,40}$/), fc.stringMatching(/^[0-9]{0,3}[05]{1,5}0{0,5}$/));
const decimals = fc
  .tuple(fc.constantFrom("", "-"), whole, fc.option(fraction))
  .map(([sign, before, after]) => `${sign}${before}${after === null ? "" : `.${after}`}`);

/** The number times 10^50, exactly. */
function scaled(decimal: string): bigint {
  const [before = "", after = ""] = decimal.replace("-", "").split(".");
  const magnitude = BigInt(before + after.padEnd(50, "0"));
  return decimal.startsWith("-") ? -magnitude : magnitude;
}

test("a number is the same number, and is refused exactly when it needs more digits after the point", () => {
  fc.assert(
    fc.property(decimals, fc.oneof(fc.integer({ min: 0, max: 6 }), fc.integer({ min: 0, max: 30 })), (decimal, scale) => {
      const encoded = encode(postgresType("numeric"), `decimal(65,${scale})`, decimal);
      const fits = scaled(decimal) % 10n ** BigInt(50 - scale) === 0n;
      expect(encoded !== null).toBe(fits);
      if (encoded === null) return;
      expect(scaled(encoded)).toBe(scaled(decimal));
      expect(encoded.split(".")[1]?.length ?? 0).toBeLessThanOrEqual(scale);
    }),
  );
});

test("a number for whole numbers is one, or is refused", () => {
  fc.assert(
    fc.property(decimals, (decimal) => {
      const encoded = encode(postgresType("numeric"), "bigint", decimal);
      expect(encoded !== null).toBe(scaled(decimal) % 10n ** 50n === 0n);
      if (encoded !== null) expect(scaled(encoded)).toBe(scaled(decimal));
    }),
  );
});

test("a single is the same single, however a server reads it by way of a double", () => {
  fc.assert(
    fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), (value) => {
      // The shortest digits that make this single, as PostgreSQL prints them.
      let text = "";
      for (let precision = 1; precision <= 9 && (text === "" || Math.fround(Number(text)) !== value); precision += 1) {
        text = value.toPrecision(precision);
      }
      expect(Number(encode(postgresType("float4"), "float", text))).toBe(Object.is(value, -0) ? 0 : value);
      expect(Number(encode(postgresType("float4"), "double", text))).toBe(Object.is(value, -0) ? 0 : value);
    }),
  );
});

test("text is the same text, or ends in blanks that its type does not hold", () => {
  const types = fc.constantFrom("longtext", "varchar(10)", "char(10)");
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom("a", " ", "Đ", "😀", "\0", "\\", "'") }), types, (text, declaration) => {
      const encoded = encode(postgresType("text"), declaration, text);
      if (encoded !== null) expect(encoded).toBe(text);
      else expect(text.endsWith(" ") && declaration !== "longtext").toBe(true);
    }),
  );
});

test("bytes are the same bytes", () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      const hex = Buffer.from(bytes).toString("hex");
      expect(encode(postgresType("bytea"), "longblob", `\\x${hex}`)).toBe(hex);
    }),
  );
});

test("bits are the same number of the same length", () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[01]{1,64}$/), (bits) => {
      const encoded = encode(postgresType("bit", `bit(${bits.length})`), `bit(${bits.length})`, bits);
      expect(BigInt(`0x${encoded ?? ""}`)).toBe(BigInt(`0b${bits}`));
      expect((encoded ?? "").length).toBe(Math.ceil(bits.length / 8) * 2);
    }),
  );
});

const moments = fc
  .tuple(fc.date({ min: new Date("0001-01-01T00:00:00Z"), max: new Date("9999-12-31T23:59:59Z"), noInvalidDate: true }), fc.nat(999_999))
  .map(([date, micros]) => ({ seconds: date.toISOString().slice(0, 19).replace("T", " "), micros }));

test("an instant is the same instant, and is refused exactly when its fraction is too fine", () => {
  fc.assert(
    fc.property(moments, fc.integer({ min: 0, max: 6 }), ({ seconds, micros }, places) => {
      const printed = micros === 0 ? "" : `.${String(micros).padStart(6, "0").replace(/0+$/, "")}`;
      const encoded = encode(postgresType("timestamptz"), `datetime(${places})`, `${seconds}${printed}+00`);
      expect(encoded !== null).toBe(micros % 10 ** (6 - places) === 0);
      if (encoded === null) return;
      expect(encoded.slice(0, 19)).toBe(seconds);
      expect(Number(encoded.slice(20).padEnd(6, "0"))).toBe(micros);
    }),
  );
});

type Nested = string | null | Nested[];

/** As PostgreSQL prints an array, with more quotes than it needs. */
function printArray(value: Nested): string {
  if (value === null) return "NULL";
  if (typeof value === "string") return `"${value.replaceAll(/["\\]/g, "\\$&")}"`;
  return `{${value.map(printArray).join(",")}}`;
}

const elements = fc.option(fc.string({ unit: fc.constantFrom("a", '"', "\\", "{", "}", ",", " ", "\n", "NULL", "Đ", "😀") }));
const arrays: fc.Arbitrary<Nested> = fc.oneof(
  fc.array(elements),
  fc.array(fc.array(elements, { minLength: 2, maxLength: 2 }), { minLength: 1 }),
);

test("an array is the same array to a reader of JSON", () => {
  fc.assert(
    fc.property(arrays, (array) => {
      expect(JSON.parse(encode(postgresType("text[]"), "longtext", printArray(array)) ?? "")).toEqual(array);
    }),
  );
  fc.assert(
    fc.property(fc.array(fc.option(fc.bigInt())), (array) => {
      const text = `{${array.map((element) => element?.toString() ?? "NULL").join(",")}}`;
      const expected = `[${array.map((element) => element?.toString() ?? "null").join(",")}]`;
      expect(encode(postgresType("int8[]"), "longtext", text)).toBe(expected);
    }),
  );
});
