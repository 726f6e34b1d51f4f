// Named places at which a test may make the process die, stand still or fail, to show that nothing is lost there.
import { assert } from "../model/assert.ts";

type Action = "kill" | "hang" | "throw";

interface Armed {
  readonly name: string;
  readonly action: Action;
  /** Passings until it acts. */
  left: number;
}

/** `DONGBO_FAILPOINT=name[:nth]:kill|hang|throw`, read once; unset in any real installation. */
const armed = parse(process.env["DONGBO_FAILPOINT"]);

/**
 * Does nothing unless the environment has armed this name. `kill` ends the process by SIGKILL, `hang` blocks it for ever
 * as a frozen machine would, `throw` fails as a defect would; each at the nth passing, once.
 */
export function failpoint(name: string): void {
  if (armed === null || armed.name !== name) return;
  armed.left -= 1;
  if (armed.left !== 0) return;
  switch (armed.action) {
    case "kill":
      process.kill(process.pid, "SIGKILL");
      // The signal is on its way: nothing of ours may happen before it arrives.
      block();
      break;
    case "hang":
      block();
      break;
    case "throw":
      throw new Error(`failpoint ${name}`);
  }
}

/** Whether this name will act some time: lets work that is done in one step be done in two, with the point between. */
export function isArmed(name: string): boolean {
  return armed !== null && armed.name === name;
}

function block(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}

function parse(text: string | undefined): Armed | null {
  if (text === undefined || text === "") return null;
  const match = /^([a-z0-9-]+)(?::(\d+))?:(kill|hang|throw)$/.exec(text);
  assert(match !== null, "DONGBO_FAILPOINT reads name[:nth]:kill|hang|throw");
  return { name: match[1] ?? "", left: Number(match[2] ?? 1), action: match[3] as Action };
}
