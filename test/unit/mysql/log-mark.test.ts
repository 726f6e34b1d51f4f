import { expect, test } from "vitest";
import { withoutOwners } from "../../../connectors/mysql/compare/log-mark.ts";
import { formatGtidSet, parseGtidSet } from "../../../connectors/mysql/gtid-set.ts";

const [one, other] = ["3e11fa47-71ca-11e1-9e33-c80aa9429562", "00000000-71ca-11e1-9e33-c80aa9429562"];

test.each([
  ["", ""],
  [`${one}:7#45`, `${one}:7`],
  [`${one}:7#45:9#46`, `${one}:7:9`],
  // One server's transactions come straight behind the other's, a thread's number before a UUID's digits.
  [`${one}:7#45${other}:1#3`, `${other}:1,${one}:7`],
  [`${one}:7#45,\n${other}:1#3`, `${other}:1,${one}:7`],
])("of %j the transactions are %j", (owned, transactions) => {
  const set = parseGtidSet(withoutOwners(owned));
  expect(set).not.toBeNull();
  expect(formatGtidSet(set!)).toBe(transactions);
});
