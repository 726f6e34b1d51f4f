// What the demo tells people: steps, facts, and what was proved.
const deadlineMs = 60_000;

export class Narrator {
  readonly #started = Date.now();
  readonly #proofs: { readonly what: string; readonly holds: boolean }[] = [];

  title(text: string): void {
    console.log(`\n${text}\n${"═".repeat(text.length)}`);
  }

  done(text: string): void {
    console.log(`\n[${this.#clock()}] ${text}`);
  }

  /** A command or query and what it answered. */
  step(command: string, answer: string): void {
    console.log(`\n[${this.#clock()}] $ ${command}\n${answer.replaceAll(/^/gm, "    ")}`);
  }

  fact(subject: string, text: string): void {
    console.log(`    ${subject.padEnd(24)} ${text}`);
  }

  prove(what: string, holds: boolean): void {
    this.#proofs.push({ what, holds });
    console.log(`  ${holds ? "✓" : "✗"} ${what}`);
  }

  /** Waits for something to become true; throws when it does not in a minute. */
  async until(what: string, condition: () => Promise<boolean>): Promise<void> {
    const deadline = Date.now() + deadlineMs;
    let last: unknown;
    for (;;) {
      try {
        if (await condition()) return;
      } catch (error) {
        // A copy that is still being loaded refuses; that is what we wait for.
        last = error;
      }
      if (Date.now() > deadline) throw new Error(`waited a minute in vain for ${what}`, { cause: last });
      await new Promise((resolve) => {
        setTimeout(resolve, 100);
      });
    }
  }

  /** Where everything is while it stays up. */
  keep(copy: string, master: string, engine: string): void {
    console.log("\nThe demo stays up until Ctrl+C.");
    this.fact("a copy", `psql ${copy} -c 'SELECT * FROM population.citizen LIMIT 5' -c 'SELECT * FROM dongbo.status'`);
    this.fact("the master", `psql ${master}`);
    this.fact("the engine", `${engine}/metrics ${engine}/healthz`);
  }

  /** True when everything held. */
  summary(): boolean {
    const held = this.#proofs.filter((proof) => proof.holds).length;
    console.log(`\n${held} of ${this.#proofs.length} proofs held, in ${this.#clock()}`);
    return held === this.#proofs.length;
  }

  #clock(): string {
    return `${((Date.now() - this.#started) / 1000).toFixed(1)} s`;
  }
}
