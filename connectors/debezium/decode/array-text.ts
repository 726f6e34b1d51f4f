// One-dimensional arrays as PostgreSQL prints them (manual, "Array Input and Output Syntax").

const needsQuotes = /^$|^null$|[{}",\\\s]/i;

/** `null` stands for NULL. */
export function arrayText(items: readonly (string | null)[]): string {
  return `{${items.map((item) => (item === null ? "NULL" : quoted(item))).join(",")}}`;
}

function quoted(item: string): string {
  return needsQuotes.test(item) ? `"${item.replace(/["\\]/g, (character) => `\\${character}`)}"` : item;
}
