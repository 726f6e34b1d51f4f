// What is owed to a subscription is told wherever somebody asks: to its target, to its lane, and to all others of its source.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "../../../deploy/processes/system-clock.ts";
import { MemoryControlStore } from "../../../engine/control-store/memory-control-store.ts";
import type { Position } from "../../../engine/model/position.ts";
import type { Predicate } from "../../../engine/model/predicate.ts";
import type { Subscription } from "../../../engine/model/share.ts";
import { Acknowledger } from "../../../engine/pipeline/acknowledger.ts";
import { Attachments } from "../../../engine/pipeline/attachments.ts";
import { Lane } from "../../../engine/pipeline/lane.ts";
import type { LaneAdmission, LaneHost, LaneParts } from "../../../engine/pipeline/lane-parts.ts";
import { LaneQueue } from "../../../engine/pipeline/lane-queue.ts";
import { Router } from "../../../engine/pipeline/router.ts";
import type { SourceParts } from "../../../engine/pipeline/source-parts.ts";
import type { StoredCopy, TargetState } from "../../../engine/ports/change-target.ts";
import type { LoadCoordinator } from "../../../engine/snapshot/load-coordinator.ts";
import { newLoad } from "../../../engine/snapshot/load-progress.ts";
import { SourceMapper } from "../../../mappings/source-mapper.ts";
import { MemorySource } from "../../support/memory-source.ts";
import { catalogTable, column, tableMapping } from "../../support/table-builders.ts";

const mapping = tableMapping(catalogTable([column("id", "text"), column("province", "text")]), ["id", "province"]);
const agreed = "as agreed";
const earlier: Predicate = { op: "in", column: "province", values: ["79", "46"] };
const anew = { renew: true, reload: new Set<number>() };
const goesOn = { renew: false, reload: new Set<number>() };
const reloads = { renew: false, reload: new Set([0]) };
const at = (number: number): Position => String(number) as Position;

/** What the target of a copy at position 5 holds: complete and as agreed, but for what is said. */
function holding(copy: Partial<StoredCopy> = {}): TargetState {
  const whole = { table: mapping, load: null, stopped: null, expired: false, awaitsLoad: false, contract: agreed, empty: false };
  return {
    checkpoint: { epoch: 1, position: at(5), sourceIdentity: "memory", nextBatch: 7 },
    stopped: [],
    copies: [{ ...whole, ...copy }],
  };
}

/** Remembers which tables it was told to route. */
class WatchedMapper extends SourceMapper<Lane> {
  readonly active = new Map<number, boolean>();

  override setActive(lane: Lane, table: number, active: boolean): void {
    this.active.set(table, active);
    super.setActive(lane, table, active);
  }
}

let folder = "";
let mapper = new WatchedMapper();
let router = {} as Router;
let source = new MemorySource(0);
let acknowledger = new Acknowledger<Lane>(source.positions);
let attachments = {} as Attachments;
let happened: string[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "dongbo-attachments-"));
  source = new MemorySource(0);
  acknowledger = new Acknowledger<Lane>(source.positions);
  happened = [];
  mapper = new WatchedMapper();
  const loads = { cuts: () => Promise.resolve([]), add: () => {}, remove: () => {}, reset: () => {} } as unknown as LoadCoordinator;
  router = new Router(mapper, loads);
  router.restart(at(5));
  const parts = {
    name: "national",
    source,
    mapper,
    control: new MemoryControlStore(systemClock),
    contractText: () => agreed,
    readContract: (contract: string) => ({ columns: ["id", "province"], filter: contract === agreed ? null : earlier }),
    objection: () => null,
    limits: { rangesPerTable: 1 },
  } as unknown as SourceParts;
  attachments = new Attachments(parts, {
    router,
    loads,
    acknowledger,
    reopen: () => happened.push("opened again"),
    streaming: () => true,
    forgetLog: () => {
      happened.push("log forgotten");
      router.forget();
    },
  });
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

/** A lane that nobody empties, taken in. */
function taken(name: string, entry: typeof goesOn): Lane {
  const subscription = { id: `population/${name}`, tables: [mapping], stopped: [] } as unknown as Subscription;
  const lane = new Lane({ subscription, queue: new LaneQueue(folder, name) } as LaneParts, {} as LaneHost<Lane>);
  attachments.add(lane, entry, false);
  return lane;
}

const admit = (lane: Lane, stored: TargetState): Promise<LaneAdmission> => attachments.admit(lane, stored, () => Promise.resolve(1));

