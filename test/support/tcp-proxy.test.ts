import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { TcpProxy } from "./tcp-proxy.ts";
import { waitUntil } from "./wait-until.ts";

let echo: Server;
let proxy: TcpProxy;
let received = "";

beforeEach(async () => {
  received = "";
  echo = createServer((socket) => {
    socket.on("error", () => {});
    socket.on("data", (data) => {
      received += data.toString();
      socket.write(data);
    });
  });
  echo.listen(0, "127.0.0.1");
  await once(echo, "listening");
  const address = echo.address();
  if (typeof address !== "object" || address === null) throw new Error("no port");
  proxy = await TcpProxy.start({ host: "127.0.0.1", port: address.port });
});

afterEach(async () => {
  await proxy.close();
  echo.close();
});

class Client {
  readonly socket: Socket;
  text = "";
  ending: string | null = null;

  constructor() {
    this.socket = connect(proxy.port, "127.0.0.1");
    this.socket.on("data", (data) => (this.text += data.toString()));
    this.socket.on("error", (error) => (this.ending = (error as NodeJS.ErrnoException).code ?? "error"));
    this.socket.on("close", () => (this.ending ??= "close"));
  }

  async echoes(text: string): Promise<void> {
    this.socket.write(text);
    await waitUntil(() => this.text.endsWith(text), { describe: `the echo of ${text}` });
  }

  async ends(): Promise<string> {
    return waitUntil(() => this.ending, { describe: "the connection to end" });
  }
}

test("bytes pass both ways", async () => {
  const client = new Client();
  await client.echoes("one");
  client.socket.end();
  expect(await client.ends()).toBe("close");
  await waitUntil(() => proxy.connections === 0, { describe: "the link to be gone" });
});

test("a paused proxy loses nothing", async () => {
  const client = new Client();
  await client.echoes("one");
  proxy.pause();
  client.socket.write("two");
  const other = new Client();
  other.socket.write("three");
  await waitUntil(() => proxy.connections === 2, { describe: "the second connection" });
  expect(received).toBe("one");
  proxy.resume();
  await client.echoes("four");
  await waitUntil(() => other.text === "three", { describe: "the second client's echo" });
  expect(client.text).toBe("onetwofour");
});

test("a black hole swallows bytes and ends, and heals for new connections only", async () => {
  const client = new Client();
  await client.echoes("one");
  proxy.blackhole();
  client.socket.write("lost");
  proxy.heal();
  const next = new Client();
  await next.echoes("two");
  expect(received).toBe("onetwo");
  expect(client.ending).toBeNull();
  expect(client.text).toBe("one");
  client.socket.destroy();
});

test("cutAll resets every connection", async () => {
  const client = new Client();
  await client.echoes("one");
  proxy.cutAll();
  expect(await client.ends()).toBe("ECONNRESET");
});

test("cutAfterBytes lets exactly that many bytes pass", async () => {
  const client = new Client();
  await client.echoes("one");
  const cut = proxy.cutAfterBytes(4, "to-server");
  client.socket.write("abc");
  client.socket.write("defgh");
  await cut;
  expect(await client.ends()).toBe("ECONNRESET");
  await waitUntil(() => received.length >= 7, { describe: "the bytes before the cut" });
  expect(received).toBe("oneabcd");
});

test("refuse and accept work on the same port and leave existing connections alone", async () => {
  const client = new Client();
  await client.echoes("one");
  await proxy.refuse();
  const refused = new Client();
  expect(await refused.ends()).toBe("ECONNREFUSED");
  await client.echoes("two");
  await proxy.accept();
  const next = new Client();
  await next.echoes("three");
});
