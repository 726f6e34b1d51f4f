// The stream against a scripted peer: moments that a real server shows too rarely to wait for.
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import type pg from "pg";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ReplicationConnection } from "../../../connectors/postgres/capture/replication-connection.ts";
import { ReplicationStream } from "../../../connectors/postgres/capture/replication-stream.ts";
import type { Position } from "../../../engine/model/position.ts";
import { StreamReader } from "../../conformance/stream-reader.ts";
import { readGolden } from "../../golden/golden-file.ts";
import { waitUntil } from "../../support/wait-until.ts";

let listener: Server;
let peer: Socket;
let stream: ReplicationStream;
let sent = Buffer.alloc(0);

const golden = readGolden(18).scenarios["insert, update and delete with a primary key"]?.messages ?? [];
/** Begin, relation, two inserts, commit: the first transaction of the scenario. */
const transaction = golden.slice(0, 5).map((hex) => Buffer.from(hex, "hex"));
const commitEnd = transaction[4]?.readBigUInt64BE(10) ?? 0n;

beforeEach(async () => {
  sent = Buffer.alloc(0);
  listener = createServer((socket) => {
    peer = socket;
    socket.on("data", (bytes) => (sent = Buffer.concat([sent, bytes])));
    socket.on("error", () => {});
  });
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  const address = listener.address();
  const socket = connect(typeof address === "object" && address !== null ? address.port : 0, "127.0.0.1");
  await once(socket, "connect");
  const connection = new ReplicationConnection({ connection: { stream: socket } } as unknown as pg.Client, "slot");
  stream = new ReplicationStream(connection, {
    from: "0/10" as Position,
    subject: "slot",
    silenceMsMax: 60_000,
    statusMsMax: 10_000,
    explain: (failure) => Promise.resolve(failure),
    signal: new AbortController().signal,
  });
  const started = stream.start("START");
  await waitUntil(() => sent.includes("START"), { describe: "the command" });
  peer.write(frame("W", Buffer.from([0, 0, 0])));
  await started;
  sent = Buffer.alloc(0);
});

afterEach(async () => {
  const closed = stream.close();
  peer.end(frame("c", Buffer.alloc(0)));
  await closed;
  peer.destroy();
  listener.close();
});

function frame(type: string, body: Buffer): Buffer {
  const header = Buffer.alloc(5);
  header.write(type, 0, "latin1");
  header.writeUInt32BE(body.length + 4, 1);
  return Buffer.concat([header, body]);
}

function data(...messages: readonly (Buffer | undefined)[]): Buffer {
  const head = Buffer.alloc(25);
  head.write("w", 0, "latin1");
  return Buffer.concat(messages.map((message) => frame("d", Buffer.concat([head, message ?? Buffer.alloc(0)]))));
}

function keepalive(walEnd: bigint, replyRequested = false): Buffer {
  const body = Buffer.alloc(18);
  body.write("k", 0, "latin1");
  body.writeBigUInt64BE(walEnd, 1);
  body.writeUInt8(replyRequested ? 1 : 0, 17);
  return frame("d", body);
}

function serverMessage(type: string, state: string): Buffer {
  return frame(type, Buffer.from(`SERROR\0VERROR\0C${state}\0Mwords of the server\0\0`));
}

/** Status updates that have arrived: position and whether an answer is wanted. */
function statuses(): string[] {
  const found: string[] = [];
  for (let at = 0; at + 39 <= sent.length; at += 39) found.push(`${sent.readBigUInt64BE(at + 6)} ${sent[at + 38]}`);
  return found;
}

test("a keepalive inside a transaction is no progress, after it it is", async () => {
  const reader = new StreamReader(stream);
  const [begin, ...rest] = transaction;
  peer.write(Buffer.concat([data(begin), keepalive(0x5000n), data(...rest), keepalive(commitEnd + 8n)]));
  await reader.progress();
  expect(reader.messages.map((message) => message.tag)).toEqual(["begin", "insert", "insert", "commit", "progress"]);
});

