import type { KafkaAddress } from "../../connectors/debezium/kafka/kafka-client.ts";

/** `host:port,…` of private brokers as the configuration would give them. */
export function kafkaAddress(brokers: string): KafkaAddress {
  const list = brokers.split(",").map((broker) => {
    const [host = "", port = ""] = broker.split(":");
    return { host, port: Number(port) };
  });
  return {
    brokers: list,
    tls: { mode: "disable", rootCertificate: null, certificate: null, key: null },
    sasl: null,
  };
}
