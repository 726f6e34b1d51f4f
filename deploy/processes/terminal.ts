/** Everything a command may know of the world around it, so that tests can run commands inside their own process. */
export interface Terminal {
  /** Writes text as it is. */
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** Standard error when it is a terminal that shows moving bars; null when it is a file or a pipe. */
  readonly screen: NodeJS.WriteStream | null;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** IANA name of the local time zone. */
  readonly timeZone: string;
  /** Aborts when the user or the operating system asks the process to end. */
  readonly interrupted: AbortSignal;
}

/**
 * How a command ended. failed: it could not do its work · usage: wrong command line or configuration · different: a copy is not what
 * its master is · unverified: that could not be found out · attention: done, but something is stopped, quarantined or parked and
 * `dongbo status` says what.
 */
export const exitCode = { ok: 0, failed: 1, usage: 2, different: 3, unverified: 4, attention: 5 } as const;

export type ExitCode = (typeof exitCode)[keyof typeof exitCode];
