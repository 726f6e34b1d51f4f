// One line of output for one thing, whatever names are in it: a second line could be taken for something that dongbo says, or run.

/** A sentence with the line feeds of names in it made visible. */
export function oneLine(sentence: string): string {
  return sentence.replaceAll("\n", String.raw`\n`);
}

/** What stands between quotes of any SQL dialect, or a line feed outside. */
const quotedOrBreak = /"(?:[^"]|"")*"|`(?:[^`]|``)*`|'(?:[^']|'')*'|\n/g;

/** A statement on one line. Where a name in it holds a line feed, which cannot be left out, a comment that says so instead. */
export function oneLineStatement(statement: string): string {
  const joined = statement.replace(quotedOrBreak, (piece) => (piece === "\n" ? " " : piece));
  return joined.includes("\n") ? "-- a name in this statement holds a line feed: `dongbo check --json` has it whole" : joined;
}
