import { expect, test } from "vitest";
import { encodeDump, encodeDumpGtid } from "../../../connectors/mysql/capture/dump-command.ts";
import { explainFailure } from "../../../connectors/mysql/capture/explain-failure.ts";
import { SilenceWatch } from "../../../connectors/mysql/capture/silence-watch.ts";
import { parseGtidSet } from "../../../connectors/mysql/gtid-set.ts";
import { ReplicationError } from "../../../engine/model/replication-error.ts";

test("commands that ask for the log are as the protocol has them", () => {
  expect(encodeDump(0x8000_0001, { file: "binlog.000001", offset: 4 }).toString("hex")).toBe(
    `180000001204000000000001000080${Buffer.from("binlog.000001").toString("hex")}`,
  );
  const set = parseGtidSet("3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5:9");
  expect(encodeDumpGtid(7, set ?? new Map()).toString("hex")).toBe(
    ["57000000", "1e", "0000", "07000000", "00000000", "0400000000000000", "40000000", "0100000000000000"].join("") +
      [
        "3e11fa4771ca11e19e33c80aa9429562",
        "0200000000000000",
        "0100000000000000",
        "0600000000000000",
        "0900000000000000",
        "0a00000000000000",
      ].join(""),
  );
});

test("silence is told when it has lasted, not while we do not read, nor when we ourselves stood still", () => {
  const watch = new SilenceWatch(1000, 0);
  expect(watch.check(900, 900)).toBe(false);
  watch.heard(950);
  expect(watch.check(1800, 900)).toBe(false);
  expect(watch.check(2000, 900)).toBe(true);
  watch.pause();
  expect(watch.check(9000, 7000)).toBe(false);
  watch.resume(9000);
  expect(watch.check(9250, 250)).toBe(false);
  expect(watch.check(20_000, 250)).toBe(false);
  expect(watch.check(20_250, 250)).toBe(false);
});

function refused(words: string, errno = 1236): Error {
  return Object.assign(new Error(words), { errno, sqlState: "HY000" });
}

test.each([
  ["A slave with the same server_uuid/server_id as this slave has connected to the source", 1236, "DB-SLOT-026"],
  ["whatever", 4052, "DB-SLOT-026"],
  ["Cannot replicate because the source purged required binary logs", 1236, "DB-SLOT-005"],
  ["Could not find GTID state requested by slave in any binlog files. Probably the slave state is too old", 1236, "DB-SLOT-005"],
  ["Could not find first log file name in binary log index file", 1236, "DB-SLOT-005"],
  ["Error: connecting slave requested to start from GTID 0-1-9, which is not in the master's binlog", 1236, "DB-SLOT-004"],
  ["Replica has more GTIDs than the source has, using the source's SERVER_UUID", 1236, "DB-SLOT-004"],
  ["log event entry exceeded max_allowed_packet; Increase max_allowed_packet on master", 1236, "DB-SLOT-027"],
  ["Access denied; you need (at least one of) the REPLICATION SLAVE privilege(s)", 1227, "DB-MY-003"],
])("%s (%i) is %s", async (words, errno, code) => {
  expect(await explainFailure(refused(words, errno), "hue", () => Promise.resolve())).toMatchObject({ code });
});

test("what the server shows of its log says more than its words", async () => {
  const found = new ReplicationError("DB-SLOT-005", { subject: "hue" });
  expect(await explainFailure(refused("words of another version"), "hue", () => Promise.reject(found))).toBe(found);
});
