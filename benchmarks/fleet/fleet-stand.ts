// Servers of a fleet that is measured: a master with several registers that have nothing to do with each other, one server for all copies, Redis.
import { join } from "node:path";
import { EmbeddedRedis } from "../../deploy/embedded/redis-server.ts";
import { PostgresStand } from "../stands/postgres-stand.ts";
import { registerStatements } from "../stands/register-sql.ts";

export class FleetStand implements AsyncDisposable {
  readonly stand: PostgresStand;
  readonly redis: EmbeddedRedis;
  /** Databases of the masters: several small ones, and one as large as all of them. */
  readonly small: readonly string[];
  readonly large = "dongbo_fleet_large";

  private constructor(stand: PostgresStand, redis: EmbeddedRedis, small: readonly string[]) {
    this.stand = stand;
    this.redis = redis;
    this.small = small;
  }

  static async start({ sources, rows }: { readonly sources: number; readonly rows: number }): Promise<FleetStand> {
    const stand = await PostgresStand.start({ rows, urls: null, nodeOptions: [] });
    const redis = await EmbeddedRedis.start({ dataDir: join(stand.folder, "redis") });
    const small = Array.from({ length: sources }, (_, at) => `dongbo_fleet_${at + 1}`);
    const fleet = new FleetStand(stand, redis, small);
    for (const server of [stand.source, stand.target]) await server.query("CREATE ROLE dongbo LOGIN REPLICATION");
    for (const master of small) await fleet.#makeMaster(master, rows);
    await fleet.#makeMaster(fleet.large, sources * rows);
    return fleet;
  }

  async #makeMaster(database: string, rows: number): Promise<void> {
    const { source } = this.stand;
    await source.query(`CREATE DATABASE ${database}`);
    for (const sql of registerStatements(rows)) await source.query(sql, database);
    await source.query("GRANT SELECT ON public.citizen TO dongbo", database);
    await source.query(`CREATE PUBLICATION dongbo_${database} FOR TABLE public.citizen`, database);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.redis[Symbol.asyncDispose]();
    await this.stand[Symbol.asyncDispose]();
  }
}
