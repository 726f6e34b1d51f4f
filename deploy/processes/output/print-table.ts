/** A column of a printed table. */
export interface TextColumn {
  readonly title: string;
  readonly align?: "left" | "right";
}

/**
 * Rows aligned under their titles, two blanks between columns, no blanks at the ends of lines. Widths are counted as a
 * terminal shows them: combining marks take no place, East Asian wide characters take two.
 */
export function printTable(columns: readonly TextColumn[], rows: readonly (readonly string[])[]): string {
  const titles = columns.map((column) => column.title);
  const lines = [titles, ...rows].map((row) => columns.map((_column, index) => oneLine(row[index] ?? "")));
  const widths = columns.map((_column, index) => Math.max(...lines.map((line) => shownWidth(line[index] ?? ""))));
  const print = (line: readonly string[]): string =>
    columns
      .map((column, index) => {
        const text = line[index] ?? "";
        const fill = " ".repeat((widths[index] ?? 0) - shownWidth(text));
        return column.align === "right" ? fill + text : text + fill;
      })
      .join("  ")
      .trimEnd();
  return lines.map((line) => `${print(line)}\n`).join("");
}

/** Control characters, which could break lines or move the cursor, become visible marks. */
export function oneLine(text: string): string {
  // eslint-disable-next-line no-control-regex
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, "\u{fffd}");
}

function shownWidth(text: string): number {
  let width = 0;
  for (const character of text) {
    if (/\p{Mark}|\p{Cf}/u.test(character)) continue;
    width += /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}]/u.test(
      character,
    )
      ? 2
      : 1;
  }
  return width;
}
