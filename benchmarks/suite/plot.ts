// Plots as inline SVG: lines over two axes. Colours are the page's, so they follow light and dark.

export interface PlotLine {
  readonly label: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

export interface PlotOptions {
  readonly title: string;
  readonly x: string;
  readonly y: string;
  readonly lines: readonly PlotLine[];
  /** Shows the points as well, for few of them. */
  readonly marked?: boolean;
}

const [width, height, left, right, top, bottom] = [460, 240, 56, 16, 30, 40];

/** Text with what HTML would read as markup made harmless. */
export function escapeHtml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}

/** Empty when there is nothing to show. */
export function plot({ title, x, y, lines, marked = false }: PlotOptions): string {
  const points = lines.flatMap((line) => line.points);
  if (points.length === 0) return "";
  const maxX = niceCeiling(Math.max(...points.map(([at]) => at)));
  const maxY = niceCeiling(Math.max(...points.map(([, value]) => value)));
  const atX = (value: number): string => (left + (value / maxX) * (width - left - right)).toFixed(1);
  const atY = (value: number): string => (height - bottom - (value / maxY) * (height - top - bottom)).toFixed(1);
  const steps = [0, 0.25, 0.5, 0.75, 1];
  const grid = steps.map(
    (step) => `<line class="grid" x1="${left}" x2="${width - right}" y1="${atY(step * maxY)}" y2="${atY(step * maxY)}"/>
<text x="${left - 6}" y="${Number(atY(step * maxY)) + 4}" text-anchor="end">${short(step * maxY)}</text>
<text x="${atX(step * maxX)}" y="${height - bottom + 16}" text-anchor="middle">${short(step * maxX)}</text>`,
  );
  const drawn = lines.map(({ points: own }, at) => {
    const path = own.map(([px, py]) => `${atX(px)},${atY(py)}`).join(" ");
    const dots = marked ? own.map(([px, py]) => `<circle class="line${at}" cx="${atX(px)}" cy="${atY(py)}" r="3"/>`).join("") : "";
    return `<polyline class="line${at}" points="${path}"/>${dots}`;
  });
  const legend = lines.map(
    ({ label }, at) =>
      `<text class="label line${at}" x="${width - right - 130 * (lines.length - at - 1)}" y="18" text-anchor="end">${escapeHtml(label)}</text>`,
  );
  return `<figure><figcaption>${escapeHtml(title)}</figcaption>
<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeHtml(title)}">${grid.join("")}${drawn.join("")}${legend.join("")}
<text x="${(width + left) / 2}" y="${height - 6}" text-anchor="middle">${escapeHtml(x)}</text>
<text x="4" y="18">${escapeHtml(y)}</text></svg></figure>`;
}

/** The next of 1, 2, 5 times a power of ten. */
function niceCeiling(value: number): number {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return power * ([1, 2, 5, 10].find((step) => step * power >= value) ?? 10);
}

function short(value: number): string {
  return value >= 10_000 ? `${Number((value / 1000).toPrecision(3))}k` : String(Number(value.toPrecision(3)));
}
