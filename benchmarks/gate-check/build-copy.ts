// Copies of this build, as they would be installed: one as it is, one whose decoders do a fifth more work.
import { cpSync, mkdirSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../..", import.meta.url));

/** Returns the program of the copy. */
export function copyBuild(folder: string): string {
  mkdirSync(join(folder, "deploy"), { recursive: true });
  cpSync(join(root, "dist"), join(folder, "dist"), { recursive: true });
  const program = join(folder, "deploy", "dongbo.mjs");
  cpSync(join(root, "deploy", "dongbo.mjs"), program);
  cpSync(join(root, "package.json"), join(folder, "package.json"));
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  return program;
}

/** A copy that decodes every fifth change twice. Returns its program. */
export function copySlowedBuild(folder: string): string {
  const program = copyBuild(folder);
  for (const { file, text } of wrappers) {
    const path = join(folder, "dist", file);
    renameSync(path, path.replace(/\.js$/, ".whole.js"));
    writeFileSync(path, text);
  }
  return program;
}

/**
 * The fifth moves on by one in every ten, so that it meets each kind of change of a stream that repeats itself. What was decoded twice is
 * held, or the compiler would see that nobody wants it and leave the work out.
 */
const everyFifth = `
let count = 0;
export let held = null;
function again(work) {
  count++;
  if ((count + Math.floor(count / 10)) % 5 === 0) held = work();
}`;

const wrappers = [
  {
    file: "connectors/postgres/decode/pgoutput-parser.js",
    text: `import { parsePgoutput as parse } from "./pgoutput-parser.whole.js";
${everyFifth}
export function parsePgoutput(bytes) {
  again(() => parse(bytes));
  return parse(bytes);
}
`,
  },
  {
    file: "connectors/postgres/decode/to-change-message.js",
    text: `import { ChangeDecoder as Whole } from "./to-change-message.whole.js";
${everyFifth}
const ofRows = new Set(["insert", "update", "delete"]);
export class ChangeDecoder extends Whole {
  decode(message) {
    if (ofRows.has(message.tag)) again(() => super.decode(message));
    return super.decode(message);
  }
  decodeWholeRow(bytes, from, to) {
    again(() => super.decodeWholeRow(bytes, from, to)?.after);
    return super.decodeWholeRow(bytes, from, to);
  }
}
`,
  },
  {
    file: "connectors/debezium/decode/record-reader.js",
    text: `import { RecordReader as Whole } from "./record-reader.whole.js";
${everyFifth}
export class RecordReader extends Whole {
  read(record) {
    again(() => super.read(record));
    return super.read(record);
  }
}
`,
  },
];
