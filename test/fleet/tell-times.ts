/** Prints what was measured: milliseconds, told in seconds. */
export function tellTimes(what: string, times: readonly number[]): void {
  const ordered = times.toSorted((a, b) => a - b).map((ms) => (ms / 1_000).toFixed(2));
  const median = ordered[Math.floor((ordered.length - 1) / 2)];
  console.log(`${what}: ${times.length} times, median ${median} s, worst ${ordered.at(-1)} s`);
}
