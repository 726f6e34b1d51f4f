// Puts what the command line needs into a few files below dist/bundle: a start that finds and reads several hundred modules spends most of
// its time on that. What only some configurations need is in files of its own, as the sources import it.

/**
 * One character beyond Latin-1 makes V8 hold its whole file in two bytes a character for as long as the process runs, so they become
 * escapes, which mean the same in every text. Lines stay as they are, and so does the map, whose columns behind an escape are off.
 */
const oneByteTexts = {
  name: "one-byte-texts",
  generateBundle(_, bundle) {
    for (const file of Object.values(bundle)) {
      if (file.type !== "chunk") continue;
      if (/\\[^\0-\xff]|String\.raw`[^`]*[^\0-\xff]/u.test(file.code))
        throw new Error(`${file.fileName}: an escape would mean something else`);
      file.code = file.code.replace(/[^\0-\xff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
    }
  },
};

export default {
  input: { cli: "dist/deploy/processes/cli.js" },
  platform: "node",
  // Kafka's clients and the queue's load parts of themselves by paths of their own. pg asks for pg-native, which is not installed.
  external: ["@platformatic/kafka", "kafkajs", "bullmq", "ioredis", "pg-native"],
  logLevel: "warn",
  plugins: [oneByteTexts],
  output: { dir: "dist/bundle", format: "esm", sourcemap: true, cleanDir: true },
};
