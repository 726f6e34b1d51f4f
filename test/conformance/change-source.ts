// What every ChangeSource promises, as tests. A connector registers them with a harness that works on a real source.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ChangeMessage } from "../../engine/model/change-message.ts";
import type { Position } from "../../engine/model/position.ts";
import type { ChangeSource, ChangeStream } from "../../engine/ports/change-source.ts";
import { pause, waitUntil } from "../support/wait-until.ts";
import { StreamReader } from "./stream-reader.ts";

/** A change to the table `item (id, text)`, key `id`, that every harness has. */
export type ItemChange =
  | { readonly op: "insert" | "update"; readonly id: number; readonly text: string }
  | { readonly op: "delete"; readonly id: number };

/** An empty source, nothing reserved. */
export interface ChangeSourceHarness extends AsyncDisposable {
  /** A new instance over the same reservation, as after a restart of dongbo. */
  source(): ChangeSource;
  /** One source transaction. */
  commit(changes: readonly ItemChange[]): Promise<void>;
  /** Two transactions that run at the same time, their changes alternating; the second one commits first. */
  commitInterleaved(first: readonly ItemChange[], second: readonly ItemChange[]): Promise<void>;
  /** What the source was told that it may forget; asked only of one that reserves. */
  confirmed(): Promise<Position>;
  /** How far the source has handed out its log, read or not, in any measure, and whether it has handed out all of it. */
  handedOut(): Promise<{ readonly measure: string; readonly all: boolean }>;
  /** Makes the source forget everything up to its log's end, as an administrator could. */
  forget(): Promise<void>;
  /** Silence after which either side would give the connection up, milliseconds. */
  readonly patienceMs: number;
}

/** What differs between sources, known before one is started. */
export interface ChangeSourceTraits {
  /** ChangeSource.reserves. */
  readonly reserves: boolean;
  /**
   * Tells its clock, and what readers see, to whoever asks. False: its time comes with the stream alone, as Debezium's heartbeats
   * do.
   */
  readonly tellsClock: boolean;
  /** The log tells times of commits in steps of so many microseconds. */
  readonly clockStepMicros: number;
}

