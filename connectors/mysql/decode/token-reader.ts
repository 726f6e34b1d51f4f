// Reads a statement's words one after the other.
import type { TableName } from "../../../engine/model/table.ts";
import type { Token } from "./statement-tokens.ts";

export class TokenReader {
  readonly #tokens: readonly Token[];
  readonly #database: string;
  #at = 0;

  /** `database`: the one that names without a database are of. */
  constructor(tokens: readonly Token[], database: string) {
    this.#tokens = tokens;
    this.#database = database;
  }

  get atEnd(): boolean {
    return this.#at >= this.#tokens.length;
  }

  /** Takes the next word when it is one of these (capitals); the word, or null. */
  take(...words: readonly string[]): string | null {
    const token = this.#tokens[this.#at];
    if (token?.kind !== "word") return null;
    const word = token.text.toUpperCase();
    if (!words.includes(word)) return null;
    this.#at++;
    return word;
  }

  /** Takes these words when they follow one another. */
  takeAll(...words: readonly string[]): boolean {
    const from = this.#at;
    for (const word of words) {
      if (this.take(word) === null) {
        this.#at = from;
        return false;
      }
    }
    return true;
  }

  takeSign(sign: string): boolean {
    const token = this.#tokens[this.#at];
    if (token?.kind !== "sign" || token.text !== sign) return false;
    this.#at++;
    return true;
  }

  /** The next word, whatever it is, in capitals; null at the end or when it is no bare word. */
  word(): string | null {
    const token = this.#tokens[this.#at];
    if (token?.kind !== "word") return null;
    this.#at++;
    return token.text.toUpperCase();
  }

  skip(): void {
    this.#at++;
  }

  /** A name of one part; null when none follows. */
  name(): string | null {
    const token = this.#tokens[this.#at];
    if (token?.kind !== "word" && token?.kind !== "name") return null;
    this.#at++;
    return token.text;
  }

  /** A table's name, of one part or two; null when none follows. */
  table(): TableName | null {
    const first = this.name();
    if (first === null) return null;
    if (!this.takeSign(".")) return { schema: this.#database, name: first };
    const second = this.name();
    return second === null ? null : { schema: first, name: second };
  }

  /** The rest, cut at its commas outside of parentheses, each part to be read by itself. */
  parts(): TokenReader[] {
    const parts: Token[][] = [[]];
    let depth = 0;
    for (const token of this.#tokens.slice(this.#at)) {
      if (token.kind === "sign" && token.text === "(") depth++;
      if (token.kind === "sign" && token.text === ")") depth--;
      if (depth === 0 && token.kind === "sign" && token.text === ",") parts.push([]);
      else parts.at(-1)?.push(token);
    }
    this.#at = this.#tokens.length;
    return parts.map((tokens) => new TokenReader(tokens, this.#database));
  }

  /** Moves behind the first of these words outside of parentheses; the word, or null when there is none. */
  seek(...words: readonly string[]): string | null {
    let depth = 0;
    while (!this.atEnd) {
      const token = this.#tokens[this.#at];
      if (token?.kind === "sign" && token.text === "(") depth++;
      if (token?.kind === "sign" && token.text === ")") depth--;
      const found = depth === 0 ? this.take(...words) : null;
      if (found !== null) return found;
      this.#at++;
    }
    return null;
  }

  /** Whether one of these words is among what is left, outside of parentheses. Takes nothing. */
  has(...words: readonly string[]): boolean {
    const from = this.#at;
    const found = this.seek(...words) !== null;
    this.#at = from;
    return found;
  }

  /** Moves behind the next `,` or JOIN before SET, WHERE and the like: to the next table of a list. False: there is none. */
  seekReference(): boolean {
    let depth = 0;
    for (; !this.atEnd; this.#at++) {
      const token = this.#tokens[this.#at];
      if (token?.kind === "sign" && token.text === "(") depth++;
      if (token?.kind === "sign" && token.text === ")") depth--;
      if (depth > 0) continue;
      if (this.takeSign(",") || this.take("JOIN") !== null) return true;
      if (this.take("SET", "WHERE", "ORDER", "LIMIT", "RETURNING") !== null) return false;
    }
    return false;
  }
}
