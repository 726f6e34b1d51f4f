// Whether a copy shows the end of a backlog yet, asked as a reader would ask.
import { setTimeout as pause } from "node:timers/promises";
import pg from "pg";
import { type PostgresStand, registerDatabase } from "./postgres-stand.ts";
import type { CopyPlace } from "./steady-writer.ts";

/** Rare enough to cost nothing, and below what is measured. */
const askMs = 5;
const deadlineMs = 3_600_000;
/** The first person of some district, so that the last transaction of every backlog changes this row. */
const person = 1;

/** Waits for one copy; connected beforehand, so that connecting is not timed. */
export class LastChange implements AsyncDisposable {
  readonly #client: pg.Client;
  readonly #place: CopyPlace;
  readonly #version: number;

  private constructor(client: pg.Client, place: CopyPlace, version: number) {
    this.#client = client;
    this.#place = place;
    this.#version = version;
  }

  /** To be called when the backlog has been written. */
  static async of(stand: PostgresStand, place: CopyPlace): Promise<LastChange> {
    const [row] = await stand.source.query(`SELECT version FROM public.citizen WHERE id = ${person}`, registerDatabase);
    const client = new pg.Client({ connectionString: stand.target.url(place.database) });
    await client.connect();
    return new LastChange(client, place, Number(row?.["version"]));
  }

  /** Resolves when a look has seen it. Throws after an hour. */
  async visible(): Promise<void> {
    const deadline = performance.now() + deadlineMs;
    while (!(await this.#isVisible())) {
      if (performance.now() > deadline) throw new Error(`${this.#place.database} has not shown the end of the backlog within an hour`);
      await pause(askMs);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.end();
  }

  async #isVisible(): Promise<boolean> {
    const { rows } = await this.#client.query<{ version: number }>(`SELECT version FROM ${this.#place.table} WHERE id = ${person}`);
    return rows[0]?.version === this.#version;
  }
}
