// Runs a dongbo command inside the test's own process, with its output kept.
import { runDongbo } from "../../deploy/processes/cli.ts";

export interface CommandOutcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandWorld {
  readonly environment?: Readonly<Record<string, string>>;
  readonly interrupted?: AbortSignal;
}

export async function runCommand(parameters: readonly string[], world: CommandWorld = {}): Promise<CommandOutcome> {
  let stdout = "";
  let stderr = "";
  const code = await runDongbo(parameters, {
    out: (text) => (stdout += text),
    err: (text) => (stderr += text),
    screen: null,
    environment: world.environment ?? {},
    timeZone: "Asia/Ho_Chi_Minh",
    interrupted: world.interrupted ?? new AbortController().signal,
  });
  return { code, stdout, stderr };
}
