import { inspect } from "node:util";

/** A value that must never be seen: every way of printing it shows `***`. Only `reveal` gives it out, to a driver. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The value itself. Hand it to a driver at once; never keep, print or log it. */
  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return "***";
  }

  toJSON(): string {
    return "***";
  }

  [inspect.custom](): string {
    return "***";
  }
}
