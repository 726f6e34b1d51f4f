// How far a server's clock is from this machine's, and how bad that is: the validity of copies is counted by both.
import type { Finding } from "../model/finding.ts";

const warnMs = 2_000;
const errorMs = 60_000;

/** Milliseconds by which a clock that showed `there` between our `before` and `after` is ahead for certain; negative: behind. */
export function clockAhead(before: number, there: number, after: number): number {
  if (there > after) return there - after;
  return there < before ? there - before : 0;
}

/** What is to be said of a clock that is ahead by so much; null: nothing. */
export function clockSkew(aheadMs: number): Pick<Finding, "severity" | "cause"> | null {
  const distance = Math.abs(aheadMs);
  if (distance <= warnMs) return null;
  const cause = `the server's clock is ${(distance / 1000).toFixed(1)} s ${aheadMs > 0 ? "ahead of" : "behind"} this machine's`;
  return { severity: distance > errorMs ? "error" : "warning", cause };
}
