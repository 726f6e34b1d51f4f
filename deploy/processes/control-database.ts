// Opens the control database of a configuration: a PostgreSQL that the operator names, or dongbo's own under data_dir.
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { connectPostgres } from "../../connectors/postgres/postgres-client.ts";
import type { Configuration } from "../../engine/config/configuration.ts";
import { PostgresControlStore } from "../../engine/control-store/postgres-control-store.ts";
import { asReplicationError } from "../../engine/fleet/retry-policy.ts";
import type { Finding } from "../../engine/model/finding.ts";
import { ReplicationError } from "../../engine/model/replication-error.ts";
import { Secret } from "../../engine/model/secret.ts";
import type { ServerAddress } from "../../engine/model/server-address.ts";
import type { ControlCommands } from "../../engine/ports/control-commands.ts";
import { reachableByOthers, serverUser } from "../embedded/postgres-binaries.ts";
import { EmbeddedPostgres } from "../embedded/postgres-server.ts";
import { prepareDataFolder, SharedUse } from "./data-folder.ts";
import { toFinding } from "./output/print-finding.ts";
import { systemClock } from "./system-clock.ts";

/** A store to be closed by whoever opened it; the last one out stops an embedded server. */
export interface OpenControl extends AsyncDisposable {
  readonly store: ControlCommands;
}

/** A statement of the control store is short: longer than this, the server hangs; a little longer, and it does not even say so. */
const statementTimeoutMs = 15_000;
const answerTimeoutMs = 20_000;

/** Throws DB-CTL codes only. */
export async function openControl(configuration: Configuration): Promise<OpenControl> {
  const { control } = configuration;
  if (control !== "embedded") {
    const store = await openStore(control);
    return { store, [Symbol.asyncDispose]: () => store.close() };
  }
  const { dataDir } = configuration;
  prepareDataFolder(dataDir);
  const use = await SharedUse.enter(join(dataDir, "control.users"), () => startServer(dataDir));
  try {
    const store = await openStore(addressOf(use.resource));
    return {
      store,
      [Symbol.asyncDispose]: async () => {
        await store.close();
        await use.leave((server) => server.stop("fast"));
      },
    };
  } catch (error) {
    await use.leave((server) => server.stop("fast"));
    throw error;
  }
}

/** What is in the way of the control database, without making anything. */
export async function checkControl({ control, dataDir }: Configuration): Promise<Finding[]> {
  try {
    if (control === "embedded") verifyPassable(join(dataDir, "control"));
    else await (await connectPostgres(control, { role: "check", statementTimeoutMs })).end();
    return [];
  } catch (error) {
    return [toFinding(asReplicationError(error, "control database"))];
  }
}

function openStore(address: ServerAddress): Promise<PostgresControlStore> {
  return PostgresControlStore.open((role) => connectPostgres(address, { role, statementTimeoutMs, answerTimeoutMs }), systemClock);
}

/** Makes the cluster when there is none, starts it when it is down, or finds it running. Only one process at a time does. */
async function startServer(dataDir: string): Promise<EmbeddedPostgres> {
  const folder = join(dataDir, "control");
  const made = existsSync(join(folder, "PG_VERSION"));
  if (made && !existsSync(`${folder}.password`)) throw new ReplicationError("DB-CTL-005", { subject: `${folder}.password` });
  verifyPassable(folder);
  try {
    return await EmbeddedPostgres.start({ dataDir: folder, authentication: "password", settings });
  } catch (error) {
    throw new ReplicationError("DB-CTL-006", { subject: folder, cause: firstLines(error) }, { cause: error });
  }
}

/** Root runs servers under another account, which must be able to enter every folder above. */
function verifyPassable(folder: string): void {
  if (serverUser() !== null && !reachableByOthers(dirname(folder))) throw new ReplicationError("DB-CTL-002", { subject: folder });
}

/** Small: some tables of some rows. Durable: what is written here has no other copy. */
const settings = {
  shared_buffers: "16MB",
  max_connections: 40,
  max_wal_size: "64MB",
  min_wal_size: "32MB",
  wal_level: "minimal",
  max_wal_senders: 0,
  autovacuum_naptime: "60s",
  log_min_messages: "warning",
} as const;

function addressOf(server: EmbeddedPostgres): ServerAddress {
  const { password } = new URL(server.url());
  return {
    kind: "postgres",
    host: "127.0.0.1",
    port: server.port,
    database: "postgres",
    user: "postgres",
    password: new Secret(decodeURIComponent(password)),
    tls: { mode: "disable", rootCertificate: null, certificate: null, key: null },
  };
}

function firstLines(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const lines = text.trim().split("\n").slice(0, 4);
  return lines.join(" ").replace(/\.$/, "");
}
