// Sizes of the long tests: everyday ones by default, so that all suites together stay short; the full ones, which releases are held to, by
// `npm run test:full`. Each of them can be set by its own variable.

interface Sizes {
  readonly everyday: number;
  readonly full: number;
}

const isFull = process.env["DONGBO_TEST_SIZE"] === "full";

/** A number from the environment, or the standard one; throws when it is none. */
export function sizeFromEnvironment(name: string, standard: number | Sizes): number {
  const text = process.env[name];
  const { everyday, full } = typeof standard === "number" ? { everyday: standard, full: standard } : standard;
  if (text === undefined || text === "") return isFull ? full : everyday;
  const size = Number(text);
  if (!Number.isFinite(size) || size < 0) throw new Error(`${name} must be a number, not ${text}`);
  return size;
}
