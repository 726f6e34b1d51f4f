import { hostname } from "node:os";
import type { EngineIdentity } from "../../engine/ports/control-commands.ts";
import { dongboVersion } from "./version.ts";

/** This process, as others are told of it. */
export function currentEngine(): EngineIdentity {
  return { pid: process.pid, host: hostname(), version: dongboVersion(), startedAt: new Date() };
}
