// One whole copy of the register with the engine running that keeps it.
import type { EngineProcess } from "./engine-process.ts";
import { Installation } from "./installation.ts";
import { type PostgresStand, registerDatabase } from "./postgres-stand.ts";

export class KeptCopy implements AsyncDisposable {
  readonly installation: Installation;
  readonly #stand: PostgresStand;
  readonly #engine: EngineProcess;

  private constructor(stand: PostgresStand, installation: Installation, engine: EngineProcess) {
    this.#stand = stand;
    this.installation = installation;
    this.#engine = engine;
  }

  /** Loads it and waits until it is streamed. The name is unlike every other one's. */
  static async create(stand: PostgresStand, name: string): Promise<KeptCopy> {
    const installation = await Installation.create(stand, name, [{}]);
    await installation.catchUp();
    const engine = installation.start();
    await engine.tells("subscription attached");
    return new KeptCopy(stand, installation, engine);
  }

  /** People in the register now. */
  async rows(): Promise<number> {
    const [row] = await this.#stand.source.query("SELECT count(*) AS rows FROM public.citizen", registerDatabase);
    return Number(row?.["rows"]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#engine.stop();
    await this.installation[Symbol.asyncDispose]();
  }
}
