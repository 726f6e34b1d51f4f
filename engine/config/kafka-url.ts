import type { KafkaAddress } from "../model/server-address.ts";
import type { Problem } from "./reading.ts";
import { toPath, type UrlContext, type UrlReading } from "./server-url.ts";
import { isLocal, readTls } from "./tls-settings.ts";
import { type UrlForm, UrlText } from "./url-text.ts";

const mechanisms = ["plain", "scram-sha-256", "scram-sha-512"] as const;

const form: UrlForm = {
  shape: "kafka://user@host:port,host:port",
  schemes: ["kafka"],
  parameters: ["sslmode", "sslrootcert", "sslcert", "sslkey", "sasl_mechanism"],
  remedies: {
    "DB-CFG-020": "Write kafka://host:9092,host:9092, or kafka://user:${env:PASSWORD}@host:9092,host:9092 where the brokers ask who comes",
    "DB-CFG-023": "Use sslmode, sslrootcert, sslcert, sslkey, sasl_mechanism, and nothing else",
  },
};

/**
 * Reads the URL of Kafka's brokers: several, separated by commas, and a user where they ask for one (SASL). A listener speaks TLS or
 * does not, so that `allow` and `prefer` of sslmode have no meaning; on loopback addresses the default is `disable`.
 */
export function parseKafkaUrl(written: string, { env, directory }: UrlContext): UrlReading<KafkaAddress> {
  const url = new UrlText(written, env, form);
  const pieces = url.cut(["kafka"]);
  if (pieces === null) return { address: null, problems: url.problems, warnings: [] };
  const { user, password, hosts } = url.userInfo(pieces.authority);
  const brokers = hosts.split(",").map((host) => url.hostAndPort(host, 9092));
  for (const { host } of brokers) url.checkHost(host);
  if (pieces.path !== "") url.problem("it has a path");
  const parameters = url.parameters(pieces.query);
  const mode = parameters.get("sslmode");
  if (mode === "allow" || mode === "prefer") {
    url.problems.push({
      code: "DB-CFG-023",
      cause: `sslmode=${mode} has no meaning for Kafka: a listener speaks TLS or does not`,
      remedy: "Use one of: disable, require, verify-ca, verify-full",
    });
  }
  const local = brokers.every(({ host }) => isLocal(host));
  const tls = readTls(parameters, local, toPath(directory));
  const settings = tls.settings.mode === "prefer" ? { ...tls.settings, mode: "disable" as const } : tls.settings;
  const sasl = saslOf(url, { user, password, mechanism: parameters.get("sasl_mechanism") });
  const problems = [...url.problems, ...tls.problems];
  if (problems.length > 0) return { address: null, problems, warnings: [] };
  const clear: Problem[] =
    sasl?.mechanism === "plain" && settings.mode === "disable" && !local
      ? [{ code: "DB-CFG-027", cause: "sasl_mechanism=plain sends the password as it is, and nothing encrypts it" }]
      : [];
  return { address: { brokers, tls: settings, sasl }, problems: [], warnings: [...url.warnings, ...tls.warnings, ...clear] };
}

type Credentials = Pick<NonNullable<KafkaAddress["sasl"]>, "user"> & {
  readonly password: NonNullable<KafkaAddress["sasl"]>["password"] | null;
  readonly mechanism: string | undefined;
};

/** SCRAM with SHA-512 unless another mechanism is named. */
function saslOf(url: UrlText, { user, password, mechanism: written }: Credentials): KafkaAddress["sasl"] {
  const mechanism = mechanisms.find((known) => known === (written ?? "scram-sha-512"));
  if (mechanism === undefined) {
    const remedy = `Use one of: ${mechanisms.join(", ")}`;
    url.problems.push({ code: "DB-CFG-023", cause: "sasl_mechanism has a value that dongbo does not know", remedy });
    return null;
  }
  if (user === "" && password === null) {
    if (written !== undefined) url.problem("it names a sasl_mechanism and no user");
    return null;
  }
  if (user === "") url.problem("it has a password and no user");
  if (password === null) {
    url.problem("it has a user and no password");
    return null;
  }
  return { mechanism, user, password };
}
