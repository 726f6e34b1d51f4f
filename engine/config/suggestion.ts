/** A file may hold thousands of names and as many mistakes; no person looks further than this. */
const comparedMax = 100;

/** The known word that `written` was probably meant to be; null when none is near enough to be worth saying. */
export function closest(written: string, known: readonly string[]): string | null {
  if (written.length > 64) return null;
  let best: string | null = null;
  let bestDistance = Math.max(1, Math.floor(written.length / 3)) + 1;
  for (const word of known.slice(0, comparedMax)) {
    const distance = editDistance(written.toLowerCase(), word.toLowerCase());
    if (distance < bestDistance) [best, bestDistance] = [word, distance];
  }
  return best;
}

/** Remedy for a word that is not among the known ones. */
export function chooseAmong(written: string, known: readonly string[]): string {
  const near = closest(written, known);
  if (near !== null) return `Write \`${near}\`, if that is what was meant`;
  return known.length === 0 ? "Remove it" : `Use one of: ${known.slice(0, 40).join(", ")}`;
}

/** Levenshtein's distance. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [row, letter] of Array.from(a).entries()) {
    const current = [row + 1];
    for (const [column, other] of Array.from(b).entries()) {
      const substituted = (previous[column] ?? 0) + (letter === other ? 0 : 1);
      current.push(Math.min(substituted, (previous[column + 1] ?? 0) + 1, (current[column] ?? 0) + 1));
    }
    previous = current;
  }
  return previous.at(-1) ?? 0;
}
