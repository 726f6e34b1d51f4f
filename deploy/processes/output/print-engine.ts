import type { EngineIdentity } from "../../../engine/ports/control-commands.ts";

/** Who will carry a command out: "the running engine (process 12 on máy-1) stops supplying it". */
export function whoActs(engine: EngineIdentity | null, act: string): string {
  if (engine === null) return `no engine is running: the next \`dongbo run\` ${act}`;
  return `the running engine (process ${engine.pid} on ${engine.host}) ${act}`;
}

/** The same for machines; null: none is running. */
export function engineJson(engine: EngineIdentity | null): { pid: number; host: string; version: string; started_at: string } | null {
  if (engine === null) return null;
  const { pid, host, version, startedAt } = engine;
  return { pid, host, version, started_at: startedAt.toISOString() };
}
