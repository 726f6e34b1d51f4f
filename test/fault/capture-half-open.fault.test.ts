// Connections that look alive and are not: only silence tells.
import { expect, test } from "vitest";
import { CaptureLab } from "../support/capture-lab.ts";
import { waitUntil } from "../support/wait-until.ts";
import { ResumingReader } from "./resuming-reader.ts";

test("a half-open connection is noticed by silence, DB-SLOT-008, and streaming goes on once the slot is free (reliability 14)", async () => {
  await using lab = await CaptureLab.start({ settings: { wal_sender_timeout: "3s" } });
  const source = lab.source();
  const reader = new ResumingReader(source, await source.reserve());
  let last: number | null = null;
  const reading = reader.readTo(() => last);
  await lab.sql("INSERT INTO public.item VALUES (1, 'x')");
  await waitUntil(() => reader.ids.length === 1, { describe: "the first row" });
  lab.proxy.blackhole();
  await lab.sql("INSERT INTO public.item VALUES (2, 'x')");
  await waitUntil(() => reader.failures.has("DB-SLOT-008"), { describe: "the silence to be noticed", deadlineMs: 20_000 });
  lab.proxy.heal();
  await lab.sql("INSERT INTO public.item VALUES (3, 'x')");
  last = 3;
  await reading;
  expect(reader.ids).toEqual([1, 2, 3]);
});

test("a server that hangs is noticed the same way", async () => {
  await using lab = await CaptureLab.start({ settings: { wal_sender_timeout: "3s" } });
  const source = lab.source();
  const reader = await lab.open(source, await source.reserve());
  const [walsender] = await lab.sql("SELECT active_pid FROM pg_replication_slots WHERE slot_name = 'dongbo_lab'");
  const pid = Number(walsender?.["active_pid"]);
  const ended = expect(reader.untilEnd()).rejects.toMatchObject({ code: "DB-SLOT-008" });
  process.kill(pid, "SIGSTOP");
  try {
    await ended;
  } finally {
    process.kill(pid, "SIGCONT");
  }
});

test("an idle stream of a live server is never taken for dead", async () => {
  await using lab = await CaptureLab.start({ settings: { wal_sender_timeout: "2s" } });
  const source = lab.source();
  const reader = await lab.open(source, await source.reserve());
  let ended: unknown = null;
  const waiting = reader.transactions(1).catch((error: unknown) => (ended = error));
  // Three times the patience of either side, measured by the server.
  await lab.sql("SELECT pg_sleep(6)");
  expect(ended).toBeNull();
  await lab.sql("INSERT INTO public.item VALUES (1, 'x')");
  expect(await waiting).toEqual([["insert 1 x"]]);
});

test("closing does not wait for a server that has fallen silent", async () => {
  await using lab = await CaptureLab.start();
  const source = lab.source();
  const reader = await lab.open(source, await source.reserve());
  lab.proxy.blackhole();
  await Promise.all([reader.stream.close(), source.close()]);
  await reader.untilEnd();
});

test(
  "a question on a session that has fallen silent fails instead of hanging, and the next one is answered",
  { timeout: 120_000 },
  async () => {
    await using lab = await CaptureLab.start();
    const source = lab.source();
    await source.endOfLog();
    lab.proxy.blackhole();
    const asked = source.endOfLog();
    lab.proxy.heal();
    await expect(asked).resolves.toMatchObject({ at: expect.any(Number) as number });
  },
);