test("progress that was asked for inside a transaction is asked for again after it", async () => {
  const reader = new StreamReader(stream);
  const [begin, ...rest] = transaction;
  peer.write(data(begin));
  await reader.take();
  stream.requestProgress();
  await waitUntil(() => statuses().length === 1, { describe: "the question" });
  peer.write(Buffer.concat([keepalive(0x5000n), data(...rest)]));
  await waitUntil(() => statuses().length === 2, { describe: "the question once more" });
  expect(statuses()).toEqual(["0 1", "0 1"]);
  peer.write(keepalive(commitEnd));
  expect((await reader.progress()).position).toMatch(/^0\//);
});

test("after a restart the server's position lies before ours: progress says ours, and only when asked", async () => {
  const reader = new StreamReader(stream);
  peer.write(keepalive(0x8n));
  stream.requestProgress();
  await waitUntil(() => statuses().length === 1, { describe: "the question" });
  peer.write(keepalive(0x9n));
  expect(await reader.progress()).toEqual({ tag: "progress", position: "0/10" });
  peer.write(keepalive(0x20n));
  expect(await reader.progress()).toEqual({ tag: "progress", position: "0/20" });
  expect(reader.messages).toHaveLength(2);
});

test("a request for an answer is answered at once, with what was acknowledged and nothing else (I-3)", async () => {
  const reader = new StreamReader(stream);
  peer.write(Buffer.concat([data(...transaction), keepalive(commitEnd, true)]));
  await waitUntil(() => statuses().length === 1, { describe: "the answer" });
  expect(statuses()).toEqual(["0 0"]);
  await reader.transactions(1);
  stream.acknowledge("0/20" as Position);
  await waitUntil(() => statuses().length === 2, { describe: "the acknowledgement" });
  stream.acknowledge("0/18" as Position);
  stream.requestProgress();
  await waitUntil(() => statuses().length === 3, { describe: "the question" });
  // Never back.
  expect(statuses().slice(1)).toEqual(["32 0", "32 1"]);
});

test("what came before a failure is given out before it", async () => {
  const reader = new StreamReader(stream);
  peer.write(Buffer.concat([data(...transaction), serverMessage("E", "53200")]));
  await expect(reader.untilEnd()).rejects.toMatchObject({ code: "DB-PG-014" });
  expect(reader.commits()).toHaveLength(1);
});

test("a warning that changes were left out ends the stream before anything that follows it", async () => {
  const reader = new StreamReader(stream);
  peer.write(Buffer.concat([serverMessage("N", "55000"), keepalive(0x5000n), data(...transaction)]));
  await expect(reader.untilEnd()).rejects.toMatchObject({ code: "DB-SLOT-007" });
  expect(reader.messages).toEqual([]);
});

test("other notices pass", async () => {
  const reader = new StreamReader(stream);
  peer.write(Buffer.concat([serverMessage("N", "01000"), data(...transaction)]));
  expect(await reader.transactions(1)).toHaveLength(1);
});

test.each([
  ["a damaged message", data(Buffer.from("I\0"))],
  ["a kind of data that is not known", frame("d", Buffer.from("s123"))],
  ["a keepalive that is too short", frame("d", Buffer.from("k123"))],
  ["what is no protocol", Buffer.from("HTTP/1.1 400 Bad Request\r\n")],
])("%s ends the stream with DB-SLOT-010", async (_, bytes) => {
  const reader = new StreamReader(stream);
  peer.write(bytes);
  await expect(reader.untilEnd()).rejects.toMatchObject({ code: "DB-SLOT-010" });
});

test("a message that was not asked for ends the stream with DB-SLOT-009", async () => {
  const reader = new StreamReader(stream);
  peer.write(data(Buffer.from("S\0\0\0\x01\x01", "latin1")));
  await expect(reader.untilEnd()).rejects.toMatchObject({ code: "DB-SLOT-009" });
});

test("a connection that ends without a word is DB-PG-015", async () => {
  const reader = new StreamReader(stream);
  peer.destroy();
  await expect(reader.untilEnd()).rejects.toMatchObject({ code: "DB-PG-015" });
});

test("the server's own end of the copy is DB-PG-009: it is shutting down", async () => {
  const reader = new StreamReader(stream);
  peer.write(frame("C", Buffer.from("COPY 0\0")));
  await expect(reader.untilEnd()).rejects.toMatchObject({ code: "DB-PG-009" });
});
