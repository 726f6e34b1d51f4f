// How to speak to the brokers: TLS or not. A listener of Kafka does one of both, so this is found out before a client is made.
import { isIP } from "node:net";
import { type ConnectionOptions, connect } from "node:tls";
import type { KafkaAddress } from "./kafka-client.ts";
import { fromSocket, unexpected } from "./kafka-errors.ts";
import { authorityOptions } from "../../tls-options.ts";

/** `host:port` of all bootstrap servers, for messages. */
export function printBrokers(address: KafkaAddress): string {
  return address.brokers.map(({ host, port }) => `${host.includes(":") ? `[${host}]` : host}:${port}`).join(",");
}

/**
 * What Node's TLS needs for these brokers, null for plain text. libpq's meaning of the modes: `prefer` takes plain text only from a
 * listener that offers no TLS, `allow` is met by plain text, the rest insist.
 */
export async function chooseTls(address: KafkaAddress): Promise<ConnectionOptions | null> {
  switch (address.tls.mode) {
    case "disable":
    case "allow":
      return null;
    case "prefer":
      return (await offersTls(address)) ? tlsOptions(address) : null;
    case "require":
    case "verify-ca":
    case "verify-full":
      return tlsOptions(address);
  }
}

/** An IP address is no server name (RFC 6066). */
function serverName(host: string): string | undefined {
  return isIP(host) === 0 ? host : undefined;
}

function tlsOptions(address: KafkaAddress): ConnectionOptions {
  const { tls } = address;
  return {
    ...authorityOptions(tls, { code: "DB-KAF-009", subject: printBrokers(address) }),
    ...(tls.mode === "verify-full" ? {} : { checkServerIdentity: () => undefined }),
  };
}

/** Whether the first broker that answers completes a handshake. */
async function offersTls(address: KafkaAddress): Promise<boolean> {
  let failure: unknown = null;
  for (const { host, port } of address.brokers) {
    try {
      return await handshakes(host, port, tlsOptions(address));
    } catch (error) {
      failure = error;
    }
  }
  const subject = printBrokers(address);
  throw fromSocket(failure, subject) ?? unexpected(failure, subject);
}

const handshakeMs = 5000;

/** False: a listener was there and did not understand the handshake. Rejects when none was there. */
function handshakes(host: string, port: number, options: ConnectionOptions): Promise<boolean> {
  return new Promise((resolve, reject) => {
    let connected = false;
    const name = serverName(host);
    const socket = connect({ ...options, rejectUnauthorized: false, host, port, ...(name === undefined ? {} : { servername: name }) });
    const end = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(handshakeMs, () => end(false));
    socket.once("connect", () => (connected = true));
    socket.once("secureConnect", () => end(true));
    socket.once("close", () => end(false));
    socket.once("error", (error) => {
      socket.destroy();
      if (connected) resolve(false);
      else reject(error);
    });
  });
}
