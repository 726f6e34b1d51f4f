// One decoding in a process of its own, so that each sample has a compiler and a heap that are as new as the next one's:
// node decode-process.js pgoutput|careful|debezium|reference PASSES. Prints a DecodingUsage as JSON.
import { parseArgs } from "node:util";
import { citizenChanges, digestOf, streamChanges, type TextChange } from "./citizen-changes.ts";
import { type DecodedChange, type DecodingName, decodings, textOf } from "./decoders.ts";

export interface DecodingUsage {
  readonly seconds: number;
  /** Of all threads of the process, those that collect garbage and compile included. */
  readonly cpuSeconds: number;
  /** Of what was decoded. */
  readonly digest: string;
}

const { positionals } = parseArgs({ allowPositionals: true });
const [name = "", passes = ""] = positionals;
const decode = decodings[name as DecodingName](citizenChanges(streamChanges));
const decoded: TextChange[] = [];
decode((change) => decoded.push(textOf(change)));
const digest = digestOf(decoded);
decoded.length = 0;

// The last change is held where the compiler cannot see that nobody looks at it.
const seen: { last: DecodedChange | null } = { last: null };
const started = performance.now();
const before = process.cpuUsage();
for (let pass = 0; pass < Number(passes); pass++) decode((change) => (seen.last = change));
const { user, system } = process.cpuUsage(before);
const usage: DecodingUsage = { seconds: (performance.now() - started) / 1000, cpuSeconds: (user + system) / 1e6, digest };
process.stdout.write(JSON.stringify(usage));