export function registerChangeSourceTests(
  name: string,
  traits: ChangeSourceTraits,
  startHarness: () => Promise<ChangeSourceHarness>,
): void {
  describe(`${name} as a change source`, () => {
    let harness: ChangeSourceHarness;
    const opened: ChangeStream[] = [];

    beforeAll(async () => {
      harness = await startHarness();
    });
    afterAll(async () => {
      await harness[Symbol.asyncDispose]();
    });

    /** A reserved source; released when the work is done, so that tests do not see each other's changes. */
    async function reserved(work: (source: ChangeSource, from: Position) => Promise<void>): Promise<void> {
      const source = harness.source();
      try {
        await source.release();
        await work(source, await source.reserve());
      } finally {
        await Promise.all(opened.splice(0).map((stream) => stream.close()));
        await source.release();
        await source.close();
      }
    }

    async function open(source: ChangeSource, from: Position, signal = new AbortController().signal): Promise<StreamReader> {
      const stream = await source.open(from, signal);
      opened.push(stream);
      return new StreamReader(stream);
    }

    test("tells which server it is, also when nothing is reserved there", async () => {
      await reserved(async (source) => {
        const identity = (await source.reservation())?.identity;
        expect(source.reserves).toBe(traits.reserves);
        expect(await source.identity()).toBe(identity);
        await source.release();
        if (traits.reserves) expect(await source.reservation()).toBeNull();
        expect(await source.identity()).toBe(identity);
      });
    });

    test("transactions come in commit order, each whole between its begin and its commit", async () => {
      await reserved(async (source, from) => {
        const reader = await open(source, from);
        await harness.commit([insert(1, "a"), insert(2, "b")]);
        await harness.commit([{ op: "update", id: 1, text: "c" }]);
        await harness.commit([
          { op: "delete", id: 1 },
          { op: "delete", id: 2 },
        ]);
        expect(await reader.transactions(3)).toEqual([["insert 1 a", "insert 2 b"], ["update 1 c"], ["delete 1", "delete 2"]]);
      });
    });

    test("transactions that ran at the same time do not interleave and come in the order of their commits", async () => {
      await reserved(async (source, from) => {
        const reader = await open(source, from);
        await harness.commitInterleaved([insert(1, "x"), insert(3, "x")], [insert(2, "y"), insert(4, "y")]);
        expect(await reader.transactions(2)).toEqual([
          ["insert 2 y", "insert 4 y"],
          ["insert 1 x", "insert 3 x"],
        ]);
        await harness.commit([1, 2, 3, 4].map((id) => ({ op: "delete", id })));
      });
    });

    test("a begin is covered by its own commit and by no earlier one; commits go up", async () => {
      await reserved(async (source, from) => {
        const reader = await open(source, from);
        for (let id = 1; id <= 5; id++) await harness.commit([insert(id, "x")]);
        await harness.commit([1, 2, 3, 4, 5].map((id) => ({ op: "delete", id })));
        await reader.transactions(6);
        let last = from;
        let begun: Position | null = null;
        for (const message of reader.messages) {
          if (message.tag === "begin") {
            begun = message.position;
            expect(source.positions.covers(last, begun)).toBe(false);
          } else if (message.tag === "commit") {
            expect(source.positions.covers(last, message.position)).toBe(false);
            expect(source.positions.covers(message.position, last)).toBe(true);
            expect(source.positions.covers(message.position, begun ?? last)).toBe(true);
            last = message.position;
          }
        }
      });
    });

    test("streaming resumes exactly after any commit: nothing lost, nothing twice", async () => {
      await reserved(async (source, from) => {
        const count = 12;
        for (let id = 1; id <= count; id++) await harness.commit([insert(id, `t${id}`), { op: "delete", id }]);
        const first = await open(source, from);
        const all = await first.transactions(count);
        const positions = [from, ...first.commits().map((commit) => commit.position)];
        await first.stream.close();
        for (const [index, position] of positions.entries()) {
          const reader = await open(source, position);
          await harness.commit([insert(100 + index, "end"), { op: "delete", id: 100 + index }]);
          const rest = await reader.until((transaction) => transaction[0] === `insert ${100 + index} end`);
          expect(rest.slice(0, count - index)).toEqual(all.slice(index));
          expect(rest).toHaveLength(count - index + index + 1);
          await reader.stream.close();
        }
      });
    });

    test("a new instance resumes where the old one was, without an orderly end of the old one", async () => {
      await reserved(async (source, from) => {
        const controller = new AbortController();
        const reader = await open(source, from, controller.signal);
        await harness.commit([insert(1, "a")]);
        await reader.transactions(1);
        const [commit] = reader.commits();
        if (commit === undefined) throw new Error("a transaction was read");
        controller.abort();
        await harness.commit([{ op: "delete", id: 1 }]);
        const other = harness.source();
        const next = await open(other, commit.position);
        expect(await next.transactions(1)).toEqual([["delete 1"]]);
        await other.close();
      });
    });

    test.runIf(traits.reserves)(
      "the source is told to forget what was acknowledged and nothing else, not by closing either (I-3)",
      async () => {
        await reserved(async (source, from) => {
          const reader = await open(source, from);
          for (let id = 1; id <= 4; id++) await harness.commit([insert(id, "x"), { op: "delete", id }]);
          await reader.transactions(4);
          const [first, second] = reader.commits();
          if (first === undefined || second === undefined) throw new Error("transactions were read");
          reader.stream.requestProgress();
          await reader.progress();
          expect(await harness.confirmed()).toBe(from);
          reader.stream.acknowledge(second.position);
          await waitUntil(async () => (await harness.confirmed()) === second.position, { describe: "the acknowledgement to arrive" });
          reader.stream.acknowledge(first.position);
          reader.stream.requestProgress();
          await reader.progress();
          await pause(1200);
          expect(await harness.confirmed()).toBe(second.position);
          await reader.stream.close();
          expect(await harness.confirmed()).toBe(second.position);
          expect(await source.reservation()).toMatchObject({ position: second.position });
        });
      },
    );

    test.runIf(traits.reserves)("the last acknowledgement is told when the stream is closed", async () => {
      await reserved(async (source, from) => {
        const reader = await open(source, from);
        await harness.commit([insert(1, "x"), { op: "delete", id: 1 }]);
        await reader.transactions(1);
        const [commit] = reader.commits();
        if (commit === undefined) throw new Error("a transaction was read");
        reader.stream.acknowledge(commit.position);
        await reader.stream.close();
        expect(await harness.confirmed()).toBe(commit.position);
      });
    });

    test("who does not ask for more holds up the source, which loses neither patience nor changes (I-10)", async () => {
      await reserved(async (source, from) => {
        const text = "x".repeat(10_000);
        const rows = 3000;
        for (let id = 1; id <= rows; id += 500) await harness.commit(Array.from({ length: 500 }, (_, index) => insert(id + index, text)));
        const reader = await open(source, from);
        await reader.take();
        const before = performance.now();
        let handedOut = await harness.handedOut();
        await waitUntil(
          async () => {
            const last = handedOut;
            handedOut = await harness.handedOut();
            return last.measure === handedOut.measure && performance.now() - before > 2.5 * harness.patienceMs;
          },
          { describe: "the source to be held up", everyMs: harness.patienceMs / 2 },
        );
        expect(handedOut.all).toBe(false);
        const transactions = await reader.transactions(rows / 500);
        expect(transactions.flat().map((change) => change.split(" ")[1])).toEqual(
          Array.from({ length: rows }, (_, index) => String(index + 1)),
        );
        await harness.commit(Array.from({ length: rows }, (_, index) => ({ op: "delete", id: index + 1 })));
      });
    });

    test("an idle source confirms the end of its log when asked", async () => {
      await reserved(async (source, from) => {
        const reader = await open(source, from);
        for (let round = 0; round < 3; round++) {
          const end = await source.endOfLog();
          await waitUntil(
            async () => {
              reader.stream.requestProgress();
              return source.positions.covers((await reader.progress()).position, end.position);
            },
            { describe: "progress to reach the end of the log" },
          );
          await harness.commit([insert(1, "x"), { op: "delete", id: 1 }]);
        }
      });
    });

    test("progress never runs ahead of what is still to come", async () => {
      await reserved(async (source, from) => {
        const reader = await open(source, from);
        const writing = (async () => {
          for (let id = 1; id <= 60; id++) await harness.commit([insert(id, "x"), { op: "delete", id }]);
        })();
        const asking = setInterval(() => reader.stream.requestProgress(), 3);
        await reader.transactions(60);
        clearInterval(asking);
        await writing;
        let confirmed = from;
        for (const message of reader.messages) {
          if (message.tag === "progress") confirmed = source.positions.join(confirmed, message.position);
          if (message.tag === "begin") expect(source.positions.covers(confirmed, message.position)).toBe(false);
        }
        expect(reader.messages.some((message) => message.tag === "progress")).toBe(true);
        expect(insideTransaction(reader.messages, "progress")).toBe(0);
      });
    });

    test.runIf(traits.tellsClock)("whoever has applied up to the end of the log holds what was committed at its time", async () => {
      await reserved(async (source, from) => {
        const reader = await open(source, from);
        const before = await source.endOfLog();
        await harness.commit([insert(1, "x"), { op: "delete", id: 1 }]);
        const after = await source.endOfLog();
        await reader.transactions(1);
        const [commit] = reader.commits();
        const begin = reader.messages.find((message) => message.tag === "begin");
        if (commit === undefined || begin === undefined) throw new Error("a transaction was read");
        expect(commit.committedAt).toBeGreaterThan(before.at - traits.clockStepMicros);
        expect(commit.committedAt).toBeLessThanOrEqual(after.at);
        expect(source.positions.covers(after.position, commit.position)).toBe(true);
        expect(source.positions.covers(before.position, begin.position)).toBe(false);
        expect(before.visibility.sees(begin.transactionId)).toBe(false);
        expect(after.visibility.sees(begin.transactionId)).toBe(true);
      });
    });

    test("a gap is a coded stop, never skipped", async () => {
      await reserved(async (source, from) => {
        await harness.commit([insert(1, "lost"), { op: "delete", id: 1 }]);
        await harness.forget();
        await expect(open(source, from)).rejects.toMatchObject({ code: "DB-SLOT-005" });
        const { position } = (await source.reservation()) ?? { position: from };
        const reader = await open(source, position);
        await harness.commit([insert(2, "kept"), { op: "delete", id: 2 }]);
        expect(await reader.transactions(1)).toEqual([["insert 2 kept", "delete 2"]]);
      });
    });

    test.runIf(traits.reserves)(
      "reserving twice gives the same reservation, releasing twice is fine, and nothing streams without one",
      async () => {
        await reserved(async (source, from) => {
          expect(await source.reserve()).toBe(from);
          expect(await source.reservation()).toMatchObject({ position: from, identity: expect.stringMatching(/./) as string });
          await source.release();
          await source.release();
          expect(await source.reservation()).toBeNull();
          await expect(open(source, from)).rejects.toMatchObject({ code: "DB-SLOT-001" });
        });
      },
    );

    test.runIf(!traits.reserves)("what is kept does not depend on us: acknowledging and releasing change nothing", async () => {
      await reserved(async (source, from) => {
        const kept = await source.reservation();
        expect(kept).toMatchObject({ retainedBytes: 0, inUse: false, identity: expect.stringMatching(/./) as string });
        if (traits.tellsClock) expect(kept?.keptSince).toBeLessThanOrEqual((await source.endOfLog()).at);
        expect(source.positions.covers(from, kept?.position ?? from)).toBe(true);
        const reader = await open(source, from);
        await harness.commit([insert(1, "x"), { op: "delete", id: 1 }]);
        await reader.transactions(1);
        const [commit] = reader.commits();
        if (commit === undefined) throw new Error("a transaction was read");
        reader.stream.acknowledge(commit.position);
        await reader.stream.close();
        await source.release();
        expect(await source.reservation()).toEqual(kept);
        const again = await open(source, from);
        expect(await again.transactions(1)).toEqual([["insert 1 x", "delete 1"]]);
      });
    });

    test.runIf(traits.reserves)("two streams of one reservation are refused, the second with DB-SLOT-003", async () => {
      await reserved(async (source, from) => {
        const reader = await open(source, from);
        const other = harness.source();
        await expect(open(other, from)).rejects.toMatchObject({ code: "DB-SLOT-003" });
        await other.close();
        await harness.commit([insert(1, "x"), { op: "delete", id: 1 }]);
        expect(await reader.transactions(1)).toHaveLength(1);
      });
    });

    test("closing ends the iteration, is idempotent, and an aborted signal does the same", async () => {
      await reserved(async (source, from) => {
        const reader = await open(source, from);
        const ended = reader.untilEnd();
        await Promise.all([reader.stream.close(), reader.stream.close()]);
        await reader.stream.close();
        await ended;
        const controller = new AbortController();
        const second = await open(source, from, controller.signal);
        const secondEnded = second.untilEnd();
        controller.abort();
        await secondEnded;
        const third = await open(source, from, AbortSignal.abort());
        await third.untilEnd();
      });
    });
  });
}

function insert(id: number, text: string): ItemChange {
  return { op: "insert", id, text };
}

/** How many messages of a kind lie between a begin and its commit. */
function insideTransaction(messages: readonly ChangeMessage[], tag: ChangeMessage["tag"]): number {
  let [inside, count] = [false, 0];
  for (const message of messages) {
    if (message.tag === "begin") inside = true;
    if (message.tag === "commit") inside = false;
    if (inside && message.tag === tag) count++;
  }
  return count;
}
