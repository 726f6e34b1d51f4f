// The command line: which commands there are, and how a process runs one of them.
import { reportFailure } from "./command-failure.ts";
import { type CommandDefinition, runCommandLine } from "./command.ts";
import { checkCommand } from "./commands/check.ts";
import { explainCommand } from "./commands/explain.ts";
import { resumeCommand, suspendCommand } from "./commands/lifecycle.ts";
import { replayCommand, resyncCommand } from "./commands/orders.ts";
import { applyCommand, planCommand } from "./commands/plan.ts";
import { reconcileCommand } from "./commands/reconcile.ts";
import { runCommand } from "./commands/run.ts";
import { statusCommand } from "./commands/status.ts";
import { traceCommand } from "./commands/trace.ts";
import { workerCommand } from "./commands/worker.ts";
import { visible } from "./output/visible.ts";
import type { ExitCode, Terminal } from "./terminal.ts";
import { dongboVersion } from "./version.ts";

/** In the order of the help. */
const definitions: readonly CommandDefinition[] = [
  checkCommand,
  runCommand,
  workerCommand,
  statusCommand,
  explainCommand,
  traceCommand,
  reconcileCommand,
  planCommand,
  applyCommand,
  resyncCommand,
  replayCommand,
  suspendCommand,
  resumeCommand,
];

/** Runs one command line without ending the process. */
export function runDongbo(parameters: readonly string[], terminal: Terminal): Promise<ExitCode> {
  return runCommandLine(parameters, terminal, { definitions, version: dongboVersion() });
}

/** Runs the command line of this process and ends it. Called by deploy/dongbo.mjs. */
export async function main(parameters: readonly string[]): Promise<void> {
  const interrupted = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.on(signal, () => {
      // Asked a second time: whoever asks does not want to wait. A kill is always safe.
      if (interrupted.signal.aborted) process.exit(130);
      interrupted.abort();
    });
  }
  // A reader that has seen enough (`dongbo status | head`) is no failure.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
  const terminal: Terminal = {
    out: (text) => process.stdout.write(visible(text)),
    err: (text) => process.stderr.write(visible(text)),
    screen: process.stderr.isTTY ? process.stderr : null,
    environment: process.env,
    timeZone: Intl.DateTimeFormat().resolvedOptions().timeZone,
    interrupted: interrupted.signal,
  };
  // Node itself would print all that the error holds: a driver keeps statement and values there.
  process.on("uncaughtException", (error) => process.exit(reportFailure(error, terminal, false)));
  process.exitCode = await runDongbo(parameters, terminal);
  // Whatever was left open must not keep a finished command alive, once its output has been taken.
  process.stdout.write("", () => {
    setTimeout(() => process.exit(), 2_000).unref();
  });
}
