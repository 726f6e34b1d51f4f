// Waiting in tests: a condition is polled until it holds, and a deadline that passes says what was waited for.

export interface WaitOptions {
  /** Names the awaited state, for the error: "the slot to advance". */
  readonly describe: string;
  readonly deadlineMs?: number;
  readonly everyMs?: number;
  /** Adds what is known to the error when the deadline passes: the engine's last lines, for example. */
  readonly detail?: () => string | Promise<string>;
}

/** Polls until the condition gives something other than null, undefined or false, and returns that. Throws at the deadline. */
export async function waitUntil<T>(condition: () => T | Promise<T>, options: WaitOptions): Promise<NonNullable<Exclude<T, false>>> {
  const deadline = performance.now() + (options.deadlineMs ?? 30_000);
  for (;;) {
    const value = await condition();
    if (value !== null && value !== undefined && value !== false) return value as NonNullable<Exclude<T, false>>;
    if (performance.now() > deadline) {
      const detail = options.detail === undefined ? "" : `\n${await options.detail()}`;
      throw new Error(`waited ${options.deadlineMs ?? 30_000} ms in vain for ${options.describe}${detail}`);
    }
    await pause(options.everyMs ?? 25);
  }
}

/** For pacing a workload and for choosing the moment of a blow; never for waiting until something has happened. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
