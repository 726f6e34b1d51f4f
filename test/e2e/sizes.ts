// Sizes of the long tests: the by default, smaller ones by environment while something is being built.

/** A number from the environment; throws when it is none. */
export function sizeFromEnvironment(name: string, standard: number): number {
  const text = process.env[name];
  if (text === undefined || text === "") return standard;
  const size = Number(text);
  if (!Number.isFinite(size) || size < 0) throw new Error(`${name} must be a number, not ${text}`);
  return size;
}