describe("a load on record of a table that is left out of the stream", () => {
  const halfRead = { ...newLoad(agreed, null, []), rows: 3, fence: at(4), ranges: [{ after: ["Zw=="], until: null, done: false }] };
  const wholeRead = { ...halfRead, contract: "as it was", filter: earlier, ranges: [{ after: ["eA=="], until: null, done: true }] };

  it("counts as not having read anything, when its contract is not wanted any more: rows that come now are missing in it", async () => {
    const { startedOver } = await admit(taken("hue", goesOn), holding({ load: wholeRead }));
    expect([...startedOver]).toEqual([[0, newLoad("as it was", earlier, [])]]);
  });

  it("counts as a load of all that its contract asks for, also if it was to read no more than what that had gained", async () => {
    const load = { ...wholeRead, filter: { ...earlier, values: ["46"] } };
    const { startedOver } = await admit(taken("hue", goesOn), holding({ load }));
    expect(startedOver.get(0)?.filter).toEqual(earlier);
  });

  it("counts as not having read anything when all starts anew: the checkpoint passes what was lost before the new load begins", async () => {
    const { fresh, startedOver } = await admit(taken("hue", anew), holding({ load: halfRead }));
    expect(fresh).toBe(true);
    expect([...startedOver]).toEqual([[0, newLoad(agreed, null, [])]]);
  });

  it("is not taken for one that goes on, whose table is streamed", async () => {
    expect((await admit(taken("hue", goesOn), holding({ load: halfRead }))).startedOver.size).toBe(0);
  });
});

describe("a load that begins at the end of the log", () => {
  it("has its table in the stream once it has begun, also if the stream was opened before that end meanwhile", async () => {
    const lane = taken("hue", reloads);
    await admit(lane, holding());
    expect(mapper.active.get(0)).toBe(false);
    router.restart(at(source.end));
    attachments.advance();
    expect(mapper.active.get(0)).toBe(true);
    router.restart(at(5));
    attachments.rewind();
    expect(mapper.active.get(0)).toBe(false);
    const loads = new Map([[0, newLoad(agreed, null, [])]]);
    attachments.begun(lane, { position: at(source.end), sourceTime: 1, loads, stopped: new Map() }, new Set([0]));
    expect(mapper.active.get(0)).toBe(true);
  });
});

describe("what stands against a copy", () => {
  const objected = (lane: Lane, contract: string | null = agreed): unknown => attachments.objection(lane)(mapping, contract);

  it.each([
    ["read anew", reloads],
    ["to start anew", anew],
  ])("is that it is %s, told again to a target that has forgotten it, until the load has begun there", async (_, entry) => {
    const lane = taken("hue", entry);
    expect(objected(lane)).toBe("withdrawn");
    await admit(lane, holding());
    expect(objected(lane)).toBe("withdrawn");
    expect(objected(lane, null)).toBeNull();
    const loads = new Map([[0, newLoad(agreed, null, [])]]);
    attachments.begun(lane, { position: at(5), sourceTime: 1, loads, stopped: new Map() }, new Set([0]));
    expect(objected(lane)).toBeNull();
  });

  it("is nothing while it is streamed until its load begins", async () => {
    const lane = taken("hue", goesOn);
    await admit(lane, holding());
    await attachments.reload(lane, [0], 0);
    expect(attachments.owes(lane)).toBe(true);
    expect(objected(lane)).toBeNull();
  });
});

describe("another server in the master's place", () => {
  /** A copy that is followed, and one that is ordered to start anew where another server answers meanwhile. */
  async function replaced(): Promise<{ followed: Lane; ordered: Lane }> {
    const followed = taken("hue", goesOn);
    await admit(followed, holding());
    followed.push({ tag: "progress", position: at(6), at: 6 });
    source.server = "another";
    attachments.forgetReservation();
    return { followed, ordered: taken("hcm", anew) };
  }

  it("makes all ask for their place anew when one starts anew there, and refuses those whose log it does not have", async () => {
    const { followed, ordered } = await replaced();
    expect(await admit(ordered, holding())).toMatchObject({ fresh: true, sourceIdentity: "another" });
    expect(happened).toContain("log forgotten");
    expect(happened).toContain("opened again");
    expect(followed.queue.drained).toBe(true);
    expect(attachments.settled).toBe(false);
    expect(acknowledger.known()).toHaveLength(1);
    expect(acknowledger.oldest()).toBeNull();
    await expect(admit(followed, holding())).rejects.toMatchObject({ code: "DB-SLOT-004", subject: "population/hue" });
    expect(attachments.settled).toBe(true);
  });

  it("asks nobody anew while the same server answers", async () => {
    const followed = taken("hue", goesOn);
    await admit(followed, holding());
    attachments.forgetReservation();
    await admit(taken("hcm", anew), holding());
    expect([happened, attachments.settled]).toEqual([[], true]);
    expect(acknowledger.known()).toHaveLength(2);
  });

  it("is not believed when rows are read of it", async () => {
    await attachments.verifyServer();
    await replaced();
    await expect(attachments.verifyServer()).rejects.toMatchObject({ code: "DB-SLOT-004", subject: "national" });
  });
});
