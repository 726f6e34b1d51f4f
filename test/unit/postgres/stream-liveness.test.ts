import { expect, test } from "vitest";
import { StreamLiveness } from "../../../connectors/postgres/capture/stream-liveness.ts";

const everyMs = 250;

function liveness(): StreamLiveness {
  return new StreamLiveness({ silenceMsMax: 10_000, shutdownMsMax: 5000 }, 0);
}

/** Verdicts of regular checks over a time, each other than "well" with its moment. */
function verdicts(stream: StreamLiveness, from: number, until: number): string[] {
  const found: string[] = [];
  for (let now = from; now <= until; now += everyMs) {
    const verdict = stream.check(now, everyMs);
    if (verdict !== "well") found.push(`${verdict} ${now}`);
  }
  return found;
}

test("after half the time of silence the server is asked once, after all of it the stream is given up", () => {
  expect(verdicts(liveness(), 250, 10_250)).toEqual(["ask 5250", "silent 10250"]);
});

test("whatever the server sends ends the silence", () => {
  const stream = liveness();
  verdicts(stream, 250, 6000);
  stream.heard(6000);
  expect(verdicts(stream, 6250, 16_250)).toEqual(["ask 11250", "silent 16250"]);
});

test("while we do not read, silence says nothing; it counts from when we read again", () => {
  const stream = liveness();
  stream.pause();
  expect(verdicts(stream, 250, 60_000)).toEqual([]);
  stream.resume(60_000);
  expect(verdicts(stream, 60_250, 70_250)).toEqual(["ask 65250", "silent 70250"]);
});

test("time in which this process itself stood still is no silence of the server", () => {
  const stream = liveness();
  verdicts(stream, 250, 1000);
  expect(stream.check(61_000, everyMs)).toBe("well");
  // One second of silence was before it.
  expect(verdicts(stream, 61_250, 70_000)).toEqual(["ask 65000", "silent 70000"]);
});

test("ordinary requests are answered at once", () => {
  const stream = liveness();
  for (let now = 500; now < 20_000; now += 500) {
    stream.heard(now);
    expect(stream.answerRequested(now)).toBe(true);
    expect(stream.check(now, 500)).toBe("well");
  }
});

test("a server that asks again as soon as it is answered is shutting down: answered slowly, let go after the limit", () => {
  const stream = liveness();
  const answers: boolean[] = [];
  for (let now = 1000; now <= 1010; now += 2) answers.push(stream.answerRequested(now));
  expect(answers).toEqual([true, true, true, true, false, false]);
  const found: string[] = [];
  for (let now = 1250; now <= 6500; now += everyMs) {
    stream.answerRequested(now);
    stream.heard(now);
    const verdict = stream.check(now, everyMs);
    if (verdict !== "well") found.push(`${verdict} ${now}`);
  }
  expect(found[0]).toBe("shutdown 6250");
});

test("a burst of requests that ends again is forgotten", () => {
  const stream = liveness();
  for (let now = 1000; now <= 1010; now += 2) stream.answerRequested(now);
  for (let now = 1250; now <= 20_000; now += everyMs) {
    stream.heard(now);
    expect(stream.check(now, everyMs), String(now)).toBe("well");
  }
});

test("a shutdown that another session was told of counts although we do not read", () => {
  const stream = liveness();
  stream.pause();
  stream.shutdownAnnounced(1000);
  expect(verdicts(stream, 1250, 6500)).toEqual(["shutdown 6250", "shutdown 6500"]);
});
