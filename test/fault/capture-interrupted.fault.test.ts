// The source and the way to it fail again and again while it is written to: nothing may be lost, nothing come twice.
import { expect, test } from "vitest";
import { CaptureLab } from "../support/capture-lab.ts";
import { textClient } from "../support/cluster.ts";
import { pause, waitUntil } from "../support/wait-until.ts";
import { ResumingReader } from "./resuming-reader.ts";

/** Writes one row a transaction, in order; after a failure it finds out whether the commit took place. */
class Writer {
  readonly #lab: CaptureLab;
  readonly #text: string;
  #stopped = false;
  last: number | null = null;
  next = 1;

  constructor(lab: CaptureLab, text: string) {
    this.#lab = lab;
    this.#text = text;
  }

  async run(): Promise<void> {
    while (!this.#stopped) {
      const client = textClient(this.#lab.server.url());
      try {
        await client.connect();
        const found = await client.query<{ last: string }>("SELECT coalesce(max(id), 0) AS last FROM public.item");
        this.next = Number(found.rows[0]?.last) + 1;
        while (!this.#stopped) {
          await client.query("INSERT INTO public.item VALUES ($1, $2)", [String(this.next), this.#text]);
          this.next++;
        }
      } catch {
        await pause(20);
      } finally {
        await client.end().catch(() => {});
      }
    }
    this.last = this.next - 1;
  }

  stop(): void {
    this.#stopped = true;
  }
}

const seed = Number(process.env["SEED"] ?? 1);

test(`a source that is killed, stopped and restarted again and again (reliability 27; seed ${seed})`, { timeout: 300_000 }, async () => {
  await using lab = await CaptureLab.start({ settings: { wal_sender_timeout: "5s" } });
  const source = lab.source();
  const reader = new ResumingReader(source, await source.reserve());
  const writer = new Writer(lab, "x");
  const writing = writer.run();
  const reading = reader.readTo(() => writer.last);
  for (const [index, blow] of (["kill", "fast", "kill", "immediate", "kill"] as const).entries()) {
    const before = reader.ids.length;
    await waitUntil(() => reader.ids.length > before + 50, { describe: "the stream to run" });
    await pause((seed * 7919 * (index + 1)) % 100);
    if (blow === "kill") await lab.server.kill();
    else await lab.server.stop(blow);
    await lab.server.restart();
  }
  const before = reader.ids.length;
  await waitUntil(() => reader.ids.length > before + 50, { describe: "the stream to run again" });
  writer.stop();
  await Promise.all([writing, reading]);
  expect(reader.ids).toEqual(Array.from({ length: reader.ids.length }, (_, index) => index + 1));
  expect(reader.failures.size).toBeGreaterThan(0);
});

test(
  `a connection that is reset in the middle of a message, at any byte (reliability 13; seed ${seed})`,
  { timeout: 300_000 },
  async () => {
    await using lab = await CaptureLab.start();
    const source = lab.source();
    const reader = new ResumingReader(source, await source.reserve());
    const writer = new Writer(lab, "y".repeat(900));
    const writing = writer.run();
    const reading = reader.readTo(() => writer.last);
    for (let cut = 1; cut <= 40; cut++) await lab.proxy.cutAfterBytes((seed * 104_729 * cut) % 20_011, "to-client");
    writer.stop();
    await Promise.all([writing, reading]);
    expect(reader.ids).toEqual(Array.from({ length: reader.ids.length }, (_, index) => index + 1));
    expect(reader.failures.get("DB-PG-015") ?? 0).toBeGreaterThan(5);
  },
);

test("a connection that is cut on the way to the server, its acknowledgements with it", { timeout: 300_000 }, async () => {
  await using lab = await CaptureLab.start();
  const source = lab.source();
  const reader = new ResumingReader(source, await source.reserve());
  const writer = new Writer(lab, "z");
  const writing = writer.run();
  const reading = reader.readTo(() => writer.last);
  for (let cut = 1; cut <= 10; cut++) await lab.proxy.cutAfterBytes(200 + cut * 37, "to-server");
  writer.stop();
  await Promise.all([writing, reading]);
  expect(reader.ids).toEqual(Array.from({ length: reader.ids.length }, (_, index) => index + 1));
});
