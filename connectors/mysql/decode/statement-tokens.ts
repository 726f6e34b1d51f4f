// Words of a statement as the binary log quotes it (MySQL manual, "Comments", "Schema Object Names", "String Literals").

export type Token =
  /** A bare word, as written. */
  | { readonly kind: "word"; readonly text: string }
  /** A quoted name, without its quotes. */
  | { readonly kind: "name"; readonly text: string }
  | { readonly kind: "string" }
  /** One character of punctuation. */
  | { readonly kind: "sign"; readonly text: string };

export interface Quoting {
  /** sql_mode ANSI_QUOTES: `"` quotes names. */
  readonly ansiQuotes: boolean;
  /** sql_mode NO_BACKSLASH_ESCAPES. */
  readonly noBackslash: boolean;
}

const space = /\s/;
const wordCharacter = /[\p{L}\p{N}\p{M}_$@\u0080-\uffff]/u;

/**
 * Splits a statement. What stands in a comment that the server executes (with `!` or `M!`) is part of it, other comments
 * are not. Null when a quote or a comment does not end.
 */
export function tokenize(sql: string, quoting: Quoting): Token[] | null {
  const tokens: Token[] = [];
  let at = 0;
  while (at < sql.length) {
    const char = sql[at] ?? "";
    const next = sql[at + 1] ?? "";
    if (space.test(char)) at++;
    else if (char === "#" || (char === "-" && next === "-" && /^(\s|$)/.test(sql.slice(at + 2, at + 3)))) at = endOfLine(sql, at);
    else if (char === "/" && next === "*") {
      const executed = /^\/\*M?!\d*/.exec(sql.slice(at, at + 12));
      const end = executed === null ? sql.indexOf("*/", at + 2) + 2 : at + executed[0].length;
      if (end < 2) return null;
      at = end;
    } else if (char === "*" && next === "/") at += 2;
    else if (char === "`" || char === '"' || char === "'") {
      const end = endOfQuote(sql, at, char !== "`" && !quoting.noBackslash && !(char === '"' && quoting.ansiQuotes));
      if (end === null) return null;
      const isName = char === "`" || (char === '"' && quoting.ansiQuotes);
      tokens.push(isName ? { kind: "name", text: sql.slice(at + 1, end - 1).replaceAll(char + char, char) } : { kind: "string" });
      at = end;
    } else if (wordCharacter.test(char)) {
      let end = at + 1;
      while (end < sql.length && wordCharacter.test(sql[end] ?? "")) end++;
      tokens.push({ kind: "word", text: sql.slice(at, end) });
      at = end;
    } else {
      tokens.push({ kind: "sign", text: char });
      at++;
    }
  }
  return tokens;
}

function endOfLine(sql: string, at: number): number {
  const end = sql.indexOf("\n", at);
  return end < 0 ? sql.length : end + 1;
}

/** Behind the closing quote; a doubled quote, or one behind a backslash, does not close. */
function endOfQuote(sql: string, from: number, backslash: boolean): number | null {
  const quote = sql[from];
  for (let at = from + 1; at < sql.length; at++) {
    if (backslash && sql[at] === "\\") at++;
    else if (sql[at] === quote) {
      if (sql[at + 1] !== quote) return at + 1;
      at++;
    }
  }
  return null;
}
