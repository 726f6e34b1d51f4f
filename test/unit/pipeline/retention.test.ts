import { describe, expect, it } from "vitest";
import { lsnOrder } from "../../../connectors/postgres/lsn.ts";
import type { Position, PositionOrder } from "../../../engine/model/position.ts";
import { type Follower, reasonToPark, type Retention } from "../../../engine/pipeline/retention.ts";

const limits = { walRetainedMaxBytes: 1024, spoolMaxBytes: 2048 };
const at = (text: string): Position => text as Position;
const kept: Retention = { from: at("0/1000"), end: at("0/2000"), bytes: 5000, streamIsCurrent: true };
const atWork: Follower = { position: at("0/1F00"), state: "streaming", failing: false, drained: true, spilledBytes: 0 };
const behind: Follower = { ...atWork, position: at("0/1000"), drained: false };
const away: Follower = { ...behind, state: "retrying", failing: true };

const judged = (follower: Partial<Follower> & Pick<Follower, "position">, view: Partial<Retention> = {}, order: PositionOrder = lsnOrder) =>
  reasonToPark({ ...behind, ...follower }, { ...kept, ...view }, limits, order);

describe("a subscription is let go", () => {
  it("when its target is away and the log that is kept for it passes the bound", () => {
    expect(judged(away)).toBe("the source keeps 0.0 MB of its log for it");
    expect(judged({ ...away, position: null })).not.toBeNull();
    expect(judged({ ...away, state: "suspended", failing: false })).not.toBeNull();
  });

  it("when it is at work and slower than the stream", () => {
    expect(judged(behind)).not.toBeNull();
    expect(judged({ ...behind, state: "loading" })).not.toBeNull();
  });

  it("when too much waits on disk for it, wherever it stands", () => {
    expect(judged({ ...atWork, spilledBytes: 3 * 1024 * 1024 })).toBe("3.0 MB wait on disk for its target");
  });

  it("not below the bound, whoever else is past it", () => {
    expect(judged({ ...away, position: at("0/1F00") })).toBeNull();
  });

  it("not while everybody catches up, the stream itself being far from the end of the log", () => {
    expect(judged(behind, { streamIsCurrent: false })).toBeNull();
    expect(judged(away, { streamIsCurrent: false })).not.toBeNull();
  });

  it("not when it has applied all that there was for it", () => {
    expect(judged({ ...behind, drained: true })).toBeNull();
  });

  it("not while it starts: it has not failed yet", () => {
    expect(judged({ ...behind, position: null, state: "starting" })).toBeNull();
  });

  it("where positions have no distance: only the one that the source waits for", () => {
    const order: PositionOrder = { ...lsnOrder, bytesBetween: () => null };
    expect(judged(away, {}, order)).not.toBeNull();
    expect(judged({ ...away, position: at("0/1001") }, {}, order)).toBeNull();
  });
});
