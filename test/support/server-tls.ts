// TLS on test servers.
import { chmodSync, chownSync, copyFileSync } from "node:fs";
import { join } from "node:path";
import { serverUser } from "../../deploy/embedded/postgres-binaries.ts";
import type { EmbeddedPostgres } from "../../deploy/embedded/postgres-server.ts";

/** Folder of the certificates; see the README.md there. */
export const certificates = "test/fixtures/tls";

/** Restarts the server with one of the certificates. */
export async function serveTls(server: EmbeddedPostgres, certificate: "good" | "expired" | "other-host"): Promise<void> {
  const user = serverUser();
  for (const extension of ["pem", "key"]) {
    const file = join(server.dataDir, `server.${extension}`);
    copyFileSync(join(certificates, `${certificate}.${extension}`), file);
    chmodSync(file, 0o600);
    if (user !== null) chownSync(file, user.uid, user.gid);
  }
  await server.stop("fast");
  await server.restart({ ssl: "on", ssl_cert_file: "server.pem", ssl_key_file: "server.key" });
}
