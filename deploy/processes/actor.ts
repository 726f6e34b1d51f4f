import { hostname, userInfo } from "node:os";
import type { Actor } from "../../engine/ports/actor.ts";

/** Who runs this command, for the record. An account without a name is shown by its number. */
export function currentActor(): Actor {
  return `${accountName()}@${hostname()}`;
}

function accountName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.() ?? "unknown"}`;
  }
}
