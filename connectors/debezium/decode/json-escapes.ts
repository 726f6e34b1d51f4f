// JSON's escapes (RFC 8259, section 7). Control characters may stand unescaped: Kafka Connect's SimpleHeaderConverter writes them so.
import { malformed } from "./decode-failure.ts";

const backslash = 0x5c;
const letterU = 0x75;
/** What stands for the character after the backslash. */
const short: ReadonlyMap<number, number> = new Map(
  Object.entries({ '"': '"', "\\": "\\", "/": "/", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" }).map(([letter, character]) => [
    letter.charCodeAt(0),
    character.charCodeAt(0),
  ]),
);

/** The text between the quotes, as UTF-8. */
export function unescapeJson(raw: Buffer): Buffer {
  const out = Buffer.allocUnsafe(raw.length);
  let [length, at] = [0, 0];
  for (;;) {
    const next = raw.indexOf(backslash, at);
    length += raw.copy(out, length, at, next < 0 ? raw.length : next);
    if (next < 0) return out.subarray(0, length);
    const letter = raw[next + 1] ?? 0;
    if (letter === letterU) {
      const character = unicodeEscape(raw, next);
      // Six bytes of escape for at most three of UTF-8, twelve for four.
      length += out.write(character, length, "utf8");
      at = next + (character.length === 2 ? 12 : 6);
    } else {
      const byte = short.get(letter);
      if (byte === undefined) throw malformed("JSON has an escape that it does not know");
      out[length++] = byte;
      at = next + 2;
    }
  }
}

function unicodeEscape(raw: Buffer, at: number): string {
  const unit = codeUnit(raw, at);
  if (unit < 0xd800 || unit > 0xdfff) return String.fromCharCode(unit);
  const low = unit <= 0xdbff && raw[at + 6] === backslash && raw[at + 7] === letterU ? codeUnit(raw, at + 6) : 0;
  if (low < 0xdc00 || low > 0xdfff) throw malformed("JSON has half of a character");
  return String.fromCharCode(unit, low);
}

function codeUnit(raw: Buffer, at: number): number {
  const digits = raw.toString("latin1", at + 2, at + 6);
  if (!/^[0-9a-fA-F]{4}$/.test(digits)) throw malformed("JSON has an escape that it does not know");
  return Number.parseInt(digits, 16);
}
