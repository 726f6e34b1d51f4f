// The command line: which commands there are, and how a process runs one of them.
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type CommandDefinition, runCommandLine } from "./command.ts";
import { resumeCommand, suspendCommand } from "./commands/lifecycle.ts";
import { replayCommand, resyncCommand } from "./commands/orders.ts";
import { applyCommand, planCommand } from "./commands/plan.ts";
import { statusCommand } from "./commands/status.ts";
import type { ExitCode, Terminal } from "./terminal.ts";

/** In the order of the help. */
const definitions: readonly CommandDefinition[] = [
  planCommand,
  applyCommand,
  statusCommand,
  resyncCommand,
  replayCommand,
  suspendCommand,
  resumeCommand,
];

/** Runs one command line without ending the process. */
export function runDongbo(parameters: readonly string[], terminal: Terminal): Promise<ExitCode> {
  return runCommandLine(parameters, terminal, { definitions, version: dongboVersion() });
}

/** Version of this installation, from its package.json: beside deploy/ in the sources, above dist/ when compiled. */
export function dongboVersion(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    try {
      const { name, version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as { name: string; version: string };
      if (name === "dongbo") return version;
    } catch (error) {
      if (folder === dirname(folder)) throw error;
    }
  }
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
  process.exitCode = await runDongbo(parameters, {
    out: (text) => process.stdout.write(text),
    err: (text) => process.stderr.write(text),
    interactive: process.stderr.isTTY,
    environment: process.env,
    timeZone: Intl.DateTimeFormat().resolvedOptions().timeZone,
    interrupted: interrupted.signal,
  });
  // Whatever was left open must not keep a finished command alive, once its output has been taken.
  process.stdout.write("", () => {
    setTimeout(() => process.exit(), 2_000).unref();
  });
}
