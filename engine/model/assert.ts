/** A broken promise inside dongbo itself, never a user's mistake: it carries no code and is allowed its stack trace. */
export class AssertionError extends Error {
  override readonly name = "AssertionError";
}

/** Stops on a programmer's error. `what` says the rule that does not hold, without row values. */
export function assert(condition: unknown, what: string): asserts condition {
  if (!condition) throw new AssertionError(what);
}

/** The end of a total switch: the compiler proves it is never reached. */
export function unreachable(value: never): never {
  throw new AssertionError(`unreachable case: ${typeof value}`);
}
