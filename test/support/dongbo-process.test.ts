import { spawn } from "node:child_process";
import { expect, test } from "vitest";
import { DongboProcess } from "./dongbo-process.ts";

function run(script: string): DongboProcess {
  return new DongboProcess(spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "pipe"] }), "fake");
}

test("output of both streams can be waited for, and an end before it is an error that shows the output", async () => {
  await using fake = run("console.log('on 127.0.0.1:4711'); console.error('warned')");
  expect((await fake.waitForOutput(/:(\d+)/))[1]).toBe("4711");
  await fake.waitForOutput(/warned/);
  await expect(fake.waitForOutput(/never/)).rejects.toThrow(/left before .*never[^]*left with 0[^]*4711[^]*warned/);
});

test("a killed process says so, and one that ignores SIGTERM is reported", async () => {
  await using killed = run("setInterval(() => {}, 1000)");
  expect(await killed.kill9()).toEqual({ code: null, signal: "SIGKILL" });
  await using stubborn = run("process.on('SIGTERM', () => {}); setInterval(() => {}, 1000); console.log('ready')");
  await stubborn.waitForOutput(/ready/);
  await expect(stubborn.terminate(200)).rejects.toThrow(/in vain for dongbo fake to leave/);
});

test("peak memory is the kernel's, counts from a reset anew, and is kept after the end", async () => {
  const script = `let block = Buffer.alloc(150 << 20, 1); console.log('large');
    setTimeout(() => { block = null; globalThis.gc(); console.log('small'); setInterval(() => {}, 1000); }, 50);`;
  const child = spawn(process.execPath, ["--expose-gc", "-e", script], { stdio: ["ignore", "pipe", "pipe"] });
  await using fake = new DongboProcess(child, "fake");
  await fake.waitForOutput(/small/);
  expect(fake.peakRssBytes()).toBeGreaterThan(150 << 20);
  fake.resetPeakRss();
  expect(fake.peakRssBytes()).toBeLessThan(150 << 20);
  const last = fake.peakRssBytes();
  await fake.kill9();
  expect(fake.peakRssBytes()).toBe(last);
});
