import type { Refusal } from "../../../engine/target/quarantine-book.ts";

/** A value that Debezium's form of its type cannot say: its row is set aside, never distorted. */
export class ValueRefused extends Error {
  /** `what` names the kind of value, never the value. */
  constructor(what: string) {
    super(`${what} has no form in the topic's schema`);
    this.name = "ValueRefused";
  }
}

/** What quarantine keeps of a refusal; every other error is thrown. */
export function refusalOf(error: unknown): Refusal {
  if (!(error instanceof ValueRefused)) throw error;
  return { code: "DB-ROW-010", sqlstate: null, detail: error.message };
}
