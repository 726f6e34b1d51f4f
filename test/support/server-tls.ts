// TLS on test servers.
import { chmodSync, chownSync, copyFileSync } from "node:fs";
import { join } from "node:path";
import { serverUser } from "../../deploy/embedded/postgres-binaries.ts";
import type { EmbeddedPostgres } from "../../deploy/embedded/postgres-server.ts";

/** Folder of the certificates; see the README.md there. */
export const certificates = "test/fixtures/tls";

/** Restarts the server with one of the certificates. */
export async function serveTls(server: EmbeddedPostgres, certificate: "good" | "expired" | "other-host"): Promise<void> {
  for (const extension of ["pem", "key"]) {
    giveToServer(join(certificates, `${certificate}.${extension}`), join(server.dataDir, `server.${extension}`));
  }
  await server.stop("fast");
  await server.restart({ ssl: "on", ssl_cert_file: "server.pem", ssl_key_file: "server.key" });
}

/** A copy that only the account which runs private servers may read. */
export function giveToServer(file: string, copy: string): void {
  const user = serverUser();
  copyFileSync(file, copy);
  chmodSync(copy, 0o600);
  if (user !== null) chownSync(copy, user.uid, user.gid);
}
