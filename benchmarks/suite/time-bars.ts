// Where the processor time of a workload went, by side: a bar of engine, source and target each.
import { escapeHtml } from "./plot.ts";
import type { WorkloadResult } from "./result.ts";
import { median } from "./statistics.ts";

interface Part {
  readonly name: string;
  readonly seconds: number | null;
}

const [width, labels, barHeight, rowHeight, top] = [460, 64, 16, 46, 8];

/** Empty where no processor time is known. */
export function timeBars(row: WorkloadResult): string {
  const { name, title, engine, source, target, anchor_cost: anchor, measure, own, anchored } = row;
  // Other measures are not times that the sides took.
  const wall = (values: readonly number[]): number | null => (measure === "s" && values.length > 0 ? median(values) : null);
  const sides = [
    { side: "dongbo", parts: partsOf({ engine, source, target }), wall: wall(own) },
    ...(anchor === null ? [] : [{ side: "anchor", parts: partsOf(anchor), wall: wall(anchored) }]),
  ];
  const longest = Math.max(...sides.map(({ parts }) => allSeconds(parts)));
  if (longest === 0) return "";
  const bars = sides.map(({ side, parts, wall: seconds }, at) => {
    const y = top + at * rowHeight;
    let x = labels;
    const drawn = parts.map((part, index) => {
      const length = ((part.seconds ?? 0) / longest) * (width - labels);
      const bar = `<rect class="part${index}" x="${x.toFixed(1)}" y="${y}" width="${length.toFixed(1)}" height="${barHeight}"/>`;
      x += length;
      return bar;
    });
    const text = parts.map((part) => partText(part, seconds)).join(" · ");
    return `<text x="0" y="${y + 12}">${side}</text>${drawn.join("")}<text x="${labels}" y="${y + barHeight + 14}">${text}</text>`;
  });
  const height = top + sides.length * rowHeight;
  return `<figure><figcaption>${escapeHtml(`${name}: ${title}`)}</figcaption>
<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeHtml(`${name}: processor seconds`)}">${bars.join("\n")}</svg></figure>`;
}

function allSeconds(parts: readonly Part[]): number {
  return parts.reduce((total, { seconds }) => total + (seconds ?? 0), 0);
}

type Costs = Readonly<Record<"engine" | "source" | "target", { readonly cpu_seconds: number | null }>>;

function partsOf({ engine, source, target }: Costs): Part[] {
  return [
    { name: "engine", seconds: engine.cpu_seconds },
    { name: "source", seconds: source.cpu_seconds },
    { name: "target", seconds: target.cpu_seconds },
  ];
}

/** Seconds, and what part of the side's whole time one processor was busy with it. */
function partText({ name, seconds }: Part, wall: number | null): string {
  if (seconds === null) return `${name} not known`;
  return `${name} ${seconds.toFixed(2)} s${wall === null ? "" : ` (${((100 * seconds) / wall).toFixed(0)} %)`}`;
}
