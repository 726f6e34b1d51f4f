import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ReadGathering } from "../../../connectors/postgres/capture/read-gathering.ts";

function socket(): { paused: boolean; pause(): never; resume(): never } {
  const state = {
    paused: false,
    pause: () => {
      state.paused = true;
      return undefined as never;
    },
    resume: () => {
      state.paused = false;
      return undefined as never;
    },
  };
  return state;
}

describe("letting reads come together", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("waits for nothing while little comes", () => {
    const read = socket();
    const gathering = new ReadGathering(read);
    for (let at = 0; at < 90; at++) gathering.read(1_000);
    expect(read.paused).toBe(false);
  });

  it("rests while much comes, and reads on by itself", () => {
    const read = socket();
    new ReadGathering(read).read(200_000);
    expect(read.paused).toBe(true);
    vi.runAllTimers();
    expect(read.paused).toBe(false);
  });

  it("does not read on for an owner who does not want to, nor before its rest is over", () => {
    const read = socket();
    const gathering = new ReadGathering(read);
    gathering.read(200_000);
    gathering.hold();
    gathering.release();
    expect(read.paused).toBe(true);
    gathering.hold();
    vi.runAllTimers();
    expect(read.paused).toBe(true);
    gathering.release();
    expect(read.paused).toBe(false);
  });
});
