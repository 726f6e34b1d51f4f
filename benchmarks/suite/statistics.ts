// Figures over rounds: medians, ranges, and how far a median may be off by chance.

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** Middle value; the mean of the two middle ones of an even number. NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const [low, high] = [sorted[Math.floor((sorted.length - 1) / 2)], sorted[Math.ceil((sorted.length - 1) / 2)]];
  return low === undefined || high === undefined ? Number.NaN : (low + high) / 2;
}

export function spread(values: readonly number[]): Spread {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) };
}

/** The value below which the given part of sorted values lies (nearest rank); NaN of none. */
export function percentile(sorted: readonly number[], part: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * part) - 1)] ?? Number.NaN;
}

/**
 * Standard error of the median, relative to it. The standard deviation is told from the range, as is usual for few values
 * (range over d2), and a median's error is 1.25 times a mean's.
 */
export function relativeError(values: readonly number[]): number {
  if (values.length < 2) return Number.POSITIVE_INFINITY;
  const { median: middle, min, max } = spread(values);
  const d2 = rangeFactors[Math.min(values.length, rangeFactors.length + 1) - 2] ?? 3;
  return (1.2533 * ((max - min) / d2)) / Math.sqrt(values.length) / Math.abs(middle);
}

/** Expected range of 2, 3, … values of a normal distribution, in standard deviations. */
const rangeFactors: readonly number[] = [1.128, 1.693, 2.059, 2.326, 2.534, 2.704, 2.847, 2.97, 3.078];

/** Slope of the straight line through the points by least squares, per unit of x. */
export function slope(points: readonly (readonly [x: number, y: number])[]): number {
  const n = points.length;
  const meanX = points.reduce((sum, [x]) => sum + x, 0) / n;
  const meanY = points.reduce((sum, [, y]) => sum + y, 0) / n;
  const covariance = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0);
  const variance = points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
  return covariance / variance;
}
