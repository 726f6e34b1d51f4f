import { expect, test } from "vitest";
import { DebeziumDecoder } from "../../../connectors/debezium/debezium-decoder.ts";
import { debeziumOptions } from "../../support/debezium-options.ts";

const transactions = "pop.transaction";

function idOf(id: string): unknown {
  const options = debeziumOptions({ prefix: "pop" });
  const decoder = new DebeziumDecoder({ ...options, topics: { ...options.topics, transactions } });
  const value = Buffer.from(JSON.stringify({ status: "END", id, event_count: 0, data_collections: [], ts_ms: 1 }));
  return decoder.decode({ topic: transactions, partition: 0, offset: 0n, timestamp: 0, key: null, value, headers: new Map() });
}

test("BEGIN, END and events of one transaction of PostgreSQL have one id, although each prints its own LSN", () => {
  for (const id of ["5857:121684024", "5857:121684872"]) expect(idOf(id)).toMatchObject({ id: "5857" });
});

test("the id in an END tells the order of commits, where it holds one", () => {
  expect(idOf("5857:121684872")).toMatchObject({ order: { log: "lsn", parts: [121684872n] } });
  expect(idOf("0-1-161")).toMatchObject({ order: { log: "gtid:0", parts: [161n] } });
  const server = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
  expect(idOf(`${server}:23`)).toMatchObject({ order: { log: `gtid:${server}`, parts: [23n] } });
  expect(idOf("file=binlog.000007,pos=4")).toMatchObject({ order: { log: "file", parts: [7n, 4n] } });
  expect(idOf("00000027:00000758:0005")).toMatchObject({ order: { log: "lsn", parts: [0x27n, 0x758n, 5n] } });
  for (const id of ["03000300A5020000", "5.6.641", "571"]) expect(idOf(id)).toMatchObject({ order: null });
});

test("ids of other sources stay as they are", () => {
  const ids = [
    "0-1-161",
    "3e11fa47-71ca-11e1-9e33-c80aa9429562:23",
    "00000027:00000758:0005",
    "file=binlog.000001,pos=4",
    "03000300A5020000",
  ];
  for (const id of ids) expect(idOf(id)).toMatchObject({ id });
});
