// What a KafkaTarget writes, as consumers of committed records see it.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { KafkaTargetRecords } from "../../connectors/debezium/publish/kafka-target-records.ts";
import { heartbeatTopic, stateTopic, tableTopic, transactionTopic } from "../../connectors/debezium/publish/topic-names.ts";
import type { Position } from "../../engine/model/position.ts";
import { UNCHANGED } from "../../engine/model/row.ts";
import type { Subscription } from "../../engine/model/share.ts";
import type { ChangeTarget, CheckpointWrite, LoadProgress, TableChange } from "../../engine/ports/change-target.ts";
import { KafkaTargetLab } from "../support/kafka-target-lab.ts";
import { catalogTable, column, row, tableMapping } from "../support/table-builders.ts";
import { createTopics, produce } from "../support/topic-reader.ts";

const citizen = tableMapping(catalogTable([column("id", "text"), column("name", "text"), column("note", "text")]), ["id", "name", "note"]);
const household = tableMapping(
  catalogTable([column("id", "text"), column("head", "text")], { table: { schema: "public", name: "household" } }),
  ["id", "head"],
);
const subscription: Subscription = {
  id: "population/hub",
  share: "population",
  source: "national",
  target: "hub",
  agreement: { id: "TT-07/2026", from: new Date("2020-01-01T00:00:00Z"), to: null },
  regulation: { id: "QC-01", validityPeriodSeconds: 86_400, onExpiry: "refuse", logRetentionSeconds: 86_400 },
  tables: [citizen, household],
  stopped: [],
  quarantineMax: 3,
};
const whole: LoadProgress = { contract: "all", filter: null, sweepBefore: null, ranges: [], fence: null, rows: 0 };
const key = (text: string) => [Buffer.from(text)];
/** Milliseconds; what is published is in whole ones. */
const at = 1_700_000_000_000;

