// Puts what the command line needs into a few files below dist/bundle: a start that finds and reads several hundred modules spends most of
// its time on that. What only some configurations need is in files of its own, as the sources import it.
export default {
  input: { cli: "dist/deploy/processes/cli.js" },
  platform: "node",
  // Kafka's clients and the queue's load parts of themselves by paths of their own. pg asks for pg-native, which is not installed.
  external: ["@platformatic/kafka", "kafkajs", "bullmq", "ioredis", "pg-native"],
  logLevel: "warn",
  output: { dir: "dist/bundle", format: "esm", sourcemap: true, cleanDir: true },
};
