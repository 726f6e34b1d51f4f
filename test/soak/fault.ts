import type { Random } from "../workload/random.ts";

/** What may happen to a fleet: begun, held for a time of chance, and lifted again. */
export interface Fault {
  readonly kind: string;
  /** Resolves when it was lifted, with what it hit. Throws when it could not be done, or what must follow did not. */
  readonly strike: (random: Random) => Promise<string>;
}