describe("a published subscription", () => {
  let lab: KafkaTargetLab;

  beforeAll(async () => {
    lab = await KafkaTargetLab.open();
  });
  beforeEach(() => lab.reset());
  afterAll(() => lab[Symbol.asyncDispose]());

  async function worker(): Promise<{ target: ChangeTarget; epoch: number }> {
    const target = lab.target(subscription);
    await target.prepare(subscription);
    return { target, epoch: (await target.takeEpoch()).checkpoint.epoch };
  }

  function checkpoint(changes: Partial<CheckpointWrite> = {}): CheckpointWrite {
    return {
      position: "0/2000" as Position,
      sourceIdentity: "42/1",
      sourceTime: at * 1000,
      firstPosition: "0/1F00" as Position,
      transactions: 1,
      firstCommittedAt: at * 1000,
      agreementId: "TT-07/2026",
      advancing: [citizen, household],
      loads: [],
      stops: [],
      repaired: [],
      ...changes,
    };
  }

  async function loaded(): Promise<{ target: ChangeTarget; epoch: number }> {
    const made = await worker();
    const transaction = await made.target.begin(made.epoch);
    await transaction.load(citizen, [row("1", "An", "x"), row("2", "Bình", null)]);
    const loads = [citizen, household].map((table) => ({ table, progress: whole, complete: true }));
    await transaction.commit(checkpoint({ loads }));
    return made;
  }

  const change = (changes: Partial<TableChange>): TableChange => ({
    table: citizen,
    truncate: false,
    deletes: [],
    upserts: [],
    updates: [],
    ...changes,
  });

  async function apply(made: { target: ChangeTarget; epoch: number }, changes: readonly TableChange[], sourceTime = at * 1000) {
    const transaction = await made.target.begin(made.epoch);
    const outcome = await transaction.write(changes);
    return { ...(await transaction.commit(checkpoint({ sourceTime }))), ...outcome };
  }

  const heartbeats = async () => (await lab.control(heartbeatTopic(lab.publish.prefix))).map(({ ts_ms: time }) => time);

  test("tells its first rows as a snapshot, and neither heartbeat nor transaction before they are all there", async () => {
    const made = await worker();
    const first = await made.target.begin(made.epoch);
    await first.load(citizen, [row("1", "An", null)]);
    const progress = { ...whole, rows: 1, ranges: [{ after: ["MQ=="], until: null, done: false }] };
    await first.commit(checkpoint({ advancing: [], loads: [{ table: citizen, progress, complete: false }] }));
    expect(await heartbeats()).toEqual([]);
    const loads = [citizen, household].map((table) => ({ table, progress: whole, complete: true }));
    await (await made.target.begin(made.epoch)).commit(checkpoint({ loads }));
    expect(await heartbeats()).toEqual([at]);
    expect(await lab.control(transactionTopic(lab.publish.prefix))).toEqual([]);
    expect(await lab.records(citizen)).toMatchObject([
      {
        key: { id: "1" },
        event: { op: "r", before: null, after: { id: "1", name: "An", note: null }, source: { snapshot: "true" }, transaction: null },
      },
    ]);
  });

  test("tells changes in their order, with begin and end of each batch and the source's time", async () => {
    const made = await loaded();
    await apply(
      made,
      [
        change({ deletes: [key("2")], upserts: [row("1", "Ân", null), row("3", "Chi", null)] }),
        change({ table: household, upserts: [row("h", "1")] }),
      ],
      (at + 5) * 1000,
    );
    const changes = (await lab.records(citizen)).slice(2);
    const id = "population/hub:2";
    const source = {
      connector: "postgresql",
      name: lab.publish.prefix,
      db: "national",
      schema: "public",
      table: "citizen",
      ts_ms: at + 5,
      snapshot: "false",
      position: "0/2000",
      txId: null,
    };
    expect(changes).toMatchObject([
      {
        key: { id: "2" },
        event: {
          op: "d",
          before: { id: "2", name: null, note: null },
          after: null,
          source: { ...source, lsn: 1 },
          transaction: { id, total_order: 1 },
        },
      },
      { key: { id: "2" }, event: null },
      {
        key: { id: "1" },
        event: {
          op: "u",
          before: null,
          after: { id: "1", name: "Ân" },
          source: { ...source, sequence: '["2","2"]' },
          transaction: { id, total_order: 2 },
        },
      },
      { key: { id: "3" }, event: { op: "u", after: { id: "3" }, transaction: { id, total_order: 3, data_collection_order: 3 } } },
    ]);
    expect(await lab.records(household)).toMatchObject([{ event: { transaction: { id, total_order: 4, data_collection_order: 1 } } }]);
    expect(await lab.control(transactionTopic(lab.publish.prefix))).toEqual([
      { status: "BEGIN", id, event_count: null, data_collections: null, ts_ms: at + 5 },
      {
        status: "END",
        id,
        event_count: 4,
        data_collections: [
          { data_collection: "public.citizen", event_count: 3 },
          { data_collection: "public.household", event_count: 1 },
        ],
        ts_ms: at + 5,
      },
    ]);
    expect(await heartbeats()).toEqual([at, at + 5]);
  });

  test("asks for rows that are not told whole, and lets a key go that a row has left", async () => {
    const made = await loaded();
    const updates = [
      { key: key("1"), row: row("1", "Ân", UNCHANGED) },
      { key: key("2"), row: row("9", UNCHANGED, UNCHANGED) },
    ];
    const { missing } = await apply(made, [change({ updates })]);
    expect(missing.map(({ keys }) => keys.map(String))).toEqual([["1", "9"]]);
    expect(await lab.rows(citizen)).toEqual([["1", "An", "x"]]);
  });

  test("tells a truncate where it has its place, and stops the table where it has none", async () => {
    const made = await loaded();
    await apply(made, [change({ truncate: true, upserts: [row("3", "Chi", null)] })]);
    expect((await lab.records(citizen)).slice(2)).toMatchObject([
      { key: null, event: { op: "t", before: null, after: null } },
      { event: { op: "u" } },
    ]);
    lab.reset();
    await createTopics(lab.brokers, { topic: tableTopic(lab.publish.prefix, citizen.target), partitions: 2 });
    const split = await loaded();
    const { stops } = await apply(split, [change({ truncate: true }), change({ table: household, upserts: [row("h", "1")] })]);
    expect(stops).toMatchObject([{ table: citizen, code: "DB-KAF-163" }]);
    expect(await lab.rows(household)).toEqual([["h", "1"]]);
  });

  test("begins a table anew with a truncate, and no time moves until it is whole again", async () => {
    const made = await loaded();
    const begun = await made.target.begin(made.epoch);
    const progress = { ...whole, sweepBefore: begun.batchId };
    const later = (at + 60_000) * 1000;
    await begun.commit(checkpoint({ sourceTime: later, advancing: [household], loads: [{ table: citizen, progress, complete: false }] }));
    const chunk = await made.target.begin(made.epoch);
    await chunk.load(citizen, [row("2", "Bình", null)]);
    await chunk.commit(checkpoint({ sourceTime: later, advancing: [household] }));
    expect((await lab.records(citizen)).slice(2)).toMatchObject([
      { event: { op: "t", source: { ts_ms: at, snapshot: "true" } } },
      { event: { op: "r", source: { ts_ms: at, snapshot: "true" } } },
    ]);
    expect(await heartbeats()).toEqual([at]);
    await (
      await made.target.begin(made.epoch)
    ).commit(checkpoint({ sourceTime: later, loads: [{ table: citizen, progress, complete: true }] }));
    expect(await heartbeats()).toEqual([at, at + 60_000]);
  });

  test("says nothing while it is suspended", async () => {
    const made = await loaded();
    await made.target.setSuspension(made.epoch, "breach");
    await apply(made, [], (at + 1000) * 1000);
    expect(await heartbeats()).toEqual([at]);
    await made.target.setSuspension(made.epoch, null);
    await apply(made, [], (at + 2000) * 1000);
    expect(await heartbeats()).toEqual([at, at + 2000]);
  });

  test("shows nothing of a batch that was sent in part and given up", async () => {
    const made = await loaded();
    const transaction = await made.target.begin(made.epoch);
    const long = "ễ".repeat(20_000);
    const many = Array.from({ length: 300 }, (_, number) => row(`n${number}`, long, null));
    await transaction.write([change({ upserts: many })]);
    await transaction.rollback();
    await apply(made, [change({ upserts: [row("4", "Dung", null)] })]);
    const events = await lab.records(citizen);
    expect(events.map(({ key: own }) => own?.["id"])).toEqual(["1", "2", "4"]);
    // Numbers begin again with each batch, and the batch that was given up has left its own to the next.
    expect(events.at(-1)).toMatchObject({ event: { source: { sequence: '["2","1"]' } } });
  });

  test("of a worker that was thrown out nothing is seen, and the one that has the epoch goes on after a command came in between", async () => {
    const old = await loaded();
    const open = await old.target.begin(old.epoch);
    await open.write([change({ upserts: [row("7", "late", null)] })]);
    const next = await worker();
    await expect(open.commit(checkpoint())).rejects.toMatchObject({ name: "ReplicationError" });
    await open.rollback();
    await expect(old.target.begin(old.epoch)).rejects.toMatchObject({ code: "DB-RUN-010" });
    await using records = closing(new KafkaTargetRecords(lab.publish));
    await records.refuseUntilLoaded(subscription.id, ["public.citizen"]);
    const interrupted = await next.target.begin(next.epoch);
    await expect(interrupted.commit(checkpoint())).rejects.toMatchObject({ code: "DB-KAF-011" });
    const { expired } = await apply(next, [change({ table: household, upserts: [row("h", "1")] })]);
    expect(expired).toEqual([citizen]);
    expect(await lab.rows(citizen)).toEqual([
      ["1", "An", "x"],
      ["2", "Bình", null],
    ]);
    expect(await lab.rows(household)).toEqual([["h", "1"]]);
  });

  test("belongs to one subscription, and is not begun anew where records lie that nobody tells of", async () => {
    await loaded();
    const other = { ...subscription, id: "income/hub" };
    await expect(lab.target(other).prepare(other)).rejects.toMatchObject({ code: "DB-KAF-160" });
    lab.reset();
    const topic = tableTopic(lab.publish.prefix, citizen.target);
    await createTopics(lab.brokers, { topic });
    await produce(lab.brokers, topic, [{ key: "k", value: "v" }]);
    await expect(lab.target(subscription).prepare(subscription)).rejects.toMatchObject({ code: "DB-TGT-004" });
    lab.reset();
    await createTopics(lab.brokers, { topic: stateTopic(lab.publish.prefix) });
    await expect(lab.target(subscription).prepare(subscription)).rejects.toMatchObject({ code: "DB-KAF-162" });
  });

  test("tells commands how its copies stand, and is over for good once it is terminated", async () => {
    const made = await loaded();
    await using records = closing(new KafkaTargetRecords(lab.publish));
    await lab.state();
    const copies = await records.copies([subscription.id, "other"]);
    expect(copies).toMatchObject([
      {
        table: "public.citizen",
        shareState: "ACTIVE",
        reason: "expired",
        rows: null,
        rowsQuarantined: 0,
        position: "0/2000",
        stopped: null,
      },
      { table: "public.household", lastSyncAt: new Date(at) },
    ]);
    expect(await records.batch(subscription.id, 1)).toMatchObject({ kind: "stream", rowsWritten: 2, agreementId: "TT-07/2026" });
    await expect(records.findRow(copies[0]!, ["1"])).rejects.toMatchObject({ code: "DB-KAF-164" });
    await expect(records.findRow(copies[0]!, ["1", "2"])).rejects.toMatchObject({ code: "DB-RUN-023" });
    expect(await records.terminate("other")).toBe(false);
    expect(await records.terminate(subscription.id)).toBe(true);
    const late = await made.target.begin(made.epoch);
    await expect(late.commit(checkpoint())).rejects.toMatchObject({ name: "ReplicationError" });
    await expect(made.target.begin(made.epoch)).rejects.toMatchObject({ code: "DB-RUN-010" });
  });
});

function closing<T extends { close(): Promise<void> }>(opened: T): T & AsyncDisposable {
  return Object.assign(opened, { [Symbol.asyncDispose]: () => opened.close() });
}
